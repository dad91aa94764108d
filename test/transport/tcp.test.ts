/** TCP and Unix sockets, real ones. */
import { once } from "node:events";
import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineAtom } from "sente-sync";
import { atom as clientAtom, createClient } from "sente-sync/client";
import { atom, createServer as createSyncServer } from "sente-sync/server";
import { afterAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { binaryFrame, type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { type ListenTcpOptions, listenTcp, tcp } from "../../src/transport/tcp.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { openTcpProxy } from "../support/tcp-proxy.ts";

const { until, settle } = realTime;
const directory = mkdtempSync(join(tmpdir(), "sente-sync-"));
afterAll(() => rmSync(directory, { recursive: true }));
let paths = 0;
const newPath = (): string => join(directory, `a socket ${paths++}`);

async function openWorld(options: ListenTcpOptions) {
  const accepted: Recorder[] = [];
  const urls: string[] = [];
  const accept = (transport: Transport, url: string): void => {
    accepted.push(record(transport));
    urls.push(url);
  };
  const door = await listenTcp({ accept }, options);
  const clients: Transport[] = [];
  return {
    ...door,
    accepted,
    urls,
    connect: (url = door.url) =>
      new Promise<Recorder>((resolve, reject) => {
        tcp().open(url, {
          onOpen(transport) {
            clients.push(transport);
            resolve(record(transport));
          },
          onFail: (reason) => reject(new Error(reason)),
        });
      }),
    async dispose() {
      for (const client of clients) client.terminate();
      for (const { transport } of accepted) transport.terminate();
      door.close();
    },
  };
}

const kinds: [name: string, options: () => ListenTcpOptions, refusedUrl: string][] = [
  // The discard port: nobody listens there.
  ["tcp", () => ({ port: 0 }), "tcp://127.0.0.1:9/"],
  ["unix", () => ({ path: newPath() }), "unix:///nowhere/at/all.sock"],
];
for (const [name, options, refusedUrl] of kinds) {
  describe(`${name} as a transport`, () => {
    const suite = transportContractSuite(
      async () => {
        const world = await openWorld(options());
        const { transport: client } = await world.connect();
        await until(() => world.accepted.length === 1);
        return { client, server: world.accepted[0]!.transport, ...realTime, dispose: world.dispose };
      },
      { gathers: ["client", "server"], pauses: ["client", "server"] },
    );
    for (const { name, run } of suite) test(name, run);
  });
  describe(`${name} as a connector`, () => {
    const suite = connectorContractSuite(async () => {
      const { url, accepted, dispose } = await openWorld(options());
      return { connector: tcp(), url, accepted, ...realTime, dispose };
    }, refusedUrl);
    for (const { name, run } of suite) test(name, run);
  });
}

const open = async (options: ListenTcpOptions) => {
  const world = await openWorld(options);
  onTestFinished(world.dispose);
  return world;
};

test("TCP1 the path and query of a tcp URL reach the acceptor, and the query of a unix one", async () => {
  const byPort = await open({ port: 0 });
  await byPort.connect(`tcp://127.0.0.1:${byPort.port}/chsk?client-id=1&x=%20`);
  const byPath = await open({ path: newPath() });
  const { transport } = await byPath.connect(`${byPath.url}?client-id=2`);
  expect(transport.name).toBe("unix");
  await until(() => byPort.urls.length + byPath.urls.length === 2);
  expect([byPort.urls, byPath.urls]).toEqual([["/chsk?client-id=1&x=%20"], ["/?client-id=2"]]);
});

test("TCP1 any other URL is a failed open", async () => {
  const said: string[] = [];
  for (const url of ["ws://127.0.0.1:1/", "tcp://nowhere/", "no url", `tcp://h:1/${"x".repeat(8192)}`, "tcp://h:99999/"]) {
    tcp().open(url, { onOpen: () => said.push("open"), onFail: (reason) => said.push(reason) });
  }
  expect(said).toEqual([]);
  await until(() => said.length === 5);
  expect(said).toEqual([
    "Neither tcp://host:port nor unix:///path: ws://127.0.0.1:1/",
    "Neither tcp://host:port nor unix:///path: tcp://nowhere/",
    expect.stringContaining("Invalid URL"),
    "A URL over 8192 bytes",
    expect.stringContaining("Invalid URL"),
  ]);
});

test("TCP1 IPv6 addresses go both ways", async ({ skip }) => {
  const world = await open({ port: 0, host: "::1" }).catch(() => undefined);
  if (!world) return skip("no IPv6 on this machine");
  expect(world.url).toBe(`tcp://[::1]:${world.port}/chsk`);
  await world.connect();
  await until(() => world.urls.length === 1);
});

test("TCP2 it listens on loopback by default", async () => {
  const { url, port } = await open({ port: 0 });
  expect(url).toBe(`tcp://127.0.0.1:${port}/chsk`);
});

test("TCP2 a port that is taken, or neither port nor path, is refused", async () => {
  const { port } = await open({ port: 0 });
  const nobody = { accept() {} };
  await expect(listenTcp(nobody, { port })).rejects.toThrow("EADDRINUSE");
  await expect(listenTcp(nobody, {})).rejects.toMatchObject({ code: "invalid" });
  await expect(listenTcp(nobody, { port: 0, path: newPath() })).rejects.toMatchObject({ code: "invalid" });
});

test("TCP3 a socket file that a dead process left behind is replaced", async () => {
  const path = newPath();
  // A listener that lets go of its file: another name for the socket stays when the first is removed.
  const dead = createServer().listen(`${path}.dead`);
  await once(dead, "listening");
  linkSync(`${path}.dead`, path);
  dead.close();
  await once(dead, "close");
  expect(existsSync(path)).toBe(true);
  const world = await open({ path });
  await world.connect();
  await until(() => world.accepted.length === 1);
});

test("TCP3 a socket that is alive is refused, and goes on", async () => {
  const path = newPath();
  const world = await open({ path });
  await expect(listenTcp({ accept() {} }, { path })).rejects.toMatchObject({ code: "conflict" });
  await world.connect();
  await until(() => world.accepted.length === 1);
});

test("TCP3 a file that is no socket is refused, and kept", async () => {
  const path = newPath();
  writeFileSync(path, "precious");
  await expect(listenTcp({ accept() {} }, { path })).rejects.toMatchObject({ code: "invalid" });
  expect(readFileSync(path, "utf8")).toBe("precious");
});

test("TCP4 a socket file is its owner's unless told otherwise, and gone after close", async () => {
  const paths = [newPath(), newPath()] as const;
  const doors = [await open({ path: paths[0] }), await open({ path: paths[1], mode: 0o660 })] as const;
  expect(paths.map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o660]);
  for (const door of doors) door.close();
  expect(paths.map((path) => existsSync(path))).toEqual([false, false]);
});

test("TCP5 a listener that closes takes no more, drops who has not opened, and leaves the connections be", async () => {
  const world = await open({ port: 0 });
  const client = await world.connect();
  await until(() => world.accepted.length === 1);
  const silent = connect(world.port, "127.0.0.1");
  onTestFinished(() => void silent.destroy());
  await once(silent, "connect");
  await settle();
  const gone = once(silent, "close");
  world.close();
  world.close();
  await gone;
  await expect(world.connect()).rejects.toThrow("ECONNREFUSED");
  client.transport.send(textFrame("still here"));
  await until(() => world.accepted[0]!.frames.length === 1);
});

test("STREAM9 the frames of one cork leave in one write", async () => {
  const world = await open({ port: 0 });
  const writes = vi.spyOn(Socket.prototype, "_writev");
  onTestFinished(() => writes.mockRestore());
  const client = await world.connect();
  await until(() => world.accepted.length === 1);
  const { transport } = world.accepted[0]!;
  const before = writes.mock.calls.length;
  transport.cork();
  for (let i = 0; i < 64; i++) transport.send(textFrame(`${i}`));
  transport.send(binaryFrame(2000));
  expect(writes.mock.calls.length).toBe(before);
  transport.uncork();
  expect(writes.mock.calls.length).toBe(before + 1);
  await until(() => client.frames.length === 65);
});

test.each(["tcp", "unix"])("an atom over %s: its updates are seen, and after a cut the session resumes", async (name) => {
  const counter = defineAtom("counter", { initial: { n: 0 } });
  const sync = createSyncServer();
  const live = atom(sync, counter);
  const door = await listenTcp(sync, name === "tcp" ? { port: 0 } : { path: newPath() });
  const proxy = name === "tcp" ? await openTcpProxy(door.port) : undefined;
  const cuts: (() => void)[] = [];
  const connector = tcp();
  const client = createClient(proxy ? `tcp://127.0.0.1:${proxy.port}/chsk` : door.url, {
    connector: {
      name: "tcp",
      open: (url, { onOpen, onFail }) =>
        connector.open(url, {
          onOpen(transport) {
            cuts.push(() => (proxy ? proxy.cut() : transport.terminate()));
            onOpen(transport);
          },
          onFail,
        }),
    },
  });
  onTestFinished(async () => {
    client.close();
    await sync.close();
    door.close();
    await proxy?.close();
  });
  const resumed: boolean[] = [];
  client.on("resume", ({ recovered }) => void resumed.push(recovered));
  const replica = clientAtom(client, counter);
  const stop = replica.subscribe(() => {});
  live.update((draft) => void draft.n++);
  await until(() => replica.get()?.n === 1);
  expect(client.status.get()).toMatchObject({ name: "connected", transport: name });
  cuts[0]!();
  await until(() => client.status.get().name !== "connected");
  live.update((draft) => void draft.n++);
  await until(() => replica.get()?.n === 2);
  expect([resumed, cuts.length]).toEqual([[true], 2]);
  stop();
});
