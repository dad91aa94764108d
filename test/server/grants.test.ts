import { defineAtom, defineChannel, defineShared } from "sente-sync";
import { shared as clientShared } from "sente-sync/client";
import { atom, channel, shared } from "sente-sync/server";
import { expect, test } from "vitest";
import { type Authorize, type AuthorizeRequest, ask } from "../../src/server/grants.ts";
import { createWorld, pushed, type RawPeer, roomRef, text } from "./world.ts";

const request: AuthorizeRequest = { user: { id: "ada" }, action: "read", kind: "atom", topic: "a", params: {} };
const yes = (): boolean => true;

test("GRANT1 without authorize everybody reads and publishes what is declared", async () => {
  const world = createWorld();
  atom(world.sync, "a", { initial: 1 });
  channel(world.sync, roomRef);
  const answers = await (await world.ours()).subscribe(
    { topic: "a", kind: "atom" },
    { topic: "room", kind: "channel", read: false },
  );
  expect(answers.every(({ error }) => error === undefined)).toBe(true);
});

test("GRANT2 all that are asked must say exactly true, at once or in a promise", async () => {
  const report = (error: unknown): void => expect(error).toBe(undefined);
  const answers: [readonly (Authorize | undefined)[], boolean][] = [
    [[], true],
    [[undefined, yes], true],
    [[yes, async () => true], true],
    [[async () => true, () => false], false],
    [[() => false, yes], false],
    [[() => 1 as never], false],
    [[() => undefined as never], false],
    [[async () => "yes" as never], false],
  ];
  for (const [authorizers, expected] of answers) expect(await ask(authorizers, request, report)).toBe(expected);
  expect(ask([yes, yes], request, report)).toBe(true);
});

test("GRANT3 one that throws or rejects is a no, and reported", async () => {
  const reported: string[] = [];
  const report = (error: unknown): void => void reported.push((error as Error).message);
  const throws = (): boolean => {
    throw new Error("thrown");
  };
  expect(ask([throws, yes], request, report)).toBe(false);
  expect(await ask([async () => true, async () => throws()], request, report)).toBe(false);
  expect(reported).toEqual(["thrown", "thrown"]);
});

test("GRANT2 the server's authorize and the topic's own are both asked, with user, action, kind, topic and params", async () => {
  const asked: [string, AuthorizeRequest][] = [];
  const by =
    (who: string, allow: (request: AuthorizeRequest) => boolean): Authorize =>
    (each) => {
      asked.push([who, each]);
      return allow(each);
    };
  const world = createWorld({ authenticate: () => ({ id: "ada" }), authorize: by("server", ({ action }) => action !== "event") });
  atom(world.sync, defineAtom("doc/:id", { initial: 1 }), { authorize: by("atom", ({ params }) => params["id"] !== "secret") });
  channel(world.sync, defineChannel("room/:id"), { authorize: by("room", ({ action }) => action === "read") });
  world.sync.on("app/x", () => 1);
  const peer = await world.ours();
  const answers = await peer.subscribe(
    { topic: "doc/a%20b", kind: "atom" },
    { topic: "doc/secret", kind: "atom" },
    { topic: "room/1", kind: "channel" },
    { topic: "room/1", kind: "channel", read: false },
  );
  expect(answers.map(({ error }) => error?.code)).toEqual([undefined, "forbidden", undefined, "forbidden"]);
  const user = { id: "ada" };
  expect(asked[0]).toEqual(["server", { user, action: "read", kind: "atom", topic: "doc/a%20b", params: { id: "a b" } }]);
  expect(asked.filter(([who]) => who === "atom").map(([, { params }]) => params)).toEqual([{ id: "a b" }, { id: "secret" }]);
  expect(
    asked
      .filter(([who]) => who === "room")
      .map(([, { action }]) => action)
      .sort(),
  ).toEqual(["publish", "read"]);
  asked.length = 0;
  peer.take();
  expect(await peer.hear('[[:app/x] "a"]', "[[:app/x] nil]")).toEqual(['[1 "a"]']);
  expect(asked.map(([, { action, kind, topic }]) => [action, kind, topic])).toEqual([
    ["request", "event", "app/x"],
    ["event", "event", "app/x"],
  ]);
});

test("GRANT4 writes wait for an answer that takes its time, and keep their order", async () => {
  let decide: ((yes: boolean) => void) | undefined;
  let asked = 0;
  const world = createWorld({
    authorize: ({ action }) => {
      if (action !== "publish") return true;
      asked++;
      return new Promise((resolve) => {
        decide = resolve;
      });
    },
  });
  const room = channel(world.sync, roomRef);
  const stored: unknown[] = [];
  room.subscribe(({ data }) => void stored.push(data));
  const peer = await world.ours();
  await peer.subscribe({ topic: "room", kind: "channel" });
  await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]', '[[:sync/write [1 2 [["said" 2]]]] nil]');
  expect([stored, asked]).toEqual([[], 1]);
  decide?.(true);
  await peer.say('[[:sync/write [1 3 [["said" 3]]]] nil]');
  expect([stored, asked]).toEqual([[1, 2, 3], 1]);
});

test("GRANT4 a write that the answer forbids is rejected, and so is one whose subscription ended meanwhile", async () => {
  const decide: ((yes: boolean) => void)[] = [];
  const world = createWorld({
    authorize: ({ action }) => action === "read" || new Promise((resolve) => void decide.push(resolve)),
  });
  const room = channel(world.sync, roomRef);
  const stored: unknown[] = [];
  room.subscribe(({ data }) => void stored.push(data));
  for (const [yes, revoked] of [
    [false, false],
    [true, true],
  ] as const) {
    const peer = await world.ours();
    await peer.subscribe({ topic: "room", kind: "channel" });
    await peer.say('[[:sync/write [1 1 [["said" 1]]]] nil]');
    if (revoked) world.sync.revoke({ topic: "room" });
    decide.shift()?.(yes);
    await world.settle();
    expect(pushed(peer.frames, "sync/reject")).toMatchObject([[1, 1, { code: "forbidden" }]]);
  }
  expect(stored).toEqual([]);
});

const board = defineShared("board/:id", { initial: { n: 0 } });

test.each(["at once", "in a promise"])(
  "GRANT14 the first write to a topic that nothing was written to is asked for as create, too, %s; once somebody has, no more",
  async (how) => {
    const asked: string[] = [];
    const world = createWorld({
      authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }),
      authorize: ({ user, action, kind, topic, params }) => {
        asked.push(`${user.id} ${action} ${kind} ${topic} ${params["id"]}`);
        const isAllowed = action !== "create" || user.id === "ada";
        return how === "at once" ? isAllowed : Promise.resolve(isAllowed);
      },
    });
    shared(world.sync, board);
    const [ada, bob] = [await world.ours("client-id=a&uid=ada"), await world.ours("client-id=b&uid=bob")];
    const write = async (peer: RawPeer, id: number, seq: number): Promise<unknown> => {
      const op = text([world.env.nowMs(), 0, ["n"], seq]);
      const frames = await peer.hear(`[[:sync/write [${id} ${seq} [${op}]]] nil]`);
      const rejects = pushed(frames, "sync/reject") as [number, number, { code: string }][];
      return rejects[0]?.[2].code ?? pushed(frames, "sync/ack").length;
    };
    const item = { topic: "board/1", kind: "shared", since: null };
    const ids = [];
    for (const peer of [ada, bob]) ids.push((await peer.subscribe(item))[0]?.id ?? 0);
    const [ofAda = 0, ofBob = 0] = ids;
    expect(asked.splice(0)).toEqual(["ada read shared board/1 1", "bob read shared board/1 1"]);
    expect(await write(bob, ofBob, 1)).toBe("forbidden");
    expect(await write(bob, ofBob, 2)).toBe("forbidden");
    expect(asked.splice(0).filter((each) => each.includes("create"))).toEqual(Array(2).fill("bob create shared board/1 1"));
    expect(await write(ada, ofAda, 1)).toBe(1);
    expect(asked.splice(0)).toEqual(["ada write shared board/1 1", "ada create shared board/1 1"]);
    expect([await write(bob, ofBob, 3), await write(ada, ofAda, 2)]).toEqual([1, 1]);
    expect(asked.filter((each) => each.includes("create"))).toEqual([]);
  },
);

test("GRANT14 what the server wrote, or a seed made, is there already; paths that are not empty are a yes to create", async () => {
  const asked: string[] = [];
  const world = createWorld({
    authorize: ({ action, topic }) => {
      asked.push(`${action} ${topic}`);
      return action === "read" || (action === "create" && topic === "board/none" ? [] : [["n"]]);
    },
  });
  const boards = shared(world.sync, board);
  shared(world.sync, defineShared("seeded", { initial: { n: 0 } }), { seed: () => ({ n: 1 }) });
  (await boards.open({ id: "made" })).set(["n"], 1);
  const client = world.client();
  const outcomes = [];
  for (const ref of ["board/made", "seeded", "board/new", "board/none"]) {
    const stored = clientShared(client, defineShared(ref, { initial: { n: 0 } })).set(["n"], 2).stored;
    outcomes.push(
      stored.then(
        () => "stored",
        ({ code }) => code,
      ),
    );
  }
  await world.advance(100);
  expect(await Promise.all(outcomes)).toEqual(["stored", "stored", "stored", "forbidden"]);
  expect(asked.filter((each) => each.includes("create"))).toEqual(["create board/new", "create board/none"]);
  expect(world.errors).toEqual([]);
});

test("GRANT5 a revoked reader is told at once and gets nothing more, not what was made in the same turn before it", async () => {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  const value = atom(world.sync, "a", { initial: "" });
  const other = atom(world.sync, "b", { initial: "" });
  const [eve, ada] = [await world.ours("client-id=a&uid=eve"), await world.ours("client-id=b&uid=ada")];
  for (const peer of [eve, ada]) {
    await peer.subscribe({ topic: "a", kind: "atom" }, { topic: "b", kind: "atom" });
    peer.take();
  }
  value.set("secret-1");
  world.sync.revoke({ user: "eve", topic: "a" });
  value.set("secret-2");
  other.set("open");
  await world.settle();
  const heard = eve.take();
  expect(heard.join()).not.toContain("secret");
  expect(pushed(heard, "sync/end")).toEqual([[1, "forbidden"]]);
  expect(heard.join()).toContain("open");
  expect(ada.take().join()).toContain("secret-2");
  world.sync.revoke({ user: "ada" });
  await world.settle();
  expect(pushed(ada.take(), "sync/end")).toEqual([
    [1, "forbidden"],
    [2, "forbidden"],
  ]);
  world.sync.revoke({ topic: "b" });
  await world.settle();
  expect(pushed(eve.take(), "sync/end")).toEqual([[2, "forbidden"]]);
  await eve.say("[[:sync/write [1 1 [[]]]] nil]");
  expect(pushed(eve.take(), "sync/reject")).toMatchObject([[1, 1, { code: "forbidden" }]]);
});

test("GRANT6 what is refused says so in its answer, and tells nothing of the topic", async () => {
  const world = createWorld({ authorize: () => false });
  atom(world.sync, "a", { initial: "secret" });
  const peer = await world.ours();
  const [answer] = await peer.subscribe({ topic: "a", kind: "atom" });
  expect(text(answer)).toBe('{:error {:code "forbidden" :message "Not allowed: \\"a\\"."}}');
  expect(peer.frames.join()).not.toContain("secret");
  world.sync.on("app/x", () => 1);
  expect(text(await peer.ask("[:app/x]"))).toBe('[:sync/error {:code "forbidden" :message "Not allowed: \\"app/x\\"."}]');
  expect(world.sync.stats().refused).toBe(2);
});
