/** `simulate`: worlds that a test directs, and histories that it only describes. */
import { defineChannel, type } from "sente-sync";
import { channel as channelOn, type Receipt } from "sente-sync/client";
import { channel } from "sente-sync/server";
import { type SimulateOptions, SimulationFailure, simulate } from "sente-sync/testing";
import { expect, test } from "vitest";

const room = defineChannel("room", { events: { said: type<string>() } });

interface Model {
  readonly receipts: Receipt[];
  readonly told: Map<object, string[]>;
}

const app = {
  model: (): Model => ({ receipts: [], told: new Map() }),
  install: (sync: object) => channel(sync, room),
  open(client: object, { model }: { readonly model: Model }) {
    const own = channelOn(client, room);
    const told: string[] = [];
    model.told.set(own, told);
    own.subscribe(({ data }) => void told.push(data), { from: 1 });
    return own;
  },
};

type History = SimulateOptions<ReturnType<typeof app.install>, ReturnType<typeof app.open>, Model>;

const history = (seed: number, more: Partial<History> = {}): History => ({
  seed,
  storage: true,
  ...app,
  ops: 60,
  workload: {
    say: ({ client, model, rng }) => void model.receipts.push(client.app.publish("said", `${client.name} ${rng.int(1e9)}`)),
  },
  // A disk that fails is reported; that is no finding.
  onError: () => {},
  ...more,
});

test("SIM18 and SIM20 a world is directed by hand: offline, crash, loss of power; what was stored is there", async () => {
  const world = simulate({ seed: 1, storage: true, ...app });
  const [ada, bob] = [world.client({ name: "ada" }), world.client()];
  await world.settle();
  const receipt = ada.app.publish("said", "hello");
  await world.settle();
  expect([receipt.status, receipt.offset]).toEqual(["stored", 1]);
  world.server.crash("power", 100);
  await world.advance("1s");
  bob.offline();
  ada.app.publish("said", "again");
  await world.settle();
  expect(world.model.told.get(bob.app)).toEqual(["hello"]);
  bob.online();
  await world.settle();
  expect(world.model.told.get(bob.app)).toEqual(["hello", "again"]);
  expect(world.server.lives).toBe(2);
  const { entries } = await world.stored("room");
  expect(entries.map((entry) => (entry as unknown[]).slice(0, 2))).toEqual([
    ["said", "hello"],
    ["said", "again"],
  ]);
});

test("SIM17 the same seed is the same history to the last step, another one is another, and a tape is what it was", async () => {
  const [one, again, other] = [await simulate(history(3)), await simulate(history(3)), await simulate(history(4))];
  expect([again.hash, again.steps]).toEqual([one.hash, one.steps]);
  expect(other.hash).not.toBe(one.hash);
  const replayed = await simulate(history(99, { tape: JSON.parse(JSON.stringify(one.tape)) }));
  expect(replayed.hash).toBe(one.hash);
});

test("SIM20 histories of a swarm settle, under faults that really happen, with servers that die", async () => {
  let [faults, lives] = [0, 0];
  for (let seed = 1; seed <= 20; seed++) {
    const report = await simulate(history(seed));
    faults += report.faults;
    lives += report.serverLives;
  }
  expect(faults).toBeGreaterThan(100);
  expect(lives).toBeGreaterThan(25);
});

test("SIM19 a history that fails rejects with the shortest tape that fails as well", async () => {
  const failing = history(1, {
    after({ model }) {
      if (model.receipts.filter(({ status }) => status === "stored").length >= 2) throw new Error("Two are too many.");
    },
  });
  const failure = await simulate(failing).then(
    () => undefined,
    (error: unknown) => error as SimulationFailure,
  );
  expect(failure).toBeInstanceOf(SimulationFailure);
  const { tape, seed, message } = failure as SimulationFailure;
  expect([seed, tape.events.map(({ name }) => name)]).toEqual([1, ["say", "say"]]);
  expect(message).toContain("Two are too many.");
  await expect(simulate({ ...failing, tape, shrinkRuns: 0 })).rejects.toThrow("Two are too many.");
});
