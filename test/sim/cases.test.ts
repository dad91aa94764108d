/**
 * What the histories once found, each as a short story of its own, on a calm network. Rules: docs/protocol/resume.md.
 */
import { defineAtom, defineChannel, type } from "sente-sync";
import { atom, type Client, type ClientOptions, channel, createClient, type Gap, type Receipt } from "sente-sync/client";
import { createServer, type ServerOptions, atom as serveAtom, channel as serveChannel } from "sente-sync/server";
import { type Faults, memoryNetwork, virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { createMiddlebox, type Middlebox } from "./middlebox.ts";

const wordsRef = defineAtom("words", { initial: { n: 0, list: [] as string[] } });
const roomRef = defineChannel("room", { events: { said: type<string>() } });

type Words = { n: number; list: string[] };

function createStage(faults: Partial<Faults> = {}, retention: { maxEntries?: number } = {}) {
  const clock = virtualClock({ seed: 1 });
  const network = memoryNetwork({ clock, faults: { latencyMs: 0, ...faults } });
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const stage = {
    clock,
    network,
    errors,
    advance: (ms: number) => clock.advance(ms),
    /** A server that begins with nothing. */
    serve(options: ServerOptions = {}) {
      const env = clock.envFor("server");
      const sync = createServer({ env, onError, ...options });
      network.listen("server", (transport, url) => void sync.accept(transport, url), env);
      return {
        sync,
        words: serveAtom<Words>(sync, wordsRef, { retention }),
        room: serveChannel(sync, roomRef, { retention }),
        env,
      };
    },
    connect(name: string, options: ClientOptions = {}): { client: Client; box: Middlebox; sent: string[] } {
      const sent: string[] = [];
      const box = createMiddlebox({
        connector: network.connector(name),
        later: (run) => void clock.schedule(name, 1, "offline", run),
        onSend: (frame) => void sent.push(frame),
        onFrame: () => {},
        onSwallow: () => {},
      });
      return {
        client: createClient("ws://server/chsk", { env: clock.envFor(name), connector: box, onError, ...options }),
        box,
        sent,
      };
    },
  };
  return stage;
}

function listen(client: Client, from: "latest" | number = "latest"): { heard: (string | Gap)[]; stop(): void } {
  const heard: (string | Gap)[] = [];
  const stop = channel(client, roomRef).subscribe(({ data }) => void heard.push(data), {
    from,
    onGap: (gap) => void heard.push(gap),
  });
  return { heard, stop };
}

const outcome = (receipt: Receipt): Promise<string> =>
  receipt.stored.then(
    () => `stored at ${receipt.offset}`,
    (error: { code: string }) => error.code,
  );

test("RESUME1 a reader that comes while another's subscription is under way is told nothing twice", async () => {
  const stage = createStage({ latencyMs: 20 });
  stage.serve();
  const { client } = stage.connect("client");
  const first = listen(client);
  await stage.advance(1000);
  stage.network.crash("server");
  const { room } = stage.serve();
  room.publish("said", "one");
  // On the new line: the first asks again, and before the answer is there, others come and go.
  for (let i = 0; i < 60; i++) {
    await stage.advance(30);
    listen(client).stop();
  }
  room.publish("said", "two");
  await stage.advance(1000);
  expect(first.heard).toEqual([{ from: 0, to: 0 }, "one", "two"]);
});

test("RESUME11 who reads from an offset gets what is kept from there on, also as the first reader", async () => {
  const stage = createStage({}, { maxEntries: 4 });
  const { room } = stage.serve();
  for (const word of ["1", "2", "3", "4", "5", "6"]) room.publish("said", word);
  const kept = listen(stage.connect("a").client, 4);
  const missed = listen(stage.connect("b").client, 2);
  const beyond = listen(stage.connect("c").client, 30);
  await stage.advance(100);
  expect(kept.heard).toEqual(["4", "5", "6"]);
  expect(missed.heard).toEqual([{ from: 2, to: 2 }, "3", "4", "5", "6"]);
  // No such offset was ever given out by this server: it is one of another epoch.
  expect(beyond.heard).toEqual([{ from: 0, to: 0 }, "3", "4", "5", "6"]);
});

test("RESUME11 one reader's way back tells the others nothing: no event again, and no gap of theirs", async () => {
  const stage = createStage({}, { maxEntries: 2 });
  const { room } = stage.serve();
  const { client } = stage.connect("client");
  const now = listen(client);
  await stage.advance(100);
  for (const word of ["1", "2", "3"]) {
    room.publish("said", word);
    await stage.advance(10);
  }
  const past = listen(client, 1);
  const later = listen(client);
  await stage.advance(100);
  room.publish("said", "4");
  await stage.advance(100);
  expect(past.heard).toEqual([{ from: 1, to: 1 }, "2", "3", "4"]);
  expect(now.heard).toEqual(["1", "2", "3", "4"]);
  expect(later.heard).toEqual(["4"]);
});

test("RESUME11 who comes while the line is down, after another one went back, still reads on from now", async () => {
  const stage = createStage();
  const { room } = stage.serve();
  const { client, box } = stage.connect("client");
  const now = listen(client);
  await stage.advance(100);
  for (const word of ["1", "2", "3"]) room.publish("said", word);
  await stage.advance(100);
  box.offline = true;
  stage.network.cut("client");
  await stage.advance(100);
  const past = listen(client, 1);
  const later = listen(client);
  box.offline = false;
  await stage.advance(5000);
  room.publish("said", "4");
  await stage.advance(100);
  expect(now.heard).toEqual(["1", "2", "3", "4"]);
  expect(past.heard).toEqual(["1", "2", "3", "4"]);
  expect(later.heard).toEqual(["4"]);
});

test("RESUME11 an offset of an older epoch, asked for while a newcomer's subscription is under way, hides nothing from it", async () => {
  const stage = createStage({ latencyMs: 20 });
  const before = stage.serve();
  const { client } = stage.connect("client", { lingerMs: 0 });
  const old = listen(client);
  await stage.advance(1000);
  for (let i = 0; i < 20; i++) before.room.publish("said", "old");
  await stage.advance(1000);
  old.stop();
  stage.network.crash("server");
  const { room } = stage.serve();
  await stage.advance(5000);
  const now = listen(client);
  await stage.advance(15);
  const past = listen(client, 20);
  await stage.advance(1000);
  room.publish("said", "new");
  await stage.advance(1000);
  expect(now.heard.at(-1)).toBe("new");
  expect(past.heard).toEqual([{ from: 0, to: 0 }, "new"]);
});

test("RESUME5 who stops reading and reads again before the first answer came is subscribed", async () => {
  const stage = createStage({ latencyMs: 20 });
  const { words } = stage.serve();
  const { client } = stage.connect("client", { lingerMs: 1000 });
  await stage.advance(500);
  const held = atom(client, wordsRef);
  held.keep()();
  await stage.advance(500);
  held.keep();
  words.update((draft) => void draft.n++);
  await stage.advance(500);
  expect(held.get()?.n).toBe(1);
});

test("RESUME5 a hole that is found while nobody reads does not keep the next reader from being subscribed", async () => {
  const stage = createStage();
  const { words } = stage.serve();
  const { client, box } = stage.connect("client", { lingerMs: 1000 });
  await stage.advance(100);
  const held = atom(client, wordsRef);
  const stop = held.keep();
  await stage.advance(100);
  stop();
  box.toSwallow = 1;
  for (let i = 0; i < 2; i++) {
    words.update((draft) => void draft.n++);
    await stage.advance(100);
  }
  held.keep();
  await stage.advance(100);
  expect(held.get()?.n).toBe(2);
});

test("RESUME5 the newest subscription of a topic is the one that stays, however slow authorize is with an older one", async () => {
  const stage = createStage();
  const answers: (() => void)[] = [];
  const { room } = stage.serve({
    authorize: ({ action }) => action === "read" || new Promise((resolve) => void answers.push(() => resolve(true))),
  });
  const { client } = stage.connect("client");
  await stage.advance(100);
  // To write first, which takes its time; then to read.
  const receipt = channel(client, roomRef).publish("said", "mine");
  const stored = outcome(receipt);
  await stage.advance(100);
  const { heard } = listen(client);
  await stage.advance(100);
  while (answers.length) {
    answers.shift()?.();
    await stage.advance(100);
  }
  room.publish("said", "theirs");
  await stage.advance(100);
  expect(await stored).toBe("stored at 1");
  expect(heard).toEqual(["mine", "theirs"]);
});

test("RESUME6 writes keep their order and are not refused while their topic is subscribed anew under a slow authorize", async () => {
  const stage = createStage();
  const waits = [500, 10, 10];
  const { env, room } = stage.serve({
    authorize: ({ action }) =>
      action === "read" || new Promise((resolve) => void env.setTimer(() => resolve(true), waits.shift() ?? 10)),
  });
  const { client } = stage.connect("client");
  const now = listen(client);
  await stage.advance(100);
  room.publish("said", "0");
  await stage.advance(100);
  const { publish } = channel(client, roomRef);
  const first = outcome(publish("said", "1"));
  await stage.advance(50);
  listen(client, 1);
  await stage.advance(50);
  const second = outcome(publish("said", "2"));
  await stage.advance(2000);
  expect([await first, await second]).toEqual(["stored at 2", "stored at 3"]);
  expect(now.heard).toEqual(["0", "1", "2"]);
});

test("RESUME6 an acknowledgement that comes while its topic is subscribed anew settles its write", async () => {
  const stage = createStage({ latencyMs: 20 });
  const { room } = stage.serve();
  const { client } = stage.connect("client");
  listen(client);
  await stage.advance(500);
  room.publish("said", "theirs");
  await stage.advance(500);
  const stored = outcome(channel(client, roomRef).publish("said", "mine"));
  await stage.advance(1);
  listen(client, 1);
  await stage.advance(500);
  expect(await stored).toBe("stored at 2");
  expect(stage.errors).toEqual([]);
});

test("RESUME6 close rejects what was written and waits, and what is written after it", async () => {
  const stage = createStage();
  const { client } = stage.connect("client");
  const { publish } = channel(client, roomRef);
  const waiting = outcome(publish("said", "1"));
  await stage.advance(100);
  client.close();
  const late = outcome(publish("said", "2"));
  const other = outcome(channel(client, "elsewhere").publish("said", "3"));
  await stage.advance(100);
  expect([await waiting, await late, await other]).toEqual(["closed", "closed", "closed"]);
});

test("RESUME4 a snapshot that broke off leaves no position: the next line brings it whole", async () => {
  const stage = createStage({ bytesPerMs: 100, latencyMs: 1 });
  const old = stage.serve();
  const { client } = stage.connect("client");
  const told: Words[] = [];
  atom(client, wordsRef).listen((value) => void (value && told.push(value)));
  await stage.advance(1000);
  for (const n of [1, 2]) {
    old.words.update((draft) => void (draft.n = n));
    await stage.advance(100);
  }
  stage.network.crash("server");
  const { words } = stage.serve();
  const list = Array.from({ length: 2000 }, (_, at) => `a word of the new server, number ${at}`);
  for (const n of [11, 12, 13, 14]) {
    words.update((draft) => Object.assign(draft, { n, list }));
    await stage.advance(1);
  }
  // 80 KB at 100 bytes a millisecond take most of a second: the line breaks with a part of it there.
  while (client.status.get().name !== "connected") await stage.advance(10);
  await stage.advance(300);
  expect(told.at(-1)?.n).toBe(2);
  stage.network.cut("client");
  await stage.advance(10_000);
  expect(told.map(({ n }) => n)).toEqual([0, 1, 2, 14]);
  expect(told.at(-1)?.list).toEqual(list);
});

test("RESUME8 an entry that got lost in silence is found by the position check, without a snapshot", async () => {
  const stage = createStage();
  const { words } = stage.serve();
  const { client, box } = stage.connect("client", { positionMs: 2000 });
  const causes: string[] = [];
  const held = atom(client, wordsRef);
  held.listen((_value, { cause }) => void causes.push(cause));
  await stage.advance(100);
  box.toSwallow = 1;
  words.update((draft) => void draft.n++);
  await stage.advance(1000);
  expect(held.get()?.n).toBe(0);
  await stage.advance(1100);
  expect([held.get()?.n, causes]).toEqual([1, ["snapshot", "entries"]]);
});
