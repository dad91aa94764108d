import { defineAtom, isSyncError, SyncError } from "sente-sync";
import { atom, type ClientOptions, channel, senteState, upgrade } from "sente-sync/client";
import { type GetToken, renewing } from "sente-sync/client/auth";
import { msgpack } from "sente-sync/packers/msgpack";
import { type ServerOptions, atom as serveAtom, channel as serveChannel } from "sente-sync/server";
import { expect, test } from "vitest";
import { coreOf } from "../../src/client/client.ts";
import { createWorld, type RawPeer, roomRef, type World } from "../server/world.ts";
import { createLies } from "./lying-connector.ts";

interface Person {
  readonly id: string;
  readonly role?: string;
}

const notesRef = defineAtom("notes/:of", { initial: "x" });

/** Tokens are what this says of them; a number is when they expire, in ms from now. */
interface Town extends World {
  readonly tokens: Map<string, Person | SyncError | readonly [Person, number]>;
  /** Tokens that `authenticate` was asked about. */
  readonly asked: (string | undefined)[];
}

function createTown(options: ServerOptions = {}, seed = 1): Town {
  const tokens: Town["tokens"] = new Map([
    ["ada", { id: "ada" }],
    ["bob", { id: "bob" }],
  ]);
  const asked: Town["asked"] = [];
  const world = createWorld(
    {
      authenticate({ token }) {
        asked.push(token);
        const known = tokens.get(token ?? "") ?? null;
        if (known instanceof SyncError) throw known;
        return Array.isArray(known) ? { user: known[0], expiresAtMs: world.env.nowMs() + known[1] } : (known as Person | null);
      },
      ...options,
    },
    seed,
  );
  return { ...world, tokens, asked };
}

/** A client whose status is written down. */
function visit(world: World, getToken?: GetToken, options: ClientOptions = {}) {
  const client = world.client({ auth: renewing(getToken), ...options });
  const seen: string[] = [];
  client.status.subscribe(({ name }) => void (seen.at(-1) === name || seen.push(name)));
  return { client, seen };
}

/** What becomes of it without time passing. */
async function soon<T>(world: World, promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await world.settle();
  return promise;
}

const code = (error: unknown): unknown => (error instanceof SyncError ? error.code : error);

const asking = (peer: RawPeer, auth: unknown): Promise<unknown> =>
  peer.ask(`[:sync/hello {:v 1 :session nil :token nil :auth ${JSON.stringify(auth)}}]`);

test("AUTH1 a token is in no URL, and who has it is nobody before hello: no data, no hook, no user", async () => {
  const told: string[] = [];
  const town = createTown({
    handshakeData: ({ user }) => {
      told.push(`data ${user.id}`);
      return { for: user.id };
    },
    onConnect: ({ user }) => void told.push(`connect ${user.id}`),
  });
  const peer = await town.peer("client-id=raw&sync=1&auth=1");
  expect(peer.frames[0]).toMatch(/^\[\[:chsk\/handshake \[:sente\/nil-uid nil \{.*\} \{:v 1\}\]\] nil\]$/);
  expect([told, town.asked, town.sync.stats().users]).toEqual([[], [], 0]);
  await peer.say('[[:app/hi 1] "a"]');
  expect([town.sync.stats().malformed, told]).toEqual([1, []]);
  const lies = createLies(town.connector);
  town.client({ auth: renewing(() => "ada"), connector: lies.connector });
  await town.settle();
  expect(lies.urls.map((url) => [url.includes("auth=1"), url.includes("ada")])).toEqual([[true, false]]);
  expect(told).toEqual(["data ada", "connect ada"]);
});

test("AUTH1 a connection that does not say who it is is closed; a server without authenticate asks nobody", async () => {
  const local: unknown[] = [];
  const town = createTown();
  for (const name of ["chsk/ws-ping", "chsk/bad-event"] as const) town.sync.on(name, () => void local.push(name));
  const peer = await town.peer("client-id=raw&sync=1&auth=1");
  peer.take();
  await town.advance(9999);
  expect([await peer.hear('[[:chsk/ws-ping] "p"]', "[1 nil]"), local, peer.closes]).toEqual([['["pong" "p"]'], [], []]);
  await town.advance(1);
  expect(peer.closes).toEqual([{ code: 4008, reason: "It was not said who this is" }]);
  const open = createWorld();
  const client = open.client({ auth: renewing(() => "ada") });
  await open.settle();
  expect([client.status.get().name, client.user.get()?.anonymous]).toEqual(["connected", true]);
  await expect(soon(open, client.reauthenticate())).rejects.toMatchObject({ code: "unsupported" });
});

test("AUTH2 hello says the token; the answer says what the handshake could not; what comes meanwhile waits", async () => {
  let answer: ((user: Person) => void) | undefined;
  const town = createTown({
    authenticate: ({ token, request, url }) => {
      expect([token, request, url.searchParams.get("auth")]).toEqual(["t", undefined, "1"]);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
    handshakeData: ({ user }) => ({ for: user.id }),
  });
  town.sync.on("app/who", ({ user }) => user.id);
  const peer = await town.peer("client-id=raw&sync=1&auth=1");
  peer.take();
  await peer.say('[[:sync/hello {:v 1 :auth "t"}] "h"]', '[[:app/who] "w"]');
  expect(peer.take()).toEqual([]);
  answer?.({ id: "ada" });
  await town.settle();
  expect([peer.reply("h"), peer.reply("w")]).toMatchObject([{ user: { id: "ada" }, handshake: ["ada", { for: "ada" }] }, "ada"]);
  const client = town.client({ auth: renewing(() => "t") });
  const state = senteState(client);
  await town.settle();
  answer?.({ id: "ada" });
  await town.settle();
  expect([state.get().uid, state.get().handshakeData]).toMatchObject(["ada", { for: "ada" }]);
});

test("AUTH2 who takes too long to be known is refused", async () => {
  const town = createTown({ authenticate: () => new Promise(() => {}) });
  const peer = await town.peer("client-id=raw&sync=1&auth=1");
  await asking(peer, "x");
  await town.advance(10_001);
  expect(peer.closes).toEqual([{ code: 4008, reason: "authenticate took too long" }]);
});

test("AUTH3 a refusal closes with 4401 or 4403 and says why; a token that is none is none", async () => {
  const town = createTown();
  town.tokens.set("late", new SyncError("unauthenticated", "Sign in first"));
  town.tokens.set("out", new SyncError("forbidden", "Not in this town"));
  const closed = async (auth: unknown, query = "&auth=1"): Promise<unknown> => {
    const peer = await town.peer(`client-id=raw&sync=1${query}`);
    if (query) await peer.say(`[[:sync/hello {:v 1 :auth ${JSON.stringify(auth)}}] "h"]`);
    return [...peer.closes, peer.reply("h")];
  };
  const unknown = [{ code: 4401, reason: "Unauthorized request" }, undefined];
  expect(await closed("eve")).toEqual(unknown);
  expect(await closed("late")).toEqual([{ code: 4401, reason: "Sign in first" }, undefined]);
  expect(await closed("out")).toEqual([{ code: 4403, reason: "Not in this town" }, undefined]);
  expect(await closed("x".repeat(70_000))).toEqual(unknown);
  expect(await closed(undefined, "")).toEqual(unknown);
  expect(town.asked).toEqual(["eve", "late", "out", undefined, undefined]);
  expect([town.sync.stats().refused, town.errors]).toEqual([5, []]);
});

test("AUTH4 who is refused needs credentials, knows why, and tries nothing by itself", async () => {
  const town = createTown();
  town.tokens.set("out", new SyncError("forbidden", "Not in this town"));
  const { client, seen } = visit(town);
  await town.advance(100_000);
  expect(seen).toEqual(["connecting", "needs-auth"]);
  expect(client.status.get()).toMatchObject({
    reason: "refused",
    error: { code: "unauthenticated", message: "Unauthorized request" },
  });
  expect([town.asked, isSyncError(client.status.get().error, "unauthenticated")]).toEqual([[undefined], true]);
  client.connect();
  await town.advance(100_000);
  expect([town.asked.length, client.status.get().name]).toEqual([2, "needs-auth"]);
  client.disconnect();
  expect(client.status.get().name).toBe("disconnected");
  const other = visit(town, () => "out").client;
  await town.advance(1000);
  expect(other.status.get()).toMatchObject({ name: "needs-auth", error: { code: "forbidden", message: "Not in this town" } });
});

test("AUTH5 a refusal is answered by one more try with another token, once in 30 s", async () => {
  const town = createTown();
  const given = ["old", "ada", "old", "ada"];
  const { client, seen } = visit(town, () => given.shift() ?? "gone");
  await town.advance(1000);
  expect([town.asked, seen]).toEqual([
    ["old", "ada"],
    ["connecting", "connected"],
  ]);
  // Too soon.
  client.reconnect();
  await town.advance(1000);
  expect([town.asked, client.status.get().name]).toEqual([["old", "ada", "old"], "needs-auth"]);
  await town.advance(600_000);
  expect(town.asked.length).toBe(3);
  client.connect();
  await town.advance(30_000);
  given.push("old", "ada");
  client.reconnect();
  await town.advance(1000);
  expect([client.status.get().name, town.asked.slice(3)]).toEqual(["connected", ["ada", "old", "ada"]]);
});

test("AUTH6 auth is asked for each connection; what it throws is shown, and tried again with backoff", async () => {
  const town = createTown();
  let isBroken = false;
  let count = 0;
  const { client } = visit(town, async () => {
    count++;
    if (isBroken) throw new Error("no network");
    return "ada";
  });
  await town.advance(6000);
  client.reconnect();
  await town.settle();
  expect([count, client.status.get().name]).toEqual([2, "connected"]);
  isBroken = true;
  client.reconnect();
  await town.settle();
  expect(client.status.get()).toMatchObject({ name: "reconnecting", reason: "ws-error", error: { code: "unauthenticated" } });
  expect(client.status.get().error?.message).toContain("no network");
  await town.advance(60_000);
  expect([count > 4, count < 12]).toEqual([true, true]);
  expect(new Set(town.errors.map(({ where, error }) => `${where} ${code(error)}`))).toEqual(new Set(["auth unauthenticated"]));
  isBroken = false;
  await town.advance(60_000);
  expect(client.status.get()).toMatchObject({ name: "connected" });
  expect(client.status.get().error).toBe(undefined);
});

const nobodies: readonly (readonly [how: string, getToken: GetToken, why: string])[] = [
  ["gives nothing", () => null, "unauthenticated"],
  ["says that nobody is signed in", () => Promise.reject(new SyncError("unauthenticated", "Sign in")), "unauthenticated"],
  ["says that this one may not", () => Promise.reject(new SyncError("forbidden", "Not you")), "forbidden"],
];

test.each(nobodies)("AUTH6 where auth %s, nothing is opened, and credentials are needed at once", async (_, getToken, why) => {
  const town = createTown();
  const { client, seen } = visit(town, getToken);
  await town.advance(60_000);
  expect([seen, client.status.get().error?.code, town.asked]).toEqual([["connecting", "needs-auth"], why, []]);
});

test("AUTH6 an auth that never answers is given up with the try, and its late answer opens nothing", async () => {
  const town = createTown();
  const late: ((token: string) => void)[] = [];
  const { client } = visit(town, () => new Promise<string>((resolve) => void late.push(resolve)), {
    reconnect: { connectTimeoutMs: 1000 },
  });
  await town.advance(1000);
  expect(client.status.get()).toMatchObject({ name: "reconnecting", reason: "connect-timeout" });
  client.disconnect();
  late[0]?.("ada");
  await town.advance(1000);
  expect([town.sync.stats().connections, town.asked]).toEqual([0, []]);
});

test("AUTH7 what expires is asked for again; what has expired is refused; who cannot show it again is closed", async () => {
  const town = createTown({ keepalive: { keepaliveMs: 0 } });
  town.tokens.set("short", [{ id: "ada" }, 60_000]);
  town.tokens.set("gone", [{ id: "ada" }, 0]);
  town.tokens.set("", [{ id: "guest" }, 5000]);
  const peer = await town.peer("client-id=raw&sync=1&auth=1");
  await asking(peer, "short");
  peer.take();
  await town.advance(59_000);
  await peer.say("[[:chsk/ws-ping] nil]");
  expect(peer.take().filter((frame) => frame.includes("needs-auth"))).toEqual([]);
  await town.advance(1000);
  expect(peer.take()).toContain("[[[:sync/needs-auth {:graceMs 30000}]] nil]");
  const gone = await town.peer("client-id=raw&sync=1&auth=1");
  await gone.say('[[:sync/hello {:v 1 :auth "gone"}] "h"]');
  expect(gone.closes).toEqual([{ code: 4401, reason: "The credentials have expired" }]);
  const cookie = await town.ours();
  await town.advance(5001);
  expect(cookie.closes).toEqual([{ code: 4401, reason: "The credentials have expired" }]);
});

test("AUTH7 a time that is far away is waited for, whatever timers can count", async () => {
  const town = createTown();
  const dayMs = 24 * 3_600_000;
  town.tokens.set("long", [{ id: "ada" }, 40 * dayMs]);
  const { client } = visit(town, () => "long");
  await town.advance(1000);
  expect([client.status.get().name, town.asked]).toEqual(["connected", ["long"]]);
  await town.advance(3 * dayMs);
  expect(town.asked).toEqual(["long"]);
});

test("AUTH8 a client renews over the open connection: no topic is subscribed again, requests go on, nothing is lost", async () => {
  const town = createTown();
  const notes = serveAtom(town.sync, notesRef);
  const slow: (() => void)[] = [];
  town.sync.on("app/slow", () => new Promise((resolve) => void slow.push(() => resolve("done"))));
  town.tokens.set("short", [{ id: "ada" }, 10_000]);
  const lies = createLies(town.connector);
  const { client, seen } = visit(town, () => "short", { connector: lies.connector });
  const read: (string | undefined)[] = [];
  const statuses: string[] = [];
  const shown = atom(client, notesRef({ of: "ada" }));
  shown.subscribe((value) => void read.push(value));
  shown.status.listen((name) => void statuses.push(name));
  await town.settle();
  const request = client.request("app/slow", null, { timeoutMs: 100_000 });
  const opened = await notes.open({ of: "ada" });
  for (let i = 1; i <= 50; i++) {
    opened.set(String(i));
    await town.advance(1000);
  }
  slow[0]?.();
  expect(await soon(town, request)).toBe("done");
  expect(read.at(-1)).toBe("50");
  expect([statuses, seen, lies.urls.length]).toEqual([["live"], ["connecting", "connected"], 1]);
  expect(town.asked.length).toBe(6);
  expect(lies.said.filter((frame) => frame.includes(":sync/subscribe")).length).toBe(1);
});

test("AUTH8 one token is judged at a time; who did not say with hello who it is cannot; what is no token is malformed", async () => {
  let hold: Promise<void> | undefined;
  const town = createTown({
    authenticate: async ({ token }) => {
      await hold;
      return { id: token ?? "guest" };
    },
  });
  const peer = await town.peer("client-id=raw&sync=1&auth=1");
  await asking(peer, "ada");
  let go = (): void => {};
  hold = new Promise((resolve) => {
    go = resolve;
  });
  await peer.say('[[:sync/auth {:token "ada"}] "one"]');
  expect(await peer.ask('[:sync/auth {:token "ada"}]')).toMatchObject([{ name: "sync/error" }, { code: "conflict" }]);
  go();
  await town.settle();
  expect(peer.reply("one")).toEqual({ user: { id: "ada" } });
  const cookie = await town.ours();
  expect(await cookie.ask('[:sync/auth {:token "ada"}]')).toMatchObject([{ name: "sync/error" }, { code: "unsupported" }]);
  for (const bad of ["nil", "{}", '{:token ""}', "{:token 1}"]) await cookie.say(`[[:sync/auth ${bad}] "x"]`);
  expect(cookie.closes.map((close) => close.code)).toEqual([4007]);
});

test("AUTH9 who does not renew within the grace is closed; what is judged by then may still be good", async () => {
  let hold: Promise<void> | undefined;
  const town = createTown({
    renewalGraceMs: 3000,
    authenticate: async ({ token }) => {
      await hold;
      return token === "no" ? null : { user: { id: "ada" }, expiresAtMs: town.env.nowMs() + 10_000 };
    },
  });
  const join = async (): Promise<RawPeer> => {
    const peer = await town.peer("client-id=raw&sync=1&auth=1");
    await asking(peer, "ada");
    return peer;
  };
  const [silent, slow, wrong] = [await join(), await join(), await join()];
  await town.advance(12_000);
  let go = (): void => {};
  hold = new Promise((resolve) => {
    go = resolve;
  });
  await slow.say('[[:sync/auth {:token "ada"}] "r"]');
  await wrong.say('[[:sync/auth {:token "no"}] "r"]');
  await town.advance(1500);
  const expired = [{ code: 4401, reason: "The credentials have expired" }];
  expect([silent.closes, slow.closes, wrong.closes]).toEqual([expired, [], []]);
  go();
  await town.advance(1000);
  expect([slow.closes, wrong.closes, slow.reply("r")]).toEqual([[], expired, { user: { id: "ada" } }]);
});

test("AUTH9 a client without a good token comes to needs-auth once the grace is over, after one more try", async () => {
  const town = createTown();
  town.tokens.set("short", [{ id: "ada" }, 1000]);
  let token = "short";
  const { client, seen } = visit(town, () => token);
  await town.settle();
  token = "bad";
  await town.advance(30_000);
  expect(client.status.get().name).toBe("connected");
  await town.advance(10_000);
  expect(seen).toEqual(["connecting", "connected", "reconnecting", "needs-auth"]);
  const before = town.asked.length;
  await town.advance(600_000);
  expect(town.asked.length).toBe(before);
  token = "ada";
  await soon(town, client.reauthenticate());
  expect(client.status.get().name).toBe("connected");
});

test("AUTH10 a renewal that is refused changes nothing yet, and is tried again with another token", async () => {
  const town = createTown();
  town.tokens.set("short", [{ id: "ada" }, 1000]);
  const given = ["short", "bad", "worse", "ada"];
  const { client, seen } = visit(town, () => given.shift() ?? "gone");
  await town.advance(20_000);
  expect([town.asked, seen.at(-1), seen.length]).toEqual([["short", "bad", "worse", "ada"], "connected", 2]);
  expect(town.errors.map(({ where, error }) => [where, code(error)])).toEqual([
    ["auth", "unauthenticated"],
    ["auth", "unauthenticated"],
  ]);
  given.push("bad");
  await expect(soon(town, client.reauthenticate())).rejects.toMatchObject({ code: "unauthenticated" });
  expect(client.status.get().name).toBe("connected");
});

test("AUTH10 tokens that last a moment are asked for once a second; signed out meanwhile is needs-auth", async () => {
  const town = createTown();
  town.tokens.set("blink", [{ id: "ada" }, 1]);
  let token: string | null = "blink";
  const { client } = visit(town, () => token);
  await town.advance(20_000);
  expect([town.asked.length >= 15, town.asked.length <= 22]).toEqual([true, true]);
  token = null;
  await town.advance(2000);
  expect(client.status.get()).toMatchObject({ name: "needs-auth", error: { code: "unauthenticated" } });
  expect(town.sync.stats().connections).toBe(0);
});

test("AUTH11 the same user with another role: authorize is asked again, a no ends the topic, the others go on", async () => {
  const town = createTown();
  const notes = serveAtom(town.sync, notesRef, {
    authorize: ({ user, params }) => params["of"] === "all" || (user as Person).role === "editor",
  });
  town.tokens.set("editor", { id: "ada", role: "editor" });
  town.tokens.set("reader", { id: "ada", role: "reader" });
  let token = "editor";
  const { client, seen } = visit(town, () => token);
  const [secret, open] = [atom(client, notesRef({ of: "staff" })), atom(client, notesRef({ of: "all" }))];
  for (const each of [secret, open]) each.subscribe(() => {});
  await town.settle();
  expect([secret.get(), open.get()]).toEqual(["x", "x"]);
  token = "reader";
  const statuses: string[] = [];
  open.status.listen((name) => void statuses.push(name));
  await soon(town, client.reauthenticate());
  await town.settle();
  expect([secret.get(), secret.status.get(), secret.error?.code]).toEqual([undefined, "refused", "forbidden"]);
  (await notes.open({ of: "all" })).set("y");
  await town.settle();
  expect([open.get(), statuses, client.user.get(), seen.length]).toEqual(["y", [], { id: "ada", role: "reader" }, 2]);
});

test("AUTH11 where another part may be read, the client connects anew at once, with the session that it has", async () => {
  const ref = defineAtom("board", { initial: { open: "o", secret: "s" } });
  const town = createTown();
  serveAtom(town.sync, ref, {
    authorize: ({ user }) => ((user as Person).role === "editor" ? true : [["open"]]),
  });
  town.tokens.set("editor", { id: "ada", role: "editor" });
  town.tokens.set("reader", { id: "ada", role: "reader" });
  let token = "editor";
  const { client } = visit(town, () => token);
  const resumed: boolean[] = [];
  client.on("resume", ({ recovered }) => void resumed.push(recovered));
  const board = atom(client, ref);
  board.subscribe(() => {});
  await town.settle();
  expect(board.get()).toEqual({ open: "o", secret: "s" });
  token = "reader";
  await soon(town, client.reauthenticate());
  await town.settle();
  expect([board.get(), resumed, town.asked]).toEqual([{ open: "o" }, [true], ["editor", "reader", "reader"]]);
});

/** Ada reads and writes, and is away; nobody but her may read hers. */
async function ofAda() {
  const town = createTown();
  const notes = serveAtom(town.sync, notesRef, {
    authorize: ({ user, params }) => user.id === params["of"] || params["of"] === "all",
  });
  town.sync.on("app/who", ({ user }) => user.id);
  const lies = createLies(town.connector);
  let token = "ada";
  const visitor = visit(town, () => token, { connector: lies.connector });
  const { client } = visitor;
  const [hers, everybodys] = [atom(client, notesRef({ of: "ada" })), atom(client, notesRef({ of: "all" }))];
  const shown: (string | undefined)[] = [];
  hers.subscribe((value) => void shown.push(value));
  const open: (string | undefined)[] = [];
  everybodys.subscribe((value) => void open.push(value));
  await town.settle();
  expect([hers.get(), everybodys.get(), client.user.get()]).toEqual(["x", "x", { id: "ada" }]);
  const become = (next: string): void => {
    token = next;
  };
  return { ...visitor, town, notes, lies, hers, everybodys, shown, open, become };
}

test("AUTH12 another user on the open connection: what the first one read is gone, and the session with it", async () => {
  const { town, client, hers, everybodys, shown, open, become, lies } = await ofAda();
  const { session } = coreOf(client).facts.welcome ?? {};
  const request = client.request("app/never", null).catch(code);
  become("bob");
  await soon(town, client.reauthenticate());
  expect([client.user.get(), client.status.get().name]).toEqual([{ id: "bob" }, "connected"]);
  await town.settle();
  expect([hers.get(), hers.status.get(), shown.at(-1)]).toEqual([undefined, "refused", undefined]);
  expect([everybodys.get(), open]).toEqual(["x", [undefined, "x", undefined, "x"]]);
  expect(coreOf(client).facts.welcome?.session).not.toBe(session);
  expect(await request).toBe("closed");
  expect([lies.urls.length, town.asked]).toEqual([2, ["ada", "bob", "bob"]]);
  expect(town.sync.connectedUsers.get().any).toContain("bob");
});

test("AUTH13 a new connection that is another user's: nothing that waited goes out on it, and every topic is read anew", async () => {
  const { town, client, hers, everybodys, shown, become, lies } = await ofAda();
  const said: unknown[] = [];
  serveChannel(town.sync, roomRef).subscribe(({ data }) => void said.push(data));
  lies.refuse = true;
  lies.cut();
  await town.settle();
  const request = client.request("app/who", null, { timeoutMs: 100_000 }).catch(code);
  const { stored } = channel(client, roomRef).publish("said", "by ada");
  const published = stored.catch(code);
  become("bob");
  lies.refuse = false;
  await town.advance(60_000);
  expect([await request, await published, said]).toEqual(["closed", "forbidden", []]);
  expect([client.user.get(), hers.get(), hers.status.get(), shown.at(-1)]).toEqual([
    { id: "bob" },
    undefined,
    "refused",
    undefined,
  ]);
  expect([everybodys.get(), everybodys.status.get()]).toEqual(["x", "live"]);
  expect(await soon(town, client.request("app/who", null))).toBe("bob");
});

test("AUTH14 reauthenticate resolves once a token was taken, one after the other, and rejects where it was not", async () => {
  const town = createTown();
  let token: string | null = null;
  const { client } = visit(town, () => token);
  await town.settle();
  expect(client.status.get().name).toBe("needs-auth");
  const still = client.reauthenticate().catch(code);
  await town.settle();
  expect(await still).toBe("unauthenticated");
  token = "ada";
  const [one, two] = [client.reauthenticate(), client.reauthenticate()];
  await town.settle();
  await Promise.all([one, two]);
  expect([client.status.get().name, town.sync.stats().connections]).toEqual(["connected", 1]);
  client.disconnect();
  const back = client.reauthenticate();
  await town.settle();
  await back;
  expect(client.status.get().name).toBe("connected");
  client.disconnect();
  client.close();
  await expect(soon(town, client.reauthenticate())).rejects.toMatchObject({ code: "closed" });
});

test("AUTH14 without auth it connects anew; with auth for what the browser sends by itself, too, and is refused as such", async () => {
  let user: Person | null = { id: "ada" };
  const town = createTown({ authenticate: () => user });
  const plain = town.client();
  await town.settle();
  await soon(town, plain.reauthenticate());
  await town.settle();
  expect(plain.status.get().name).toBe("connected");
  const { client, seen } = visit(town);
  const notes = serveAtom(town.sync, notesRef, { authorize: ({ user: { id } }) => id === "ada" });
  await notes.open({ of: "all" });
  const shown = atom(client, notesRef({ of: "all" }));
  shown.subscribe(() => {});
  await town.settle();
  expect(shown.get()).toBe("x");
  user = { id: "bob" };
  await soon(town, client.reauthenticate());
  await town.settle();
  expect([client.user.get(), shown.get()]).toEqual([{ id: "bob" }, undefined]);
  user = null;
  const refused = client.reauthenticate().catch(code);
  await town.settle();
  expect([await refused, seen.at(-1)]).toEqual(["unauthenticated", "needs-auth"]);
});

test("AUTH15 a plain Sente peer hears nothing of it, and is closed when its time is over", async () => {
  const town = createTown();
  town.tokens.set("", [{ id: "ada" }, 5000]);
  const peer = await town.peer("client-id=raw&auth=1");
  expect(peer.take()).toEqual(['[[:chsk/handshake ["ada" nil nil]] nil]']);
  await town.advance(5001);
  expect([peer.take(), peer.closes]).toEqual([[], [{ code: 4401, reason: "The credentials have expired" }]]);
});

test("AUTH16 with a parameter the token is in the URL alone, fresh for each connection", async () => {
  const urls: string[] = [];
  const town = createTown({
    authenticate: ({ url, token }) => {
      expect(token).toBe(undefined);
      urls.push(url.search);
      const id = url.searchParams.get("jwt");
      return id && id !== "old" ? { id } : null;
    },
  });
  const given = ["old", "ada", "bob"];
  const client = town.client({ auth: renewing(() => given.shift(), { parameter: "jwt" }) });
  await town.advance(1000);
  expect([client.user.get(), client.status.get().name]).toEqual([{ id: "ada" }, "connected"]);
  expect(urls.map((url) => [/[?&]jwt=(\w+)/.exec(url)?.[1], url.includes("auth=1")])).toEqual([
    ["old", false],
    ["ada", false],
  ]);
  await soon(town, client.reauthenticate());
  expect(client.user.get()).toEqual({ id: "bob" });
});

test("AUTH17 a session moves to a better packer with the token that its line has shown", async () => {
  const town = createTown({ packers: [msgpack()] });
  const { client, seen } = visit(town, () => "ada", { upgrade: upgrade({ packers: [msgpack()] }) });
  await town.advance(1000);
  expect([coreOf(client).facts.welcome?.user, town.asked, town.sync.stats().connections]).toEqual([
    { id: "ada" },
    ["ada", "ada"],
    1,
  ]);
  expect(seen).toEqual(["connecting", "connected"]);
  expect(await soon(town, client.reauthenticate())).toBe(undefined);
  expect([town.asked.length, town.sync.stats().connections]).toEqual([3, 1]);
});
