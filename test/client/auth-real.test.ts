/** Credentials that expire over real WebSockets and real long polling. */
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { defineAtom, SyncError } from "sente-sync";
import { atom, type Client, type ClientOptions, createClient } from "sente-sync/client";
import { type GetToken, type RenewingOptions, renewing } from "sente-sync/client/auth";
import { createServer, type Server, type ServerOptions, atom as serveAtom } from "sente-sync/server";
import { fallback } from "sente-sync/transports/fallback";
import { longPoll } from "sente-sync/transports/long-poll";
import { websocket } from "sente-sync/transports/websocket";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";

const counter = defineAtom("counter", { initial: 0 });
const within = { timeout: 40_000, interval: 5 };

async function serve(options: ServerOptions): Promise<{ readonly sync: Server; readonly port: number }> {
  const sync = createServer({ onError() {}, ...options }) as Server;
  const port = await sync.listen(0, { host: "127.0.0.1" });
  onTestFinished(() => sync.close());
  return { sync, port };
}

function visit(port: number, getToken: GetToken | undefined, options: ClientOptions & RenewingOptions = {}): Client {
  const { parameter, ...rest } = options;
  const auth = renewing(getToken, parameter === undefined ? {} : { parameter });
  const client = createClient(`ws://127.0.0.1:${port}/chsk`, { auth, onError() {}, ...rest }) as Client;
  onTestFinished(() => client.close());
  return client;
}

const named = (client: Client, name: string): Promise<void> => expect.poll(() => client.status.get().name, within).toBe(name);

const ways = [
  ["WebSocket", () => websocket()],
  ["long polling", () => longPoll()],
  ["a fallback", () => fallback([websocket(), longPoll()])],
] as const;

describe.each(ways)("over %s", (_, connector) => {
  test("AUTH2, AUTH7 and AUTH8 a token is said, expires, and is renewed on the same connection; nothing is lost", async () => {
    const asked: (readonly [token: string | undefined, url: string | undefined])[] = [];
    const { sync, port } = await serve({
      authenticate({ token, request }) {
        asked.push([token, request?.url]);
        return token ? { user: { id: "ada" }, expiresAtMs: Date.now() + 200 } : null;
      },
    });
    const value = serveAtom(sync, counter);
    let count = 0;
    const client = visit(port, async () => `token ${++count}`, { connector: connector() });
    const statuses: string[] = [];
    const values: number[] = [];
    const shown = atom(client, counter);
    shown.subscribe((n) => void (n !== undefined && values.push(n)));
    await named(client, "connected");
    await expect.poll(() => shown.status.get(), within).toBe("live");
    shown.status.listen((status) => void statuses.push(status));
    client.status.listen(({ name }) => void statuses.push(name));
    while (asked.length < 4) {
      value.update((n) => n + 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const last = value.get();
    await expect.poll(() => values.at(-1), within).toBe(last);
    expect([statuses, sync.stats().connections, client.user.get()]).toEqual([[], 1, { id: "ada" }]);
    expect(asked.slice(0, 3).map(([token]) => token)).toEqual(["token 1", "token 2", "token 3"]);
    // The request of the connection, in which there is no token.
    expect(asked.every(([, url]) => url?.includes("auth=1") && !url.includes("token"))).toBe(true);
  });

  test("AUTH3, AUTH4 and AUTH5 a token that is refused is told with its reason, after one more try", async () => {
    const asked: (string | undefined)[] = [];
    const { port, sync } = await serve({
      authenticate({ token }) {
        asked.push(token);
        if (token === "ada") return { id: "ada" };
        throw new SyncError("forbidden", "Not in this town");
      },
    });
    let token = "bob";
    const client = visit(port, () => token, { connector: connector() });
    await named(client, "needs-auth");
    expect(client.status.get().error).toMatchObject({ code: "forbidden", message: "Not in this town" });
    expect([asked, sync.stats().users]).toEqual([["bob", "bob"], 0]);
    token = "ada";
    await client.reauthenticate();
    expect([client.status.get().name, client.user.get()]).toEqual(["connected", { id: "ada" }]);
  });

  test("AUTH3 and AUTH4 who is refused by what its requests carry is told, too", async () => {
    let user: { id: string } | null = null;
    const { port } = await serve({ authenticate: () => user });
    const client = visit(port, undefined, { connector: connector() });
    await named(client, "needs-auth");
    expect(client.status.get().error?.code).toBe("unauthenticated");
    user = { id: "ada" };
    await client.reauthenticate();
    expect(client.user.get()).toEqual({ id: "ada" });
  });

  test("AUTH4 and AUTH16 so is who is refused by a server that knows only HTTP's status; a token in the URL lets it in", async () => {
    const { port, sync } = await serve({
      authenticate: ({ url }) => (url.searchParams.get("jwt") === "ada" ? { id: "ada" } : null),
    });
    const http = createHttpServer((_, response) => void response.writeHead(401).end("Sign in"));
    http.on("upgrade", (_, socket) => void socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"));
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    onTestFinished(() => {
      http.close();
      http.closeAllConnections();
    });
    const refused = visit((http.address() as AddressInfo).port, undefined, { connector: connector() });
    await named(refused, "needs-auth");
    expect(refused.status.get().error?.code).toBe("unauthenticated");
    const client = visit(port, () => "ada", { connector: connector(), parameter: "jwt" });
    await named(client, "connected");
    expect([client.user.get(), sync.stats().connections]).toEqual([{ id: "ada" }, 1]);
  });
});

test("AUTH3 a WebSocket of ours that is refused at the door is closed with the code that a browser shows; any other is answered by HTTP", async () => {
  const { port, sync } = await serve({ authenticate: () => null });
  const knock = (query: string): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chsk?client-id=a${query}`);
      socket.on("close", (code, reason) => resolve([code, `${reason}`]));
      socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
      socket.on("error", () => {});
    });
  expect(await knock("&sync=1")).toEqual([4401, "Unauthorized request"]);
  expect(await knock("")).toBe(401);
  expect(sync.stats()).toMatchObject({ refused: 2, connections: 0 });
});

test("AUTH2 the application's last word is asked for once it is known who it is", async () => {
  const told: (readonly [id: string | undefined, status: number | undefined, method: string | undefined])[] = [];
  const { port } = await serve({
    authenticate: ({ token }) => (token ? { id: token } : null),
    reject({ user, refusal, request }) {
      told.push([user?.id, refusal?.status, request.method]);
      return user?.id === "bob" ? { status: 403, body: "Banned" } : undefined;
    },
  });
  const [ada, bob] = [visit(port, () => "ada"), visit(port, () => "bob")];
  await named(ada, "connected");
  await named(bob, "needs-auth");
  expect(bob.status.get().error).toMatchObject({ code: "forbidden", message: "Banned" });
  expect(told.filter(([id]) => id === "ada")).toEqual([["ada", undefined, "GET"]]);
});
