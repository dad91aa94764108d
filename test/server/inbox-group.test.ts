/** What is sent to the readers of a topic: stored, passed on to their inboxes, once each. */
import type { AnyEvents } from "sente-sync";
import { channel as clientChannel, createClient, inbox, relay } from "sente-sync/client";
import { channel, createServer, type Server, inbox as serveInbox } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { memoryConnector } from "sente-sync/transports/memory";
import { expect, test } from "vitest";
import { faultyStorage } from "../../src/testing/faulty-storage.ts";
import { createRng } from "../../src/testing/rng.ts";
import { allAs, codeOf, mailWorld } from "../client/mail-world.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, roomRef } from "./world.ts";

const dataOf = (items: readonly { readonly data: unknown }[]): unknown[] => items.map(({ data }) => data);

test("RELAY2 a message to a topic's readers goes to each of their inboxes once, and to nobody else's, nor to the sender's", async () => {
  const world = mailWorld();
  channel(world.sync, roomRef);
  const mail = serveInbox(world.sync);
  const users = ["ada", "ada", "bob", "cyd", "dan"];
  const clients = await allAs(world, users);
  // Two tabs of ada and one of bob read; cyd only writes, dan is elsewhere.
  for (const client of clients.slice(0, 3)) clientChannel(client, roomRef).subscribe(() => {});
  clientChannel(clients[3] as never, roomRef).publish("said", 1);
  const inboxes = clients.map((client) => inbox(client));
  for (const each of inboxes) each.keep();
  await world.advance(10);
  const receipt = relay(clients[2] as never).send({ topic: roomRef }, "chat/all", { text: "hi" });
  await world.advance(10);
  expect([receipt.status, inboxes.map(({ items }) => items.get().length), mail.counters.stored]).toEqual([
    "stored",
    [1, 1, 0, 0, 0],
    1,
  ]);
  expect(inboxes[0]?.items.get()).toMatchObject([{ event: "chat/all", data: { text: "hi" }, from: { user: "bob" } }]);
  const alone = codeOf(relay(clients[0] as never).send({ topic: "elsewhere" }, "chat/all").stored);
  await world.advance(10);
  expect(await alone).toBe("not-found");
});

test("RELAY2 nobody reads what waits there, authorize is asked for relay with the topic, and data is validated", async () => {
  const asked: unknown[] = [];
  const world = mailWorld({
    events: {
      "chat/number": {
        data: {
          "~standard": {
            version: 1,
            vendor: "t",
            validate: (value) => (typeof value === "number" ? { value } : { issues: [{ message: "no" }] }),
          },
        },
      },
    },
    authorize: ({ user, action, kind, topic, params }) => {
      if (kind === "relay") asked.push([user.id, action, topic, params["topic"]]);
      return user.id !== "eve" || action !== "relay";
    },
  });
  channel(world.sync, roomRef);
  serveInbox(world.sync);
  const [bob, eve] = [(await world.as("bob")).client, (await world.as("eve")).client];
  clientChannel(eve, roomRef).subscribe(() => {});
  clientChannel(bob, roomRef).subscribe(() => {});
  await world.advance(10);
  const outcomes = [
    relay(eve).send({ topic: "room" }, "chat/number", 1),
    relay(bob).send({ topic: "room" }, "chat/number", "x"),
    relay(bob).send({ topic: "room" }, "sync/x"),
    relay(bob).send({ topic: "room" }, "chat/number", 1),
  ].map(({ stored }) => codeOf(stored));
  await world.advance(10);
  expect(await Promise.all(outcomes)).toEqual(["forbidden", "invalid", "invalid", "fine"]);
  expect(new Set(asked.map((each) => JSON.stringify(each)))).toEqual(
    new Set([JSON.stringify(["eve", "relay", "relay/room", "room"]), JSON.stringify(["bob", "relay", "relay/room", "room"])]),
  );
  const peer = await world.ours("client-id=x&uid=bob");
  expect((await peer.subscribe({ topic: "relay/room", kind: "relay" }))[0]?.error?.code).toBe("forbidden");
});

/** Servers that follow one another on a disk that loses its power, and clients of whichever it is. Nobody closes what has died. */
function lives(seed: number) {
  const clock = virtualClock({ seed });
  const env = clock.envFor("world");
  const storage = faultyStorage({ rng: createRng(seed), latencyMs: 1 });
  const onError = (): void => {};
  let sync: Server;
  return {
    storage,
    advance: (ms: number) => clock.advance(ms),
    serve() {
      sync = createServer<AnyEvents>({ env, storage, onError });
      channel(sync, roomRef);
      return serveInbox(sync);
    },
    async as(id: string) {
      const connector = memoryConnector((transport, url) => void sync.accept(transport, url, { id }), env);
      const client = createClient("memory://server/chsk", { connector, env, onError });
      await clock.advance(50);
      return client;
    },
  };
}

test("RELAY8 what was stored and not passed on when the server died is passed on by the next one, once to each", async () => {
  const outcomes = new Set<string>();
  const readers = ["ada", "bob", "cyd"];
  // The power goes at another moment each time, from before the message is stored until after it was passed on.
  for (let moment = 0; moment < 24; moment++) {
    const world = lives(moment);
    const before = world.serve();
    const clients = [];
    for (const id of readers) clients.push(await world.as(id));
    for (const client of clients) clientChannel(client, roomRef).subscribe(() => {});
    const dan = await world.as("dan");
    await world.advance(500);
    const receipt = relay(dan).send({ topic: "room" }, "chat/all", moment);
    await world.advance(moment / 2);
    world.storage.disk.crash(createRng(moment).fork("power"));
    const said = receipt.status === "stored";
    const passed = before.counters.stored;
    for (const client of [...clients, dan]) client.close();
    const after = world.serve();
    const inboxes = [];
    for (const id of readers) inboxes.push(inbox(await world.as(id)));
    for (const each of inboxes) each.keep();
    await world.advance(5000);
    const got = inboxes.map(({ items }) => dataOf(items.get()));
    // All of them or none; and where the sender was told so, all.
    if (!said && got.every(({ length }) => length === 0)) outcomes.add("lost, not said");
    else {
      expect([moment, got]).toEqual([moment, readers.map(() => [moment])]);
      outcomes.add(
        `${said ? "said" : "not said"}, ${passed ? "passed on" : after.counters.stored ? "passed on by the next" : "on its way"}`,
      );
    }
  }
  for (const state of ["lost, not said", "not said, passed on by the next", "said, passed on by the next", "said, passed on"]) {
    expect([...outcomes]).toContain(state);
  }
});

test("RELAY8 the messages for all readers, and the mark that they are passed on, are one append", async () => {
  const world = lives(1);
  const parts: number[] = [];
  const { open } = world.storage;
  world.storage.open = async (host) => {
    const log = await open(host);
    const appendAll = log.appendAll?.bind(log) as NonNullable<typeof log.appendAll>;
    log.appendAll = (all) => {
      parts.push(all.length);
      return appendAll(all);
    };
    return log;
  };
  world.serve();
  for (const id of ["ada", "bob", "cyd"]) clientChannel(await world.as(id), roomRef).subscribe(() => {});
  relay(await world.as("dan")).send({ topic: "room" }, "chat/all", 1);
  await world.advance(1000);
  expect(parts).toEqual([4]);
});

test("RELAY8 where the disk fails while a message is passed on, it is tried again, and an inbox that refuses it keeps nobody else from it", async () => {
  const base = createWorld();
  const storage = handStorage(base.env);
  storage.auto = true;
  const world = mailWorld({ storage });
  channel(world.sync, roomRef);
  const mail = serveInbox(world.sync, { overflow: "refuse" });
  const clients = await allAs(world, ["ada", "bob", "cyd"]);
  for (const client of clients) clientChannel(client, roomRef).subscribe(() => {});
  const inboxes = clients.map((client) => inbox(client));
  for (const each of inboxes) each.keep();
  for (let n = 0; n < 1000; n++) mail.notify("ada", "app/full", n);
  await world.advance(100);
  const full = Array.from({ length: 1000 }, (_, n) => n);
  storage.auto = false;
  const receipt = relay(clients[2] as never).send({ topic: "room" }, "chat/all", 1);
  await world.advance(10);
  await storage.store();
  await world.advance(10);
  // It is stored, and on its way to the inboxes.
  expect([receipt.status, storage.waiting > 0]).toEqual(["stored", true]);
  await storage.fail();
  await world.advance(500);
  expect(inboxes.map(({ items }) => dataOf(items.get()))).toEqual([full, [], []]);
  storage.heal();
  storage.auto = true;
  await world.advance(5000);
  expect(inboxes.map(({ items }) => dataOf(items.get()))).toEqual([full, [1], []]);
  expect(
    world.errors.filter(({ where }) => where === "relay/room").map(({ error }) => (error as { code: string }).code),
  ).toContain("limit");
});
