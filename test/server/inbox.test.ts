/** Inboxes as raw peers and plain Sente peers see them, and as the server fills them. */
import { type } from "sente-sync";
import { type InboxOptions, inbox, type ServerOptions } from "sente-sync/server";
import { expect, test } from "vitest";
import type { Schema } from "../../src/core/schema.ts";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, pushed, type RawPeer, type World } from "./world.ts";

function mailWorld(options: ServerOptions = {}, inboxOptions?: InboxOptions) {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "nobody" }), ...options });
  return { world, mail: inbox(world.sync, inboxOptions) };
}
const as = (world: World, uid: string): Promise<RawPeer> => world.ours(`client-id=${uid}&uid=${uid}`);
const of = (uid: string, read = true) => ({ topic: `inbox/${uid}`, kind: "inbox", read });

/** The messages that a snapshot and entries brought, as `data from`. */
function received(peer: RawPeer): unknown[] {
  const snapshots = pushed(peer.frames, "sync/snapshot").map((part) => (part as unknown[])[4] as string);
  const entries = (pushed(peer.frames, "sync/entries") as [number, number, unknown[][]][]).flatMap(([, , all]) => all);
  return [...snapshots, ...entries.map(([kind, , data, from]) => (kind === 0 ? [data, from] : [kind]))];
}
const outcome = (frames: readonly string[]): string[] => [
  ...pushed(frames, "sync/ack").map(() => "ack"),
  ...pushed(frames, "sync/reject").map((data) => ((data as unknown[])[2] as { code: string }).code),
];
const failed = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test("INBOX1 inbox(sync) declares inbox/<user> for every user, once; without it there are none", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  const peer = await world.ours();
  expect((await peer.subscribe(of("ada")))[0]?.error?.code).toBe("not-declared");
  inbox(world.sync);
  expect((await peer.subscribe(of("ada")))[0]).toMatchObject({ durability: "memory", recovered: false });
  expect(failed(() => inbox(world.sync))).toBe("conflict");
});

test("INBOX1 a user's id is percent-encoded in the topic's name", async () => {
  const { world, mail } = mailWorld();
  expect(await mail.notify("a/b ü", "app/hello", 1).stored).toBe(1);
  const peer = await world.ours(`client-id=x&uid=${encodeURIComponent("a/b ü")}`);
  expect((await peer.subscribe({ ...of(""), topic: "inbox/a%2Fb%20%C3%BC" }))[0]?.at[1]).toBe(1);
});

test("INBOX2 an inbox is read by its user alone, whatever authorize says", async () => {
  const { world } = mailWorld({ authorize: () => true }, { authorize: () => true });
  const bob = await as(world, "bob");
  expect((await bob.subscribe(of("ada"), of("bob"))).map(({ error }) => error?.code)).toEqual(["forbidden", undefined]);
  const eve = await as(world, "eve");
  await eve.subscribe(of("bob", false));
  await eve.say('[[:sync/write [1 1 [[0 "chat/said" "hi"]]]] nil]');
  expect([received(eve), received(bob).at(-1)]).toEqual([[], ["hi", ["eve", eve.welcome?.replica]]]);
});

test("INBOX2 a user's own marks need no grant but the one to read; to send to others asks for relay, with the receiver", async () => {
  const asked: unknown[] = [];
  const { world } = mailWorld({
    authorize: ({ user, action, kind, topic, params }) => {
      asked.push([user.id, action, kind, topic, params["user"]]);
      return action !== "relay" || params["user"] === "ada";
    },
  });
  const bob = await as(world, "bob");
  await bob.subscribe(of("bob"));
  expect(outcome(await bob.hear('[[:sync/write [1 1 [[0 "chat/note" "self"] [1 1]]]] nil]'))).toEqual(["ack"]);
  const answers = await bob.subscribe(of("ada", false), of("eve", false));
  expect(answers.map(({ error }) => error?.code)).toEqual([undefined, "forbidden"]);
  expect(asked).toEqual([
    ["bob", "read", "inbox", "inbox/bob", "bob"],
    ["bob", "read", "inbox", "inbox/bob", "bob"],
    ["bob", "relay", "inbox", "inbox/ada", "ada"],
    ["bob", "relay", "inbox", "inbox/eve", "eve"],
  ]);
  const { world: other } = mailWorld({}, { authorize: ({ user }) => user.id === "ada" });
  const [ada, eve] = [await as(other, "ada"), await as(other, "eve")];
  expect([
    (await ada.subscribe(of("eve", false)))[0]?.error?.code,
    (await eve.subscribe(of("ada", false)))[0]?.error?.code,
  ]).toEqual([undefined, "forbidden"]);
});

test("INBOX3, INBOX9 a peer can neither sign for another nor mark another's inbox as read", async () => {
  const { world } = mailWorld();
  const [ada, eve] = [await as(world, "ada"), await as(world, "eve")];
  await ada.subscribe(of("ada"));
  await eve.subscribe(of("ada", false));
  const ops = '[[0 "chat/said" "hi" {:from ["bob" "b"] :to nil} ["bob" "b"]] [1 1] [0 "chat/said" "hi" nil] [2]]';
  expect(outcome(await eve.hear(`[[:sync/write [1 1 ${ops}]] nil]`))).toEqual(["ack", "invalid", "forbidden", "invalid"]);
  expect(received(ada).slice(1)).toEqual([["hi", ["eve", eve.welcome?.replica]]]);
});

test("INBOX4 data is validated by the server's events, of an answer by what they reply; what they say nothing of passes", async () => {
  const number: Schema<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => (typeof value === "number" ? { value: value + 1 } : { issues: [{ message: "no number" }] }),
    },
  };
  const { world, mail } = mailWorld({
    events: { "app/ask": { data: number, reply: type<string>() }, "app/add": { reply: number } },
  });
  const ada = await as(world, "ada");
  await ada.subscribe(of("ada"));
  const bob = await as(world, "bob");
  await bob.subscribe(of("ada", false));
  const ops =
    '[[0 "app/ask" 1] [0 "app/ask" "1"] [0 "app/add" "x"] [0 "app/add" "x" {:reply "q"}] [0 "app/add" 4 {:reply "q"}] [0 "o/ther" nil]]';
  expect(outcome(await bob.hear(`[[:sync/write [1 1 ${ops}]] nil]`)).sort()).toEqual(["ack", "ack", "ack", "invalid", "invalid"]);
  expect(failed(() => mail.notify("ada", "app/ask", "x"))).toBe("invalid");
  expect(await mail.notify("ada", "app/ask", 7).stored).toBe(5);
  await world.settle();
  expect(
    received(ada)
      .slice(1)
      .map((each) => (each as unknown[])[0]),
  ).toEqual([2, "x", 5, null, 8]);
});

test("INBOX7 who subscribes finds nothing that is too old", async () => {
  const { world, mail } = mailWorld({}, { retention: { maxAgeMs: 1000 } });
  await mail.notify("ada", "app/n", "old").stored;
  await world.advance(999);
  await mail.notify("ada", "app/n", "young").stored;
  const [one, two] = [await as(world, "ada"), await as(world, "ada")];
  await one.subscribe(of("ada"));
  expect(received(one)[0]).toContain('"old"');
  await world.advance(1);
  const [answer] = await two.subscribe(of("ada"));
  expect([answer?.at[1], received(two)[0]]).toEqual([3, expect.not.stringContaining('"old"')]);
  // Who reads already is told by the entry.
  expect(received(one).at(-1)).toEqual([2]);
});

test("INBOX12 a stored message is pushed once to each plain Sente connection of its user, and to who left a moment ago; to ours never", async () => {
  const { world, mail } = mailWorld();
  const plain = [
    await world.peer("client-id=p1&uid=ada"),
    await world.peer("client-id=p2&uid=ada"),
    await world.peer("client-id=p3&uid=bob"),
  ];
  const ours = await as(world, "ada");
  await ours.subscribe(of("ada"));
  await mail.notify("ada", "invoice/paid", { n: 1 }).stored;
  await world.settle();
  expect(plain.map((peer) => pushed(peer.frames, "invoice/paid"))).toEqual([[{ n: 1 }], [{ n: 1 }], []]);
  expect([pushed(ours.frames, "invoice/paid"), received(ours).length]).toEqual([[], 2]);
  plain[0]?.transport.close();
  await world.advance(100);
  await mail.notify("ada", "invoice/paid", { n: 2 }).stored;
  const back = await world.peer("client-id=p1&uid=ada");
  await world.settle();
  expect([...pushed(back.frames, "invoice/paid"), ...pushed(plain[1]?.frames ?? [], "invoice/paid")]).toEqual([
    { n: 2 },
    { n: 1 },
    { n: 2 },
  ]);
  expect(mail.counters).toEqual({ stored: 2, missed: 0, pushed: 2 });
});

test("INBOX14 notify answers once the log has it; where it fails and nobody asks, onError hears of it", async () => {
  const world = createWorld();
  const storage = handStorage(world.env);
  const strict = mailWorld({ storage });
  const answers: unknown[] = [];
  void strict.mail.notify("ada", "app/n", 1).stored.then((offset) => answers.push(offset));
  await strict.world.advance(10);
  expect([answers, strict.mail.counters.stored, storage.waiting]).toEqual([[], 0, 1]);
  await storage.store();
  await strict.world.advance(10);
  expect([answers, strict.mail.counters.stored]).toEqual([[1], 1]);
  strict.mail.notify("ada", "app/n", 2);
  void strict.mail.notify("ada", "app/n", 3).stored.catch(({ code }) => answers.push(code));
  await strict.world.advance(10);
  await storage.fail();
  await strict.world.advance(10);
  expect([answers, strict.world.errors.map(({ where }) => where)]).toEqual([[1, "read-only"], ["inbox/ada"]]);
  storage.heal();
  storage.auto = true;
  expect(await strict.mail.notify("ada", "app/n", 4).stored).toBe(2);
});

test("INBOX6, INBOX8 refused and forgotten messages are told to whom they concern, and counted", async () => {
  const small = { maxEntries: 2 };
  const { world, mail } = mailWorld({}, { retention: small });
  for (const n of [1, 2, 3]) await mail.notify("ada", "app/n", n).stored;
  const ada = await as(world, "ada");
  await ada.subscribe(of("ada"));
  expect([mail.counters, received(ada)[0]]).toEqual([{ stored: 3, missed: 1, pushed: 0 }, expect.stringContaining(":missed 1")]);
  const { mail: full } = mailWorld({}, { retention: small, overflow: "refuse" });
  const codes = [];
  for (const n of [1, 2, 3]) codes.push(await full.notify("ada", "app/n", n).stored.catch(({ code }) => code));
  expect([codes, full.counters.missed]).toEqual([[1, 2, "limit"], 0]);
});
