import { once } from "node:events";
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { createServer, type ServerOptions } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { originAllowed } from "../../src/server/http.ts";
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

test("DOOR1 the path is /chsk; another is 404, and plain HTTP is told that this port speaks WebSocket", async () => {
  const { sync, port } = await listen();
  expect((await upgrade(port, "/chsk?client-id=a")).status).toBe(101);
  expect(await upgrade(port, "/other?client-id=a")).toMatchObject({ status: 404, body: "Not found" });
  expect(await upgrade(port, "/chsk/?client-id=a")).toMatchObject({ status: 404 });
  const response = await fetch(`http://127.0.0.1:${port}/chsk`);
  expect([response.status, await response.text()]).toEqual([426, "This port speaks WebSocket."]);
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
  expect(await (await fetch(`http://127.0.0.1:${port}/live`)).text()).toBe("mine");
  stop();
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
  for (const [origin, host, allowed, yes] of cases)
    expect([origin, host, originAllowed(origin, host, allowed)]).toEqual([origin, host, yes]);
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

test("DOOR6 the first fault decides: client-id, origin, room, user", async () => {
  const { port } = await listen({ limits: { maxConnections: 0 }, authenticate: () => null });
  const evil = { origin: "https://evil.example" };
  expect((await upgrade(port, "/chsk", evil)).status).toBe(400);
  expect((await upgrade(port, "/chsk?client-id=a", evil)).status).toBe(403);
  expect((await upgrade(port, "/chsk?client-id=a")).status).toBe(503);
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
  const { port } = await listen({ limits: { handshakeMs: 100 }, authenticate: () => new Promise(() => {}) });
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
