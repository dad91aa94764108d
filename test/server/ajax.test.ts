/** Long polling over real HTTP, by requests made by hand. */
import { once } from "node:events";
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { edn } from "sente-sync/packers/edn";
import { json } from "sente-sync/packers/json";
import { createServer, type Server, type ServerOptions } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { readPollBody, writePollBody } from "../../src/transport/poll-body.ts";
import { ask, exchange } from "../support/http-client.ts";

const form = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();
const event = (text: string, clientId = "a", more: Record<string, string> = {}): string =>
  form({ "udt": "1", "client-id": clientId, "ppstr": text, ...more });
const userOf = ({ request, url }: { request?: IncomingMessage | undefined; url: URL }) => {
  const id = request?.headers["x-user"] ?? url.searchParams.get("uid");
  return typeof id === "string" ? { id } : { id: `anonymous-${Math.random()}`, anonymous: true };
};

async function serve(options: ServerOptions = {}) {
  const errors: string[] = [];
  const sync = createServer({
    authenticate: userOf,
    onError: (_, where) => errors.push(where),
    ...options,
    ...(options.longPoll !== false && { longPoll: { timeoutMs: 5000, graceMs: 3000, ...options.longPoll } }),
  }) as Server;
  sync.on("test/echo", ({ data }) => data);
  onTestFinished(() => sync.close());
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const post = (body: string, path = "/chsk", headers: Record<string, string> = {}) =>
    ask(port, { method: "POST", path, headers, body });
  return { sync, errors, port, post, get: (path: string, headers = {}) => ask(port, { path, headers }) };
}

/** Long enough for a request to be held by the server: an exchange that came later was answered. */
const held = (port: number): Promise<unknown> => ask(port, { method: "PUT", path: "/chsk" });

/** Opens a connection of ours; what it polls and posts is given frames and gives frames. */
async function ours({ port }: { port: number }, query = "client-id=a&sync=1&uid=ada") {
  const { headers, body } = await ask(port, { path: `/chsk?${query}` });
  const { name = "", first, frames } = readPollBody(body);
  const path = `/chsk?client-id=a&conn=${name}`;
  return {
    name,
    type: headers["content-type"],
    first,
    frames,
    path,
    poll: (arrived: number) => exchange(port, { path: `${path}&arrived=${arrived}` }),
    post: (number: number, texts: string[], extra = {}) =>
      ask(port, {
        method: "POST",
        path,
        body: writePollBody(
          number,
          texts.map((data) => ({ data, text: true })),
          extra,
        ),
      }),
  };
}

test("AJAX1 GET polls, POST tells, OPTIONS asks; anything else is 405", async () => {
  const { port, get, post } = await serve();
  expect((await get("/chsk?client-id=a&handshake%3F=1&uid=ada")).text).toBe('[[:chsk/handshake ["ada" nil nil]] nil]');
  expect((await post(event("[[:test/echo 1] :ajax]"))).text).toBe("[1 nil]");
  for (const method of ["PUT", "DELETE", "HEAD", "PATCH"]) {
    const { status, headers } = await ask(port, { method, path: "/chsk?client-id=a" });
    expect([method, status, headers.allow]).toEqual([method, 405, "GET, POST"]);
  }
});

test("AJAX1 parameters are those of the query and of the form; what is in both counts as in the query", async () => {
  const seen: string[] = [];
  const { post } = await serve({
    authenticate({ url: { searchParams } }) {
      seen.push(`${searchParams.get("client-id")} ${searchParams.get("role")} ${searchParams.has("ppstr")}`);
      return { id: "ada" };
    },
  });
  expect((await post(event("[[:test/echo 1] :ajax]", "a", { role: "form" }), "/chsk?role=query")).text).toBe("[1 nil]");
  expect((await post(form({ role: "form" }), "/chsk?client-id=b&ppstr=%5B%5B%3Atest%2Fecho%202%5D%20%3Aajax%5D")).text).toBe(
    "[2 nil]",
  );
  expect((await post('[[:test/echo "binary"] :ajax]', "/chsk?client-id=c&binary%3F=false")).text).toBe('["binary" nil]');
  expect(seen).toEqual(["a query false", "b form false", "c null false"]);
});

test("AJAX2 every request of a plain client is admitted anew, and its handler is told what this one says of the user", async () => {
  let role = "writer";
  const { sync, port, get, post } = await serve({ authenticate: ({ url }) => (role ? { id: "ada", role, url } : null) });
  sync.on("test/role", ({ user }) => (user as { readonly role?: string }).role);
  await get("/chsk?client-id=a&handshake%3F=1");
  const poll = exchange(port, { path: "/chsk?client-id=a" });
  await held(port);
  expect((await post(event("[[:test/role] :ajax]"))).text).toBe('["writer" nil]');
  role = "reader";
  expect((await post(event("[[:test/role] :ajax]"))).text).toBe('["reader" nil]');
  role = "";
  expect(await post(event("[[:test/role] :ajax]"))).toMatchObject({ status: 401, text: "Unauthorized request" });
  expect((await get("/chsk?client-id=a")).status).toBe(401);
  // The one that is held was admitted.
  sync.send("ada", "app/pushed", 1);
  expect((await poll.answer).text).toBe("[[[:app/pushed 1]] nil]");
});

test("AJAX2 room is asked for where a client would enter: full, those who are in go on, and posts are answered", async () => {
  const { sync, port, get, post } = await serve({ limits: { maxConnections: 1, maxConnectionsPerUser: 1 } });
  await get("/chsk?client-id=a&handshake%3F=1&uid=ada");
  const poll = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  await held(port);
  expect(await get("/chsk?client-id=b&uid=bob")).toMatchObject({
    status: 503,
    text: "Too many connections",
    headers: { "retry-after": "5" },
  });
  expect((await post(event("[[:test/echo 1] :ajax]", "a", { uid: "ada" }))).text).toBe("[1 nil]");
  sync.send("ada", "app/pushed");
  expect((await poll.answer).status).toBe(200);
  const again = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  await held(port);
  sync.send("ada", "app/pushed");
  expect((await again.answer).status).toBe(200);
  // The refused one, and the three that were not for this server.
  expect(sync.stats().connections).toBe(1);
});

test("AJAX2 one user has at most maxConnectionsPerUser clients that poll", async () => {
  const { get } = await serve({ limits: { maxConnectionsPerUser: 1 } });
  expect((await get("/chsk?client-id=a&uid=ada")).status).toBe(200);
  expect(await get("/chsk?client-id=b&uid=ada")).toMatchObject({ status: 429, text: "Too many connections of one user" });
  expect((await get("/chsk?client-id=b&uid=bob")).status).toBe(200);
});

test("AJAX2 a client id that spells another user's name is still not that user's", async () => {
  const { sync, port, get } = await serve();
  await get(`/chsk?client-id=c&uid=${encodeURIComponent("a\nb")}`);
  const theirs = exchange(port, { path: `/chsk?client-id=c&uid=${encodeURIComponent("a\nb")}` });
  await held(port);
  // Were it the same, this would be a poll; it is a stranger, and gets a handshake.
  expect((await get(`/chsk?client-id=${encodeURIComponent("b\nc")}&uid=a`)).text).toBe('[[:chsk/handshake ["a" nil nil]] nil]');
  sync.send("a\nb", "app/pushed");
  expect((await theirs.answer).text).toBe("[[[:app/pushed]] nil]");
});

test("AJAX3 a page of an allowed other origin may read the answers, with its user's cookies; no other may", async () => {
  const { port, get } = await serve({ origins: ["https://friend.example"] });
  const cors = async (headers: Record<string, string>) => {
    const { status, headers: answered } = await get("/chsk?client-id=a&uid=ada&handshake%3F=1", headers);
    return [status, answered["access-control-allow-origin"], answered["access-control-allow-credentials"], answered["vary"]];
  };
  expect(await cors({ origin: "https://friend.example" })).toEqual([200, "https://friend.example", "true", "origin"]);
  expect(await cors({ origin: "http://localhost:5173" })).toEqual([200, "http://localhost:5173", "true", "origin"]);
  expect(await cors({ origin: `http://127.0.0.1:${port}` })).toEqual([200, undefined, undefined, undefined]);
  expect(await cors({})).toEqual([200, undefined, undefined, undefined]);
  expect(await cors({ origin: "https://evil.example" })).toEqual([403, undefined, undefined, undefined]);
});

test("AJAX3 a preflight is answered for allowed origins, and 403 for others", async () => {
  const { sync, port } = await serve({ origins: ["https://friend.example"] });
  const preflight = async (origin?: string) => {
    const { status, headers } = await ask(port, { method: "OPTIONS", path: "/chsk", headers: origin ? { origin } : {} });
    return [status, headers["access-control-allow-origin"], headers["access-control-allow-headers"]];
  };
  const asked = "content-type, x-csrf-token, x-xsrf-token, x-requested-with";
  expect(await preflight("https://friend.example")).toEqual([204, "https://friend.example", asked]);
  expect(await preflight("http://localhost:5173")).toEqual([204, "http://localhost:5173", asked]);
  expect(await preflight("https://evil.example")).toEqual([403, undefined, undefined]);
  expect(await preflight()).toEqual([403, undefined, undefined]);
  expect(sync.stats().refused).toBe(2);
});

test("AJAX4 a handshake is answered at once, whoever asks for it, and a poll of somebody unknown with one as well", async () => {
  const data: string[] = [];
  const { port, get } = await serve({
    handshakeData: ({ url }) => {
      data.push(url.searchParams.get("client-id") ?? "");
      return { n: 1 };
    },
  });
  const handshake = '[[:chsk/handshake ["ada" nil {:n 1}]] nil]';
  expect((await get("/chsk?client-id=a&uid=ada&handshake%3F=1")).text).toBe(handshake);
  const poll = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  await held(port);
  // It asks again while it polls, as after a failed post.
  expect((await get("/chsk?client-id=a&uid=ada&handshake%3F=1")).text).toBe(handshake);
  expect((await get("/chsk?client-id=b&uid=ada")).text).toBe(handshake);
  expect((await get("/chsk?client-id=c")).text).toBe("[[:chsk/handshake [:sente/nil-uid nil {:n 1}]] nil]");
  expect(data).toEqual(["a", "b", "c"]);
  poll.abort();
});

test("AJAX4 what is said on connecting comes behind the handshake", async () => {
  const { get } = await serve({ onConnect: (peer) => peer.send("app/hello", 1) });
  expect((await get("/chsk?client-id=a&uid=ada")).text).toBe('[[:chsk/handshake ["ada" nil nil]] nil]');
  expect((await get("/chsk?client-id=a&uid=ada")).text).toBe("[[[:app/hello 1]] nil]");
});

test("AJAX5 what is told while no poll is held waits for the next, in one batch; a poll that breaks off loses nothing", async () => {
  const { sync, port, get } = await serve({ longPoll: { graceMs: 2000 } });
  await get("/chsk?client-id=a&uid=ada");
  const lost = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  await held(port);
  lost.abort();
  await expect(lost.answer).rejects.toThrow("socket hang up");
  await held(port);
  sync.send("ada", "app/pushed", 1);
  sync.send("ada", "app/pushed", 2);
  expect((await get("/chsk?client-id=a&uid=ada")).text).toBe("[[[:app/pushed 1] [:app/pushed 2]] nil]");
});

test("AJAX5 a client that went while it was being admitted takes no message with it", async () => {
  let admit = (): void => {};
  let asked = 0;
  const { sync, port, get } = await serve({
    longPoll: { graceMs: 2000 },
    authenticate: () => (++asked === 2 ? new Promise((resolve) => (admit = () => resolve({ id: "ada" }))) : { id: "ada" }),
  });
  await get("/chsk?client-id=a");
  const gone = exchange(port, { path: "/chsk?client-id=a" });
  await expect.poll(() => asked).toBe(2);
  gone.abort();
  await held(port);
  admit();
  await held(port);
  sync.send("ada", "app/pushed");
  expect((await get("/chsk?client-id=a")).text).toBe("[[[:app/pushed]] nil]");
});

test("AJAX6 a post is answered with its reply, with a dummy where none is asked for, and with :chsk/timeout where none comes", async () => {
  const { sync, post } = await serve({ longPoll: { timeoutMs: 100 } });
  let release = (_: unknown): void => {};
  sync.on("test/later", () => new Promise((resolve) => (release = resolve)));
  sync.on("test/nothing", () => {});
  sync.on("test/throws", () => {
    throw new Error("on purpose");
  });
  const say = async (text: string) => {
    const { status, text: answer } = await post(event(text));
    return [status, answer];
  };
  expect(await say("[[:test/echo {:a 1}] :ajax]")).toEqual([200, "[{:a 1} nil]"]);
  expect(await say('[[:test/echo 1] "24f6e0"]')).toEqual([200, "[1 nil]"]);
  expect(await say("[[:test/nothing] :ajax]")).toEqual([200, "[nil nil]"]);
  expect(await say("[[:test/echo 1] nil]")).toEqual([200, "[:chsk/dummy-cb-200 nil]"]);
  expect(await say("[[:test/echo 1]]")).toEqual([200, "[:chsk/dummy-cb-200 nil]"]);
  expect(await say("[[:chsk/ws-ping] :ajax]")).toEqual([200, '["pong" nil]']);
  expect(await say('[["not an event"] nil]')).toEqual([200, "[:chsk/dummy-cb-200 nil]"]);
  // As to every plain client, errors are not told.
  expect(await say("[[:test/throws] :ajax]")).toEqual([200, "[:chsk/timeout nil]"]);
  expect(await say("[[:test/unknown] :ajax]")).toEqual([200, "[:chsk/timeout nil]"]);
  expect(await say("[[:test/later] :ajax]")).toEqual([200, "[:chsk/timeout nil]"]);
  // Too late: nothing comes of it.
  release(1);
  expect(await say("[[:test/echo 2] :ajax]")).toEqual([200, "[2 nil]"]);
});

test("AJAX6 a reply that cannot be packed is 500 and reported; a message that cannot be read is 400 and counted", async () => {
  const { sync, errors, post } = await serve();
  sync.on("test/bad", () => () => {});
  expect(await post(event("[[:test/bad] :ajax]"))).toMatchObject({ status: 500, text: "The reply could not be packed" });
  expect(errors).toEqual(["reply"]);
  for (const text of ["", "[[:test/echo", "nil", "[]", "[[:test/echo 1] nil nil]"])
    expect(await post(event(text, `of ${text}`))).toMatchObject({ status: 400, text: "Bad request" });
  expect(sync.stats().malformed).toBe(5);
});

test("AJAX6 who only posts is answered, has a user, and is not connected; what is pushed to it goes nowhere", async () => {
  const opened: string[] = [];
  const { sync, port, post } = await serve({ onUserOpen: (id) => opened.push(id) });
  sync.on("test/push", ({ peer, user: { id } }) => {
    peer.send("app/pushed", 1);
    sync.send(id, "app/pushed", 2);
    return [id, peer.clientId];
  });
  const { text } = await ask(port, {
    method: "POST",
    path: "/chsk",
    headers: { "x-user": "ada" },
    body: event("[[:test/push] :ajax]", "c"),
  });
  expect(text).toBe('[["ada" "c"] nil]');
  expect((await post(form({ ppstr: "[[:test/echo 1] :ajax]" }))).text).toBe("[1 nil]");
  expect([sync.stats().connections, opened]).toEqual([0, []]);
});

test("AJAX7 a second poll takes the place of the first", async () => {
  const { sync, port, get } = await serve();
  await get("/chsk?client-id=a&uid=ada");
  const first = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  await held(port);
  const second = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  await held(port);
  sync.send("ada", "app/pushed");
  expect((await second.answer).text).toBe("[[[:app/pushed]] nil]");
  first.abort();
});

test("AJAX8 a client that does not poll for the grace is gone, and greeted when it comes again", async () => {
  const left: string[] = [];
  const { sync, get } = await serve({ onDisconnect: (peer, code) => left.push(`${peer.clientId} ${code}`) });
  await get("/chsk?client-id=a&uid=ada");
  expect(sync.stats().connections).toBe(1);
  await expect.poll(() => left).toEqual(["a 1006"]);
  expect(sync.stats().connections).toBe(0);
  expect((await get("/chsk?client-id=a&uid=ada")).text).toContain(":chsk/handshake");
});

test("AJAX9 a server that closes breaks off held polls, and is closed at once: no answer keeps its socket", async () => {
  const { sync, port, get } = await serve({ longPoll: { graceMs: 600_000 } });
  await get("/chsk?client-id=a&uid=ada");
  await get("/chsk?client-id=b&uid=ada");
  const poll = exchange(port, { path: "/chsk?client-id=a&uid=ada" });
  const told = exchange(port, { path: "/chsk?client-id=b&uid=ada" });
  // Greeted, and not polling.
  await get("/chsk?client-id=c&uid=ada");
  const named = await ours({ port });
  const ourPoll = named.poll(1);
  await held(port);
  // The grace of who does not poll now is longer than a test may take.
  await sync.close();
  await expect(poll.answer).rejects.toThrow("socket hang up");
  await expect(told.answer).rejects.toThrow("socket hang up");
  expect(readPollBody((await ourPoll.answer).body)).toEqual({
    first: 1,
    frames: [],
    close: { code: 1001, reason: "server closing" },
  });
  await new Promise(setImmediate);
  expect(sync.stats().connections).toBe(0);
});

test("AJAX10 a client of ours is given a name that nobody can guess, with its handshake, and is known by it", async () => {
  let admitted = 0;
  const server = await serve({
    authenticate(context) {
      admitted++;
      return userOf(context);
    },
  });
  const first = await ours(server);
  const second = await ours(server);
  expect([first.type, first.first, first.frames.length]).toEqual(["application/x-sente-sync", 0, 1]);
  expect(first.frames[0]).toMatch(/^\[\[:chsk\/handshake \["ada" nil .* \{:v 1\}\]\] nil\]$/);
  expect(first.name).toMatch(/^[0-9a-f]{32}$/);
  expect(second.name).not.toBe(first.name);
  const poll = first.poll(1);
  await held(server.port);
  expect((await first.post(0, ['[[:test/echo 1] "r"]'])).status).toBe(204);
  const { headers, body } = await poll.answer;
  expect([headers["content-type"], readPollBody(body)]).toEqual(["application/x-sente-sync", { first: 1, frames: ['[1 "r"]'] }]);
  // Only the two handshakes were asked who they are.
  expect(admitted).toBe(2);
});

test("AJAX10 an unknown name is 410 for polls and posts; token and origin are asked for each time", async () => {
  const server = await serve({ csrfToken: () => "tok", origins: ["https://friend.example"] });
  expect((await server.get("/chsk?client-id=a&conn=0123")).status).toBe(403);
  expect(await server.get("/chsk?client-id=a&conn=0123&csrf-token=tok")).toMatchObject({
    status: 410,
    text: "No such connection",
  });
  expect((await server.post("", "/chsk?client-id=a&conn=0123&csrf-token=tok")).status).toBe(410);
  const { path } = await ours(server, "client-id=a&sync=1&uid=ada&csrf-token=tok");
  expect((await server.get(path)).status).toBe(403);
  expect((await server.get(path, { "x-csrf-token": "tok", "origin": "https://evil.example" })).status).toBe(403);
  expect((await server.post("", path)).status).toBe(403);
});

test("AJAX10 a client of ours may ask for another packer", async () => {
  const server = await serve({ packer: edn(), packers: [json()] });
  const { frames } = await ours(server, "client-id=a&sync=1&uid=ada&packers=nonsense,json");
  expect(String(frames[0])).toMatch(/^\[\[/);
  expect(JSON.parse(String(frames[0]))).toHaveLength(2);
  const plain = await server.get("/chsk?client-id=b&uid=ada&packers=json");
  expect(plain.text).toBe('[[:chsk/handshake ["ada" nil nil]] nil]');
});

test("AJAX12, AJAX13 exchanges that were lost are repeated, and every frame comes once", async () => {
  const server = await serve();
  const client = await ours(server);
  const lost = client.poll(1);
  await held(server.port);
  server.sync.send("ada", "app/pushed", 1);
  await lost.answer;
  // As if it had not come.
  expect(readPollBody((await client.poll(1).answer).body)).toEqual({ first: 1, frames: ["[[[:app/pushed 1]] nil]"] });
  expect((await client.poll(7).answer).status).toBe(410);
  const seen: unknown[] = [];
  server.sync.on("test/note", ({ data }) => void seen.push(data));
  expect((await client.post(0, ["[[:test/note 1] nil]"])).status).toBe(204);
  expect((await client.post(0, ["[[:test/note 1] nil]", "[[:test/note 2] nil]"])).status).toBe(204);
  expect(await client.post(3, ["[[:test/note 4] nil]"])).toMatchObject({ status: 409, text: "Frames before these are missing" });
  expect(seen).toEqual([1, 2]);
});

test("AJAX14 beyond the rate a post of ours is answered when reading goes on, one of a plain client with 429", async () => {
  const server = await serve({ limits: { messages: { perSecond: 10, burst: 1 } }, longPoll: { graceMs: 5000 } });
  const client = await ours(server);
  const startMs = performance.now();
  expect((await client.post(0, ["[[:test/echo 1] nil]", "[[:test/echo 2] nil]"])).status).toBe(204);
  expect(performance.now() - startMs).toBeGreaterThan(50);
  const slow = await serve({ limits: { messages: { perSecond: 0.01, burst: 1 } } });
  await slow.get("/chsk?client-id=p&uid=bob");
  const say = async () => (await slow.post(event("[[:test/echo 1] nil]", "p", { uid: "bob" }))).status;
  expect([await say(), await say(), await say()]).toEqual([200, 200, 429]);
});

test("AJAX15 a close travels in a body, either way", async () => {
  const left: string[] = [];
  const server = await serve({ onDisconnect: (_, code, reason) => left.push(`${code} ${reason}`) });
  const first = await ours(server);
  const poll = first.poll(1);
  await held(server.port);
  server.sync.disconnect({ user: "ada" });
  expect(readPollBody((await poll.answer).body)).toEqual({ first: 1, frames: [], close: { code: 4003, reason: "disconnected" } });
  expect((await first.poll(1).answer).status).toBe(410);
  const second = await ours(server);
  const seen: unknown[] = [];
  server.sync.on("test/note", ({ data }) => void seen.push(data));
  const { status } = await second.post(0, ["[[:test/note 1] nil]"], { close: { code: 1000, reason: "CLOSE_NORMAL" } });
  expect([status, seen]).toEqual([204, [1]]);
  await expect.poll(() => left).toEqual(["4003 disconnected", "1000 CLOSE_NORMAL"]);
  expect((await second.poll(1).answer).status).toBe(410);
});

test("AJAX16 a message over maxFrameBytes is 413, and ends a connection of ours with 1009", async () => {
  const left: number[] = [];
  const server = await serve({ limits: { maxFrameBytes: 100 }, onDisconnect: (_, code) => left.push(code) });
  const message = (length: number): string => `[[:test/echo "${"x".repeat(length)}"] :ajax]`;
  expect((await server.post(event(message(77)))).status).toBe(200);
  expect(await server.post(event(message(78)))).toMatchObject({ status: 413, text: "Too large" });
  expect((await server.post(message(78), "/chsk?client-id=a&binary%3F=true")).status).toBe(413);
  const client = await ours(server);
  expect((await client.post(0, [message(77)])).status).toBe(204);
  // A hundred characters, and more bytes.
  expect((await client.post(1, [message(76).replace("xx", "éé")])).status).toBe(413);
  expect(readPollBody((await client.poll(1).answer).body).close).toEqual({ code: 1009, reason: "too large" });
  await expect.poll(() => left).toEqual([1009]);
});

test("AJAX16 a body is read no further than three times that and 4 KiB, and its socket is closed", async () => {
  const { port } = await serve({ limits: { maxFrameBytes: 100 } });
  const request = httpRequest({ host: "127.0.0.1", port, path: "/chsk?client-id=a", method: "POST", agent: false });
  let response: IncomingMessage | undefined;
  let isClosed = false;
  request.on("response", (answer) => (response = answer));
  request.on("close", () => (isClosed = true));
  request.on("error", () => {});
  let written = 0;
  for (; !isClosed && written < 10_000_000; written += 1000) {
    request.write(Buffer.alloc(1000));
    await new Promise(setImmediate);
  }
  expect([response?.statusCode, response?.headers.connection]).toEqual([413, "close"]);
  expect(written).toBeLessThan(10_000_000);
});

test("AJAX16 a body that does not come in time is 408, one that is none of ours 400", async () => {
  const server = await serve({ limits: { handshakeMs: 1000 } });
  const request = httpRequest({
    host: "127.0.0.1",
    port: server.port,
    path: "/chsk?client-id=a",
    method: "POST",
    headers: { "content-length": "10" },
    agent: false,
  });
  request.on("error", () => {});
  request.write("abc");
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(408);
  request.destroy();
  const { path } = await ours(server);
  expect((await server.post("abc", path)).status).toBe(400);
  expect(server.sync.stats().malformed).toBe(1);
});

test("AJAX17 who posts and does not poll is limited as a connection is, by user, client id and address", async () => {
  const slow = await serve({ limits: { messages: { perSecond: 0.001, burst: 2 } } });
  const say = async (id: string, more = {}, text = "[[:test/echo 1] nil]") => (await slow.post(event(text, id, more))).status;
  // The first beyond the rate is handled on credit.
  expect([await say("a"), await say("a"), await say("a"), await say("a")]).toEqual([200, 200, 200, 429]);
  expect([await say("b"), await say("a", { uid: "ada" }), await say("a")]).toEqual([200, 200, 429]);
  expect(slow.sync.stats()).toMatchObject({ ratePauses: 1, refused: 2 });

  const busy = await serve({ limits: { maxCallbacks: 1, maxConnectionsPerUser: 2 } });
  let end = (): void => {};
  busy.sync.on("test/slow", () => new Promise<void>((resolve) => (end = resolve)));
  const post = (text: string, id = "a") => busy.post(event(text, id, { uid: "ada" }));
  const first = post("[[:test/slow] :ajax]");
  await expect.poll(() => busy.sync.stats().messagesIn).toBe(1);
  expect((await post("[[:test/echo 1] :ajax]")).status).toBe(429);
  expect((await post("[[:test/echo 1] nil]")).status).toBe(200);
  // A third client of one user is one too many; an anonymous one has no such limit.
  expect([(await post("[]", "b")).status, (await post("[]", "c")).status]).toEqual([400, 429]);
  end();
  expect((await first).text).toBe("[nil nil]");
  expect((await post("[[:test/echo 1] :ajax]")).text).toBe("[1 nil]");
  for (const status of [400, 400, 429]) expect((await post("[]", "b")).status).toBe(status);
});

test("AJAX18 a body is not read further than 16 KiB before the request is judged, by what of its form is whole by then", async () => {
  const seen: string[] = [];
  const server = await serve({
    authenticate({ url }) {
      seen.push(`${url.searchParams}`);
      return url.searchParams.has("uid") ? { id: "ada" } : null;
    },
  });
  const length = 20_000;
  const message = `[["test/echo","${"x".repeat(length)}"],"ajax"]`
    .replace('["test/echo",', "[:test/echo ")
    .replace(',"ajax"', " :ajax");
  const early = `client-id=a&uid=ada&ppstr=${encodeURIComponent(message)}&late=1`;
  expect((await server.post(early)).text).toHaveLength(length + '["" nil]'.length);
  expect((await server.post(`client-id=a&ppstr=${encodeURIComponent(message)}&uid=ada`)).status).toBe(401);
  expect((await server.post(message, "/chsk?client-id=a&uid=ada&binary%3F=true")).status).toBe(200);
  expect(seen.map((query) => query.slice(0, 40))).toEqual([
    "client-id=a&uid=ada",
    "client-id=a",
    "client-id=a&uid=ada&binary%3F=true",
  ]);

  // Answered while most of it was not even sent.
  for (const [path, status] of [
    ["/chsk?client-id=a", 401],
    ["/chsk?client-id=a&conn=unknown", 410],
  ] as const) {
    const request = httpRequest({
      host: "127.0.0.1",
      port: server.port,
      path,
      method: "POST",
      headers: { "content-length": "1000000" },
      agent: false,
    });
    request.on("error", () => {});
    request.write(Buffer.alloc(length, 97));
    const [response] = (await once(request, "response")) as [IncomingMessage];
    expect([response.statusCode, response.headers.connection]).toEqual([status, "close"]);
    request.destroy();
  }
  expect(server.sync.stats().refused).toBe(3);
});

test("DOOR1 longPoll: false answers polls and posts with 426", async () => {
  const { get, post } = await serve({ longPoll: false });
  expect(await get("/chsk?client-id=a")).toMatchObject({ status: 426, text: "This server speaks WebSocket." });
  expect((await post(event("[[:test/echo 1] :ajax]"))).status).toBe(426);
});

/** An application's own server, with ours attached or mounted. */
async function application(listener: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const http = createHttpServer((request, response) => void listener(request, response));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => void http.close());
  return { http, port: (http.address() as AddressInfo).port };
}

test("DOOR1 attached beside an application, ours takes its own path and leaves the rest, in whatever order they let go", async () => {
  const { http, port } = await application((_, response) => response.end("mine"));
  const [a, b] = [createServer({ onError: () => {} }), createServer({ onError: () => {} })];
  onTestFinished(async () => void (await Promise.all([a.close(), b.close()])));
  const stopA = a.attach(http, { path: "/a" });
  const stopB = b.attach(http, { path: "/b" });
  const look = async () => {
    const answers = await Promise.all(
      ["/a", "/b", "/c"].map((path) => ask(port, { path: `${path}?client-id=x&handshake%3F=1` })),
    );
    return answers.map(({ text }) => (text.includes(":chsk/handshake") ? "ours" : text));
  };
  expect(await look()).toEqual(["ours", "ours", "mine"]);
  stopA();
  stopA();
  expect(await look()).toEqual(["mine", "ours", "mine"]);
  stopB();
  expect(await look()).toEqual(["mine", "mine", "mine"]);
  expect([http.listenerCount("request"), http.listenerCount("upgrade")]).toEqual([1, 0]);
});

test("DOOR1 attached before an application listens, or where nobody does, ours answers what is its own alone, and the rest is answered", async () => {
  const http = createHttpServer();
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => void http.close());
  const { port } = http.address() as AddressInfo;
  const sync = createServer({ onError: () => {} });
  onTestFinished(() => sync.close());
  const stop = sync.attach(http);
  const look = async (): Promise<string[]> => {
    const [own, other] = await Promise.all([
      ask(port, { path: "/chsk?client-id=x&handshake%3F=1" }),
      ask(port, { path: "/other" }),
    ]);
    return [own.text.includes(":chsk/handshake") ? "ours" : own.text, `${other.status} ${other.text}`];
  };
  const upgradeOf = async (path: string): Promise<number | undefined> => {
    const headers = {
      "connection": "Upgrade",
      "upgrade": "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    };
    const request = httpRequest({ host: "127.0.0.1", port, path, headers, agent: false }).end();
    const [response] = (await Promise.race([once(request, "upgrade"), once(request, "response")])) as [IncomingMessage];
    request.destroy();
    return response.statusCode;
  };
  expect(await look()).toEqual(["ours", "404 Not found"]);
  const stopSecond = createServer({ onError: () => {} }).attach(http, { path: "/second" });
  expect([await upgradeOf("/second?client-id=x"), await upgradeOf("/other")]).toEqual([101, 404]);
  stopSecond();
  const heard: string[] = [];
  const app = ({ url = "" }: IncomingMessage, response: ServerResponse): void => {
    heard.push(url);
    response.end("mine");
  };
  http.on("request", app);
  http.prependListener("request", ({ url = "" }) => void heard.push(`first ${url}`));
  http.on("upgrade", ({ url }, socket) => {
    if (url === "/theirs") socket.end("HTTP/1.1 418 I'm a teapot\r\nconnection: close\r\n\r\n");
  });
  expect(await look()).toEqual(["ours", "200 mine"]);
  expect([await upgradeOf("/chsk?client-id=x"), await upgradeOf("/theirs")]).toEqual([101, 418]);
  expect(heard).toEqual(["first /other", "/other"]);
  // Another that attaches, and one that wraps what we wrapped.
  const stopOther = createServer({ onError: () => {} }).attach(http, { path: "/other" });
  expect((await look())[1]).toBe("400 The parameter client-id is missing");
  const inner = http.emit.bind(http);
  http.emit = ((name: string, ...args: unknown[]) => inner(name, ...args)) as typeof http.emit;
  stopOther();
  stop();
  expect(await look()).toEqual(["mine", "200 mine"]);
  expect([http.listenerCount("request"), http.listenerCount("upgrade")]).toEqual([2, 1]);
});

test("DOOR1 mounted by a framework, ours answers polls and posts, and passes on what is not its own", async () => {
  const sync = createServer({ authenticate: userOf, onError: () => {} });
  sync.on("test/echo", ({ data }) => data);
  onTestFinished(() => sync.close());
  // What Express does: it cuts the path, and its body parsers read before us.
  const { port } = await application(async (request: IncomingMessage & { originalUrl?: string; body?: unknown }, response) => {
    if (!request.url?.startsWith("/live")) return void response.end("mine");
    request.originalUrl = request.url;
    request.url = request.url.slice("/live".length) || "/";
    const parser = request.headers["x-parser"];
    if (parser !== undefined) {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const raw = Buffer.concat(pieces);
      request.body =
        parser === "raw" ? raw : parser === "text" ? String(raw) : Object.fromEntries(new URLSearchParams(String(raw)));
    }
    sync.handler(request, response, () => response.end("next"));
  });
  expect((await ask(port, { path: "/live?client-id=a&uid=ada" })).text).toBe('[[:chsk/handshake ["ada" nil nil]] nil]');
  expect((await ask(port, { path: "/live" })).text).toBe("next");
  const body = event("[[:test/echo {:a 1}] :ajax]");
  for (const parser of ["raw", "text", "urlencoded"])
    expect((await ask(port, { method: "POST", path: "/live", headers: { "x-parser": parser }, body })).text).toBe("[{:a 1} nil]");
  expect((await ask(port, { method: "POST", path: "/live", body })).text).toBe("[{:a 1} nil]");
  expect((await ask(port, { path: "/other" })).text).toBe("mine");
});

test("DOOR1, DOOR9 mounted with nobody behind it, ours answers 404 to what is not its own, and once closed 503 to what was", async () => {
  const handled: unknown[] = [];
  const sync = createServer({ onError: () => {} });
  sync.on("test/note", ({ data }) => void handled.push(data));
  const { port } = await application((request, response) => sync.handler(request, response));
  expect((await ask(port, { path: "/" })).status).toBe(404);
  await sync.close();
  expect(await ask(port, { path: "/?client-id=a" })).toMatchObject({ status: 503, text: "The server is closing" });
  expect((await ask(port, { method: "POST", path: "/", body: event("[[:test/note 1] nil]") })).status).toBe(503);
  expect(handled).toEqual([]);
});
