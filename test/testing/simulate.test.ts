/** `simulate`: worlds that a test directs, and histories that it only describes. Rules: docs/protocol/transports.md SIM17-SIM20. */
import { defineChannel, type } from "sente-sync";
import { channel as clientChannel, type Receipt } from "sente-sync/client";
import { channel } from "sente-sync/server";
import { SimulationFailure, simulate } from "sente-sync/testing";
import { expect, test } from "vitest";

const room = defineChannel("room", { events: { said: type<string>() } });
const app = {
  model: () => ({ receipts: [] as { text: string; receipt: Receipt }[], told: new Map<string, string[]>() }),
  install: (sync: object) => channel(sync, room),
  open: (client: object, { name, model }: { name: string; model: { told: Map<string, string[]> } }) => {
    const own = clientChannel(client, room);
    const told: string[] = [];
    model.told.set(name, told);
    own.subscribe(({ data }) => void told.push(data), { from: 1 });
    return own;
  },
};

test("a world is directed by hand: offline, crash, loss of power", async () => {
  const world = simulate({ seed: 1, storage: true, ...app });
  const ada = world.client({ name: "ada" });
  const bob = world.client();
  await world.settle();
  const receipt = ada.app.publish("said", "hello");
  await world.settle();
  expect([receipt.status, receipt.offset]).toEqual(["stored", 1]);
  world.server.crash("power", 100);
  await world.advance("1s");
  bob.offline();
  ada.app.publish("said", "again");
  await world.settle();
  expect(world.model.told.get("client1")).toEqual(["hello"]);
  bob.online();
  await world.settle();
  expect(world.model.told.get("client1")).toEqual(["hello", "again"]);
  expect((await world.stored("room")).entries).toMatchObject([
    ["said", "hello"],
    ["said", "again"],
  ]);
});

test("a history", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const report = await simulate({
      seed,
      storage: true,
      ...app,
      ops: 60,
      workload: {
        say: ({ client, model, rng }) =>
          void model.receipts.push({ text: "x", receipt: client.app.publish("said", `${client.name} ${rng.int(1e9)}`) }),
      },
      onError: (error, where) => void console.log(seed, where, String(error)),
    });
    console.log(report.steps, report.simulatedMs, report.faults, report.serverLives);
  }
});

test("SIM19 fails", async () => {
  await expect(
    simulate({
      seed: 1,
      storage: true,
      ...app,
      workload: {
        say: ({ client, model, rng }) =>
          void model.receipts.push({ text: "x", receipt: client.app.publish("said", `${client.name} ${rng.int(1e9)}`) }),
      },
      onError: () => {},
      after: ({ model, server }) => {
        expect(server.lives).toBe(1);
      },
    }),
  ).rejects.toThrow(SimulationFailure);
});
