import { once } from "node:events";
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createServer, type ServerOptions } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { type Checks, checkRequest } from "../../src/server/request.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { createWorld, RawPeer } from "./world.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** Asks for an upgrade; 101 is an open WebSocket, which is closed again unless it is kept. */
function upgrade(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer & { socket?: WebSocket; heard: string[] }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    const heard: string[] = [];
    onTestFinished(() => socket.terminate());
    socket.on("message", (data) => heard.push(String(data)));
    socket.on("open", () => resolve({ status: 101, body: "", headers: {}, socket, heard }));
    socket.on("error", reject);
    socket.on("unexpected-response", (_, response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers, heard }));
    });
  });
}

function open(options: ServerOptions = {}) {
  const errors: string[] = [];
  const sync = createServer({ onError: (_, where) => errors.push(where), ...options });
  onTestFinished(() => sync.close());
  return { sync, errors };
}

async function listen(options: ServerOptions = {}) {
  const { sync, errors } = open(options);
  return { sync, errors, port: await sync.listen(0, { host: "127.0.0.1" }) };
}

/** Why a request with these headers may not pass, by its checks alone. */
function refusal(headers: Record<string, string | undefined>, checks: Partial<Checks>, query = "client-id=a") {
  const request = { method: "GET", headers } as unknown as IncomingMessage;
  const url = new URL(`ws://x/chsk?${query}`);
  return checkRequest({ request, url }, { origins: [], requireOrigin: false, csrfToken: undefined, ...checks });
}

test("DOOR1 the path is /chsk; another is 404", async () => {
  const { sync, port } = await listen();
  expect((await upgrade(port, "/chsk?client-id=a")).status).toBe(101);
  expect(await upgrade(port, "/other?client-id=a")).toMatchObject({ status: 404, body: "Not found" });
  expect(await upgrade(port, "/chsk/?client-id=a")).toMatchObject({ status: 404 });
  const response = await fetch(`http://127.0.0.1:${port}/other?client-id=a`);
  expect([response.status, await response.text()]).toEqual([404, "Not found"]);
  expect(sync.stats().refused).toBe(2);
});

test("DOOR1 an attached server leaves other paths and requests to their owners, and lets go when told", async () => {
  const http = createHttpServer((_, response) => response.end("mine"));
  const { sync } = open();
  const stop = sync.attach(http, { path: "/live" });
  http.on("upgrade", (request, socket) => {
    if (request.url === "/theirs") socket.end("HTTP/1.1 418 I'm a teapot\r\nconnection: close\r\n\r\n");
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => void http.close());
  const { port } = http.address() as AddressInfo;
  expect((await upgrade(port, "/theirs")).status).toBe(418);
  expect((await upgrade(port, "/live?client-id=a")).status).toBe(101);
  expect(await (await fetch(`http://127.0.0.1:${port}/theirs?client-id=a`)).text()).toBe("mine");
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(400);
  stop();
  expect(await (await fetch(`http://127.0.0.1:${port}/live`)).text()).toBe("mine");
  expect(http.listenerCount("upgrade")).toBe(1);
});

test("DOOR2 a missing or empty client-id is 400", async () => {
  const { port } = await listen();
  expect(await upgrade(port, "/chsk")).toMatchObject({ status: 400, body: "The parameter client-id is missing" });
  expect((await upgrade(port, "/chsk?client-id=")).status).toBe(400);
});

test("DOOR3 an origin is the server's own, a listed one, or loopback to loopback; none is no browser", async () => {
  const cases: [origin: string | undefined, host: string, allowed: readonly string[] | "all", yes: boolean][] = [
    [undefined, "app.example", [], true],
    ["https://app.example", "app.example", [], true],
    ["https://app.example:8443", "app.example:8443", [], true],
    ["https://app.example", "app.example:8443", [], false],
    ["https://evil.example", "app.example", [], false],
    ["https://app.example.evil.example", "app.example", [], false],
    ["null", "app.example", [], false],
    ["", "app.example", [], false],
    ["https://evil.example", "app.example", "all", true],
    ["https://friend.example", "app.example", ["https://friend.example"], true],
    ["http://friend.example", "app.example", ["https://friend.example"], false],
    ["http://localhost:5173", "127.0.0.1:8787", [], true],
    ["http://localhost:5173", "app.example", [], false],
    ["https://evil.example", "localhost:8787", [], false],
    ["http://127.0.0.1.evil.example", "127.0.0.1:8787", [], false],
    ["http://[::1]:1", "localhost", [], true],
  ];
  for (const [origin, host, origins, yes] of cases)
    expect([origin, host, refusal({ origin, host }, { origins }) === undefined]).toEqual([origin, host, yes]);
  const { port } = await listen({ origins: ["https://friend.example"] });
  expect(await upgrade(port, "/chsk?client-id=a", { origin: "https://evil.example" })).toMatchObject({
    status: 403,
    body: "Unauthorized origin",
  });
  expect((await upgrade(port, "/chsk?client-id=a", { origin: "https://friend.example" })).status).toBe(101);
  expect((await upgrade(port, "/chsk?client-id=a", { origin: "http://localhost:3000" })).status).toBe(101);
});

test("DOOR4 authenticate says who it is: null is 401, a throw is 500 and reported", async () => {
  const { port, errors } = await listen({
    authenticate: async ({ request, url }) => {
      if (url.searchParams.get("how") === "throw") throw new Error("secret");
      return request?.headers["x-user"] ? { id: `${request.headers["x-user"]}` } : null;
    },
  });
  expect(await upgrade(port, "/chsk?client-id=a")).toMatchObject({ status: 401, body: "Unauthorized request" });
  expect(await upgrade(port, "/chsk?client-id=a&how=throw")).toMatchObject({ status: 500, body: "authenticate failed" });
  expect(errors).toEqual(["authenticate"]);
  const { heard } = await upgrade(port, "/chsk?client-id=a", { "x-user": "ada" });
  await expect.poll(() => heard).toEqual(['[[:chsk/handshake ["ada" nil nil]] nil]']);
});

test("DOOR5 beyond maxConnections the answer is 503 with retry-after, beyond maxConnectionsPerUser 429", async () => {
  const { port, sync } = await listen({
    limits: { maxConnections: 3, maxConnectionsPerUser: 2 },
    authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "" }),
  });
  const path = (uid: string): string => `/chsk?client-id=a&uid=${uid}`;
  expect((await upgrade(port, path("ada"))).status).toBe(101);
  const { socket } = await upgrade(port, path("ada"));
  expect(await upgrade(port, path("ada"))).toMatchObject({ status: 429, body: "Too many connections of one user" });
  expect((await upgrade(port, path("bob"))).status).toBe(101);
  expect(await upgrade(port, path("cyd"))).toMatchObject({ status: 503, headers: { "retry-after": "5", "connection": "close" } });
  expect(sync.stats()).toMatchObject({ connections: 3, refused: 2 });
  socket?.close();
  await expect.poll(() => sync.stats().connections).toBe(2);
  expect((await upgrade(port, path("ada"))).status).toBe(101);
});

test("DOOR5 upgrades that are admitted together do not exceed the limit together", async () => {
  let admit: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => {
    admit = resolve;
  });
  const { port, sync } = await listen({ limits: { maxConnections: 2 }, authenticate: () => gate.then(() => ({ id: "ada" })) });
  const asked = Array.from({ length: 5 }, () => upgrade(port, "/chsk?client-id=a"));
  setImmediate(() => admit?.());
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.sort((a, b) => a - b)).toEqual([101, 101, 503, 503, 503]);
  expect(sync.stats().connections).toBe(2);
});

test("DOOR6 the first fault decides: client-id, token, origin, room, user, reject, room of that user", async () => {
  const options = { csrfToken: () => "tok", authenticate: () => null };
  const full = await listen({ ...options, limits: { maxConnections: 0 } });
  const evil = { origin: "https://evil.example" };
  expect(await upgrade(full.port, "/chsk", evil)).toMatchObject({ status: 400 });
  expect(await upgrade(full.port, "/chsk?client-id=a", evil)).toMatchObject({ status: 403, body: "Bad CSRF token" });
  expect(await upgrade(full.port, "/chsk?client-id=a&csrf-token=tok", evil)).toMatchObject({
    status: 403,
    body: "Unauthorized origin",
  });
  expect(await upgrade(full.port, "/chsk?client-id=a&csrf-token=tok")).toMatchObject({ status: 503 });
  expect((await upgrade((await listen(options)).port, "/chsk?client-id=a&csrf-token=tok")).status).toBe(401);
  const reject = ({ user }: { readonly user?: unknown }) => (user ? { status: 402, body: "Pay first" } : undefined);
  const { port } = await listen({ reject, limits: { maxConnectionsPerUser: 0 }, authenticate: () => ({ id: "ada" }) });
  expect(await upgrade(port, "/chsk?client-id=a")).toMatchObject({ status: 402, body: "Pay first" });
});

test("DOOR6 what is no WebSocket upgrade, or of another version, is answered by HTTP", async () => {
  const { port } = await listen();
  const status = (headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve) => {
      httpRequest(
        { port, host: "127.0.0.1", path: "/chsk?client-id=a", headers: { connection: "Upgrade", ...headers } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      ).end();
    });
  expect(await status({ upgrade: "h2c" })).toBe(400);
  expect(await status({ "upgrade": "websocket", "sec-websocket-version": "13" })).toBe(400);
  expect(
    await status({ "upgrade": "websocket", "sec-websocket-version": "7", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" }),
  ).toBe(400);
});

test("DOOR7 headers that do not come in time are 408, too large ones 431; a slow authenticate is 408", async () => {
  const { port } = await listen({ limits: { handshakeMs: 1000 }, authenticate: () => new Promise(() => {}) });
  const say = (data: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(data));
      let answer = "";
      socket.on("data", (chunk: Buffer) => (answer += String(chunk)));
      socket.on("close", () => resolve(answer.split("\r\n")[0] ?? ""));
    });
  const [unfinished, large, slow] = await Promise.all([
    say("GET /chsk?client-id=a HTTP/1.1\r\nhost: x\r\nupgrade: webso"),
    say(`GET /chsk?client-id=a HTTP/1.1\r\nhost: x\r\nx: ${"x".repeat(17_000)}\r\n\r\n`),
    upgrade(port, "/chsk?client-id=a"),
  ]);
  expect(unfinished).toBe("HTTP/1.1 408 Request Timeout");
  expect(large).toBe("HTTP/1.1 431 Request Header Fields Too Large");
  expect(slow).toMatchObject({ status: 408, body: "authenticate took too long" });
});

test("DOOR8 a connection that is handed over passes the same door; refused, it is closed with 4008 and the reason", async () => {
  const world = createWorld({
    authenticate: async ({ url, request }) => {
      expect(request).toBe(undefined);
      if (url.searchParams.get("how") === "throw") throw new Error("secret");
      await Promise.resolve();
      return url.searchParams.get("how") === "null" ? null : { id: "ada" };
    },
    limits: { maxConnectionsPerUser: 1 },
  });
  expect((await world.peer("how=null")).closes).toEqual([{ code: 4008, reason: "Unauthorized request" }]);
  expect((await world.peer("how=throw")).closes).toEqual([{ code: 4008, reason: "authenticate failed" }]);
  expect((await world.peer("")).frames.length).toBe(1);
  expect((await world.peer("")).closes).toEqual([{ code: 4008, reason: "Too many connections of one user" }]);
  expect(world.sync.stats()).toMatchObject({ connections: 1, refused: 3 });
});

test("DOOR8 a URL that is none is refused as anybody else is", async () => {
  const { sync } = createWorld();
  const [client, served] = memoryPair();
  const closed = new Promise((resolve) => {
    client.handlers = { onFrame() {}, onClose: (code, reason) => resolve([code, reason]) };
  });
  await sync.accept(served, "//:99999");
  expect(await closed).toEqual([4008, "Bad request"]);
});

test("DOOR9 a connection that never asked for anything does not keep the server from closing", async () => {
  const { port, sync } = await listen();
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  await sync.close();
  socket.destroy();
});

test("DOOR8 what arrives before it is admitted is read after; one that left meanwhile is forgotten", async () => {
  let admit: (() => void) | undefined;
  const world = createWorld({
    authenticate: () =>
      new Promise((resolve) => {
        admit = () => resolve({ id: "ada" });
      }),
  });
  world.sync.on("app/echo", ({ data }) => data);
  const hand = (): RawPeer => {
    const [near, far] = memoryPair(world.env);
    void world.sync.accept(far, "/chsk");
    return new RawPeer(near, world);
  };
  const eager = hand();
  await eager.say('[[:app/echo 1] "a"]');
  expect(eager.frames).toEqual([]);
  admit?.();
  await world.settle();
  expect(eager.frames).toEqual(['[[:chsk/handshake ["ada" nil nil]] nil]', '[1 "a"]']);
  const gone = hand();
  gone.transport.terminate();
  await world.settle();
  admit?.();
  await world.settle();
  expect(world.sync.stats().connections).toBe(1);
});

test("DOOR9 close says 1001 to every connection, after what was to be said, and lets nobody else in", async () => {
  const { port, sync } = await listen({ authenticate: () => ({ id: "ada" }) });
  const { socket, heard } = await upgrade(port, "/chsk?client-id=a");
  sync.send("ada", "app/bye");
  const closing = sync.close();
  const [code, reason] = (await once(socket as WebSocket, "close")) as [number, Buffer];
  expect([code, String(reason), heard.at(-1)]).toEqual([1001, "server closing", "[[[:app/bye]] nil]"]);
  await closing;
  await expect(upgrade(port, "/chsk?client-id=a")).rejects.toThrow("ECONNREFUSED");
  const world = createWorld();
  await world.sync.close();
  expect((await world.peer()).closes).toEqual([{ code: 4008, reason: "The server is closing" }]);
});

test("DOOR10 a request shows the token that csrfToken answers, in a parameter or either header; null refuses all, undefined asks for none", () => {
  const shown = (headers: Record<string, string>, query: string, token: string | null | undefined) =>
    refusal(headers, { csrfToken: () => token }, `client-id=a&${query}`)?.body;
  const bad = "Bad CSRF token";
  expect([shown({}, "", "tok"), shown({}, "csrf-token=to", "tok"), shown({}, "csrf-token=tok2", "tok")]).toEqual([bad, bad, bad]);
  expect(shown({}, "csrf-token=tok", "tok")).toBe(undefined);
  expect(shown({ "x-csrf-token": "tok" }, "", "tok")).toBe(undefined);
  expect(shown({ "x-xsrf-token": "tok" }, "", "tok")).toBe(undefined);
  // The first that is there counts.
  expect(shown({ "x-csrf-token": "tok" }, "csrf-token=bad", "tok")).toBe(bad);
  expect(shown({ "x-csrf-token": "bad", "x-xsrf-token": "tok" }, "", "tok")).toBe(bad);
  expect([shown({ "x-csrf-token": "null" }, "", null), shown({}, "", null)]).toEqual([bad, bad]);
  expect(shown({ "x-csrf-token": "whatever" }, "", undefined)).toBe(undefined);
});

test("DOOR10 a csrfToken that throws is 500 and reported, and ends nothing", async () => {
  const { port, errors } = await listen({
    csrfToken: ({ url }) => {
      if (url.searchParams.has("throw")) throw new Error("secret");
      return undefined;
    },
  });
  expect(await upgrade(port, "/chsk?client-id=a&throw=1")).toMatchObject({ status: 500, body: "csrfToken failed" });
  const polled = await fetch(`http://127.0.0.1:${port}/chsk?client-id=a&throw=1`);
  expect([polled.status, await polled.text(), errors]).toEqual([500, "csrfToken failed", ["csrfToken", "csrfToken"]]);
  expect((await upgrade(port, "/chsk?client-id=a")).status).toBe(101);
});

test("DOOR11 with requireOrigin a request without Origin needs a Referer below an allowed one", () => {
  const checks = { origins: ["https://friend.example"], requireOrigin: true };
  const host = "app.example";
  const cases: [headers: Record<string, string>, yes: boolean][] = [
    [{}, false],
    [{ referer: "https://friend.example/page" }, true],
    [{ referer: "https://friend.example" }, false],
    [{ referer: "https://friend.example.evil.example/" }, false],
    [{ referer: "https://app.example/page" }, true],
    [{ referer: "nonsense" }, false],
    // An Origin that is wrong is final.
    [{ origin: "https://evil.example", referer: "https://friend.example/page" }, false],
    [{ origin: "https://friend.example" }, true],
  ];
  for (const [headers, yes] of cases)
    expect([headers, refusal({ host, ...headers }, checks) === undefined]).toEqual([headers, yes]);
  expect(refusal({ host }, { origins: "all", requireOrigin: true })).toBe(undefined);
});

test("DOOR12 reject has the last word on what passed and on what was refused; one that throws is 500 and reported", async () => {
  const seen: unknown[] = [];
  const { port, errors, sync } = await listen({
    authenticate: ({ url }) => (url.searchParams.get("uid") === "ada" ? { id: "ada" } : null),
    csrfToken: ({ url }) => (url.searchParams.has("bad") ? null : undefined),
    async reject({ refusal: said, user, url }) {
      await Promise.resolve();
      seen.push(said?.reason ?? user?.id);
      if (url.searchParams.has("throw")) throw new Error("secret");
      if (said?.reason === "unauthorized") return { status: 302, body: "", headers: { location: "/login" } };
      return url.searchParams.has("ban") ? { status: 403, body: "Banned" } : undefined;
    },
  });
  const ask = (query: string) => upgrade(port, `/chsk?client-id=a&${query}`);
  expect((await ask("uid=ada")).status).toBe(101);
  expect(await ask("uid=ada&ban=1")).toMatchObject({ status: 403, body: "Banned" });
  expect(await ask("")).toMatchObject({ status: 302, headers: { location: "/login" } });
  expect(await ask("bad=1")).toMatchObject({ status: 403, body: "Bad CSRF token" });
  expect(await ask("uid=ada&throw=1")).toMatchObject({ status: 500, body: "reject failed" });
  const polled = await fetch(`http://127.0.0.1:${port}/chsk?client-id=a&uid=ada&ban=1`);
  expect([polled.status, await polled.text()]).toEqual([403, "Banned"]);
  expect([seen, errors]).toEqual([["ada", "ada", "unauthorized", "csrf", "ada", "ada"], ["reject"]]);
  expect(sync.stats().refused).toBe(5);
});
