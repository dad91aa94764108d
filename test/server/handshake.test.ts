import { keyword } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { atom } from "sente-sync/server";
import { expect, test } from "vitest";
import { uuidV7 } from "../../src/core/env.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";
import { createWorld, pushed, text } from "./world.ts";

test("HAND1 the handshake is the first frame, whatever the hooks send", async () => {
  const world = createWorld({
    authenticate: () => ({ id: "ada" }),
    handshakeData: ({ user }) => ({ hello: user.id }),
    onConnect: (peer) => peer.send("app/welcome", 1),
  });
  const peer = await world.peer();
  expect(peer.frames).toEqual(['[[:chsk/handshake ["ada" nil {:hello "ada"}]] nil]', "[[[:app/welcome 1]] nil]"]);
});

test("HAND1 a push to a user goes to a connection only once its handshake has left", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  world.sync.send("ada", "app/early", 1);
  const peer = await world.peer();
  expect(peer.frames).toEqual(['[[:chsk/handshake ["ada" nil nil]] nil]']);
});

test("HAND2 the fourth element goes only to a peer that offered sync=1", async () => {
  const world = createWorld({ authenticate: () => ({ id: "ada" }) });
  const [ours = ""] = (await world.peer("client-id=a&sync=1")).frames;
  expect(edn().unpack(ours)).toEqual([
    [keyword("chsk/handshake"), ["ada", null, { capabilities: expect.objectContaining({ "protocol-version": 1 }) }, { v: 1 }]],
    null,
  ]);
  for (const query of ["client-id=a", "client-id=a&sync=0", "client-id=a&sync=true"]) {
    expect((await world.peer(query)).frames).toEqual(['[[:chsk/handshake ["ada" nil nil]] nil]']);
  }
});

test("HAND3 an anonymous user is :sente/nil-uid; handshake data that fails, or that the wire cannot carry, is nil", async () => {
  const bad: unknown[] = [() => 1, undefined];
  const world = createWorld({
    handshakeData: () => {
      if (bad.length) return bad.shift();
      throw new Error("no data");
    },
  });
  for (let i = 0; i < 3; i++) expect((await world.peer()).frames).toEqual(["[[:chsk/handshake [:sente/nil-uid nil nil]] nil]"]);
  expect(world.errors.map(({ where }) => where)).toEqual(["handshakeData", "handshakeData"]);
});

test("USER1 a push reaches every connection of its user, and no other", async () => {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  const [one, two, other] = [
    await world.peer("client-id=a&uid=ada"),
    await world.peer("client-id=b&uid=ada"),
    await world.peer("client-id=c&uid=bob"),
  ];
  for (const peer of [one, two, other]) peer.take();
  world.sync.send("ada", "app/hi", 1);
  world.sync.send("nobody", "app/hi", 2);
  await world.settle();
  expect([one.take(), two.take(), other.take()]).toEqual([["[[[:app/hi 1]] nil]"], ["[[[:app/hi 1]] nil]"], []]);
  world.sync.broadcast("app/all");
  await world.settle();
  expect([one.take(), two.take(), other.take()]).toEqual([
    ["[[[:app/all]] nil]"],
    ["[[[:app/all]] nil]"],
    ["[[[:app/all]] nil]"],
  ]);
});

test("USER2 an anonymous user keeps its id with its token, and has another without", async () => {
  const world = createWorld();
  const first = await world.ours();
  const { session, token, user } = first.welcome ?? { session: "", token: "", user: { id: "" } };
  expect(user).toEqual({ id: expect.stringMatching(/^anonymous-[0-9a-f]{16}$/), anonymous: true });
  first.transport.close();
  await world.settle();
  const back = await world.ours("client-id=raw", { session, token });
  expect(back.welcome).toMatchObject({ resumed: true, session, token, user });
  back.take();
  world.sync.send(user.id, "app/hi");
  await world.settle();
  expect(back.take()).toEqual(["[[[:app/hi]] nil]"]);
  expect((await world.ours()).welcome?.user.id).not.toBe(user.id);
});

test("USER3 a client id proves nothing: two connections with the same one are two, and both are served", async () => {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  const [victim, thief] = [await world.peer("client-id=same&uid=ada"), await world.peer("client-id=same&uid=eve")];
  for (const peer of [victim, thief]) peer.take();
  world.sync.send("ada", "app/secret", 1);
  await world.settle();
  expect([victim.take(), thief.take(), world.sync.stats().connections]).toEqual([["[[[:app/secret 1]] nil]"], [], 2]);
});

test("USER4 disconnect closes every connection of the user with 4003; hooks are told once each", async () => {
  const told: unknown[] = [];
  const world = createWorld({
    authenticate: () => ({ id: "ada" }),
    onConnect: ({ user }) => told.push(["connect", user.id]),
    onDisconnect: ({ user }, code) => told.push(["disconnect", user.id, code]),
  });
  const peers = [await world.peer("client-id=a"), await world.peer("client-id=b")];
  world.sync.disconnect({ user: "ada" });
  world.sync.disconnect({ user: "ada" });
  await world.settle();
  for (const peer of peers) expect(peer.closes).toEqual([{ code: 4003, reason: "disconnected" }]);
  expect(told).toEqual([
    ["connect", "ada"],
    ["connect", "ada"],
    ["disconnect", "ada", 4003],
    ["disconnect", "ada", 4003],
  ]);
  expect(world.sync.stats()).toMatchObject({ connections: 0, users: 0 });
});

test("HELLO1 hello is answered with the session and what goes with it", async () => {
  const world = createWorld();
  const { welcome } = await world.ours();
  expect(welcome).toEqual({
    session: expect.stringMatching(/^[0-9a-f]{16}$/),
    token: expect.stringMatching(/^[0-9a-z]+~[0-9a-z]+~[0-9a-f]{8}~a~anonymous-[0-9a-f]{16}~[0-9a-f]{32}$/),
    replica: expect.stringMatching(/^[0-9a-f]{8}$/),
    resumed: false,
    boot: expect.stringMatching(/^[0-9a-f-]{36}$/),
    limits: { maxFrameBytes: 1_048_576, maxSubscriptions: 256, maxCallbacks: 256 },
    user: { id: expect.any(String), anonymous: true },
  });
});

test("HELLO2 only the right token of the same user resumes a session", async () => {
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }) });
  const { session, token } = (await world.ours("client-id=a&uid=ada")).welcome ?? {};
  const wrong = [
    { session, token: null },
    { session, token: `${token?.slice(0, -1)}x` },
    { session, token: `${token}0` },
    { session, token: "" },
    { session: "unknown", token },
    { session: null, token },
  ];
  for (const hello of wrong) {
    const { welcome } = await world.ours("client-id=a&uid=ada", hello);
    expect(welcome).toMatchObject({ resumed: false });
    expect(welcome?.session).not.toBe(session);
  }
  const other = await world.ours("client-id=a&uid=eve", { session, token });
  expect(other.welcome).toMatchObject({ resumed: false, user: { id: "eve" } });
  expect((await world.ours("client-id=a&uid=ada", { session, token })).welcome).toMatchObject({ resumed: true, session });
});

test("HELLO2 an anonymous session is not resumed by somebody who signed in since", async () => {
  const world = createWorld({
    authenticate: ({ url }) => {
      const uid = url.searchParams.get("uid");
      return uid ? { id: uid } : { id: "guest-1", anonymous: true };
    },
  });
  const { session, token } = (await world.ours("client-id=a")).welcome ?? {};
  expect((await world.ours("client-id=a&uid=ada", { session, token })).welcome).toMatchObject({
    resumed: false,
    user: { id: "ada" },
  });
});

test("HELLO3 another version is refused, and says which is spoken; there is no session then", async () => {
  const world = createWorld();
  const peer = await world.peer("client-id=a&sync=1");
  expect(text(await peer.ask("[:sync/hello {:v 2}]"))).toBe(
    '[:sync/error {:code "unsupported" :message "This server speaks version 1, not 2." :data {:version 1}}]',
  );
  for (const odd of ["{:v -1}", "{:v 1.5}", "{}", "[]", "nil"]) {
    expect(text(await peer.ask(`[:sync/hello ${odd}]`))).toBe('[:sync/error {:code "invalid" :message "Not a hello."}]');
  }
  expect(world.sync.stats().sessions).toBe(0);
});

test("HELLO3 a second hello on one connection is a conflict and changes nothing", async () => {
  const world = createWorld();
  const peer = await world.ours();
  expect(text(await peer.ask("[:sync/hello {:v 1}]"))).toContain(':code "conflict"');
  expect(world.sync.stats().sessions).toBe(1);
});

test("HELLO4 a session with a connection left is not idle", async () => {
  const world = createWorld({ limits: { sessionGraceMs: 10_000 }, keepalive: { keepaliveMs: 0 } });
  const first = await world.ours();
  const hello = { session: first.welcome?.session, token: first.welcome?.token };
  const second = await world.ours("client-id=b", hello);
  first.transport.close();
  await world.advance(60_000);
  expect(world.sync.stats()).toMatchObject({ sessions: 1, connections: 1 });
  second.transport.close();
  await world.advance(9000);
  expect(world.sync.stats().sessions).toBe(1);
  await world.advance(4000);
  expect(world.sync.stats().sessions).toBe(0);
});

test("HELLO4 and HELLO8 a session is resumed by its token also once it was forgotten, until the token is too old", async () => {
  const world = createWorld({ limits: { sessionGraceMs: 60_000 }, sessionMaxAgeMs: 100_000 });
  const leave = async (): Promise<{ session: unknown; token: unknown }> => {
    const peer = await world.ours();
    peer.transport.close();
    await world.settle();
    return { session: peer.welcome?.session, token: peer.welcome?.token };
  };
  const soon = await leave();
  await world.advance(59_000);
  const back = await world.ours("client-id=a", soon);
  expect(back.welcome?.resumed).toBe(true);
  back.transport.close();
  await world.settle();
  await world.advance(65_000);
  expect(world.sync.stats().sessions).toBe(0);
  const { welcome } = back;
  const later = await world.ours("client-id=a", { session: welcome?.session, token: welcome?.token });
  expect(later.welcome).toMatchObject({ resumed: true, session: soon.session, replica: welcome?.replica, user: welcome?.user });
  // Each hello dates the token anew; the first one is too old by now.
  expect((await world.ours("client-id=a", soon)).welcome?.resumed).toBe(false);
});

test("HELLO4 of more than maxIdleSessions idle ones the oldest is forgotten", async () => {
  const world = createWorld({ limits: { maxIdleSessions: 2 } });
  const left: { session: unknown; token: unknown }[] = [];
  for (let i = 0; i < 3; i++) {
    const peer = await world.ours();
    peer.transport.close();
    await world.settle();
    left.push({ session: peer.welcome?.session, token: peer.welcome?.token });
  }
  expect(world.sync.stats().sessions).toBe(2);
  // Its token brings the forgotten one back.
  for (const hello of left) expect((await world.ours("client-id=a", hello)).welcome?.resumed).toBe(true);
});

test("HELLO5 boot is of the server's life: the same for all its connections, another after a restart", async () => {
  const [world, restarted] = [createWorld({}, 1), createWorld({}, 2)];
  const boots = [await world.ours(), await world.ours(), await restarted.ours()].map(({ welcome }) => welcome?.boot);
  expect(boots[0]).toBe(boots[1]);
  expect(boots[2]).not.toBe(boots[0]);
});

test("HELLO6 a resumed session has the user as authenticate says it now", async () => {
  let role = "admin";
  const seen: unknown[] = [];
  const world = createWorld({
    authenticate: () => ({ id: "ada", name: role }),
    authorize: ({ user }) => {
      seen.push((user as { name?: string }).name);
      return true;
    },
  });
  atom(world.sync, "x", { initial: 1 });
  const { session, token } = (await world.ours()).welcome ?? {};
  role = "guest";
  const back = await world.ours("client-id=a", { session, token });
  expect(back.welcome).toMatchObject({ resumed: true, user: { id: "ada", name: "guest" } });
  await back.subscribe({ topic: "x", kind: "atom" });
  expect(seen).toEqual(["guest"]);
});

test("HELLO7 subscriptions need no hello, writes do", async () => {
  const world = createWorld();
  atom(world.sync, "x", { initial: 1 });
  const peer = await world.peer("client-id=a&sync=1");
  const [answer] = await peer.subscribe({ topic: "x", kind: "atom" });
  expect(answer).toMatchObject({ recovered: false });
  const frames = await peer.hear(`[[:sync/write [${answer?.id} 1 [[]]]] nil]`);
  expect(pushed(frames, "sync/reject")).toMatchObject([[answer?.id, 1, { code: "invalid" }]]);
});

test("ID1 connections and boots are named by UUIDs of version 7: unique, and in order of time", () => {
  const env = createVirtualEnv();
  const ids = Array.from({ length: 50 }, () => {
    env.advance(1);
    return uuidV7({ ...env, randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)) });
  });
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(50);
  expect([...ids].sort()).toEqual(ids);
});
