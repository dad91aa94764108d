/** Pipes to real child processes. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer as createNetServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atom as clientAtom, createClient } from "sente-sync/client";
import { atom, createServer } from "sente-sync/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { binaryFrame, type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { type SpawnClientOptions, type SpawnServerOptions, spawnClient, spawnServer, stdio } from "../../src/transport/stdio.ts";
import { acceptStream, openStream } from "../../src/transport/stream.ts";
import { openFrame } from "../../src/transport/stream-frame.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { childProgram } from "../support/child.ts";
import { counter } from "./fixtures/stats.ts";

const { until, settle } = realTime;
const command = process.execPath;
const programs = {
  "child-client": childProgram(new URL("fixtures/child-client.ts", import.meta.url)),
  "child-end": childProgram(new URL("fixtures/child-end.ts", import.meta.url)),
  "child-server": childProgram(new URL("fixtures/child-server.ts", import.meta.url)),
};
const fixture = (name: keyof typeof programs, ...args: string[]): string[] => [programs[name], ...args];

/** Two pipes, one for each direction, as a child's stdin and stdout are. */
async function openPipes(): Promise<{ near: Socket; far: Socket }[]> {
  const directory = mkdtempSync(join(tmpdir(), "sente-sync-"));
  const server = createNetServer().listen(join(directory, "socket"));
  await once(server, "listening");
  const pipes = [];
  for (let i = 0; i < 2; i++) {
    const near = connect(join(directory, "socket"));
    const [far] = (await once(server, "connection")) as [Socket];
    pipes.push({ near, far });
  }
  server.close();
  rmSync(directory, { recursive: true });
  return pipes;
}

describe("a pipe for each direction as a transport", () => {
  const suite = transportContractSuite(
    async () => {
      const [up, down] = (await openPipes()) as [{ near: Socket; far: Socket }, { near: Socket; far: Socket }];
      let server: Transport | undefined;
      acceptStream({ name: "stdio", source: up.far, sink: down.near }, (transport) => {
        server = transport;
        record(transport);
      });
      const client = openStream({ name: "stdio", source: down.far, sink: up.near }, openFrame("/"));
      await until(() => server !== undefined);
      const dispose = async (): Promise<void> => {
        for (const transport of [client, server!]) transport.terminate();
      };
      return { client, server: server!, ...realTime, dispose };
    },
    { gathers: ["client", "server"], pauses: ["client", "server"] },
  );
  for (const { name, run } of suite) test(name, run);
});

/** Ends with the test, however it went. */
function ended(child: ChildProcess): ChildProcess {
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
  return child;
}

/** The parent's end of a connection to a child that echoes. */
async function openEcho(options: SpawnClientOptions = {}): Promise<{ server: Recorder; url: string; child: ChildProcess }> {
  let server: Recorder | undefined;
  let url = "";
  const accept = (transport: Transport, opening: string): void => {
    server = record(transport);
    url = opening;
  };
  const child = ended(spawnClient({ accept }, command, fixture("child-end", options.fd ?? "pipe"), options));
  await until(() => server !== undefined);
  return { server: server!, url, child };
}

test.each([
  ["STDIO1 descriptor 3", {}],
  ["STDIO2 stdin and stdout", { fd: "stdio" }],
] as const)("%s: frames go to a child and back, whole and in order", async (_, options) => {
  const { server, url } = await openEcho(options);
  expect([url, server.transport.name]).toEqual(["/echo?a=b", "stdio"]);
  for (const frame of [textFrame("ż"), binaryFrame(300_000, 3), textFrame("")]) server.transport.send(frame);
  await until(() => server.frames.length === 3);
  const [first, large, last] = server.frames;
  // Compared at once: byte by byte an assertion takes seconds.
  expect([first, Buffer.compare(large as Uint8Array, new Uint8Array(300_000).fill(3)), last]).toEqual(["ż", 0, ""]);
  server.transport.send(textFrame("close"));
  await until(() => server.closes.length === 1);
  expect(server.closes).toEqual([{ code: 4001, reason: "as asked" }]);
});

test.each([
  ["drop", {}],
  ["drop", { fd: "stdio" }],
  ["die", {}],
  ["die", { fd: "stdio" }],
] as const)("STDIO4 a child that does %s (%o) is told as 1006", async (order, options) => {
  const { server } = await openEcho(options);
  server.transport.send(textFrame(order));
  await until(() => server.closes.length === 1);
  expect([server.events, server.closes]).toEqual([["close"], [{ code: 1006, reason: "" }]]);
});

test("STDIO4 a child is not killed when its connection ends: it ends when it has nothing to do", async () => {
  const { server, child } = await openEcho();
  const exit = once(child, "exit");
  server.transport.close(1001, "done");
  expect(await exit).toEqual([0, null]);
  expect(server.closes).toEqual([{ code: 1001, reason: "done" }]);
});

test("STDIO4 a command that cannot be started is told by the child's error, and harms nothing", async () => {
  const child = spawnClient({ accept() {} }, "/nowhere/at/all");
  const [error] = (await once(child, "error")) as [Error];
  expect(error.message).toContain("ENOENT");
});

/** A server whose child sees an atom, and everything that it says. */
function openSync(mode: string, options: SpawnClientOptions = {}) {
  const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("from") ?? "nobody" }) });
  onTestFinished(() => sync.close());
  const live = atom(sync, counter);
  const seen: unknown[] = [];
  sync.on("test/seen", ({ data, user }) => void seen.push([user.id, data]));
  const child = ended(spawnClient(sync, command, fixture("child-client", mode), { output: "pipe", ...options }));
  let printed = 0;
  for (const output of mode === "stdio" ? [child.stderr] : [child.stdout, child.stderr])
    output?.on("data", (chunk: Buffer) => (printed += chunk.length));
  return { sync, live, seen, child, printed: () => printed };
}

test.each([
  ["STDIO1", "pipe", {}],
  ["STDIO2", "stdio", { fd: "stdio" }],
] as const)("%s a child over %s sees an atom of its parent, and ends with its connection", async (_, mode, options) => {
  const { sync, live, seen, child, printed } = openSync(mode, options);
  await until(() => seen.length === 1);
  live.update((draft) => void draft.n++);
  await until(() => seen.length === 2);
  expect(seen).toEqual([
    ["child", { n: 0 }],
    ["child", { n: 1 }],
  ]);
  const exit = once(child, "close");
  await sync.close();
  expect(await exit).toEqual([0, null]);
  if (mode === "pipe") expect(printed()).toBeGreaterThan(100_000);
});

test("STDIO3 a pipe carries one connection: the next open fails, and says so", async () => {
  const { server } = await openEcho();
  server.transport.send(textFrame("again"));
  server.transport.send(textFrame("still here"));
  await until(() => server.frames.length === 2);
  expect(new Set(server.frames)).toEqual(new Set(["The pipe to the parent was used: it carries one connection", "still here"]));
});

test("STDIO3 an open that fails or is cancelled before it began leaves the pipe be", async () => {
  const said: string[] = [];
  const events = { onOpen: () => said.push("open"), onFail: (reason: string) => said.push(reason) };
  for (let i = 0; i < 2; i++) stdio().open("no url", events);
  stdio().open("stdio:///", events).cancel();
  expect(said).toEqual([]);
  await settle();
  expect(said).toEqual(["Invalid URL", "Invalid URL"]);
});

const openServer = (options: SpawnServerOptions = {}, name: keyof typeof programs = "child-server") => {
  const children: ChildProcess[] = [];
  const connector = spawnServer(command, fixture(name), { ...options, onSpawn: (child) => void children.push(ended(child)) });
  return { children, connector };
};

test("STDIO5 a server in a child: its atom is seen, and after its death another is started", async () => {
  const { children, connector } = openServer();
  const client = createClient("stdio:///chsk", { connector });
  onTestFinished(() => client.close());
  const replica = clientAtom(client, counter);
  replica.subscribe(() => {});
  await replica.ready;
  client.send("test/add");
  await until(() => replica.get()?.n === 1);
  children[0]!.kill("SIGKILL");
  await until(() => children.length === 2 && replica.get()?.n === 0);
  const exit = once(children[1]!, "exit");
  client.close();
  expect(await exit).toEqual([null, "SIGTERM"]);
});

test("STDIO5 a process that cannot be started is a failed open, and a cancelled one is ended", async () => {
  const said: string[] = [];
  const events = { onOpen: () => said.push("open"), onFail: (reason: string) => said.push(reason) };
  spawnServer("/nowhere/at/all").open("stdio:///chsk", events);
  spawnServer(command).open("no url", events);
  expect(said).toEqual([]);
  await until(() => said.length === 2);
  expect(said.sort()).toEqual(["Invalid URL", "spawn /nowhere/at/all ENOENT"]);
  const { children, connector } = openServer();
  connector.open("stdio:///chsk", events).cancel();
  expect(await once(children[0]!, "exit")).toEqual([null, "SIGTERM"]);
  expect(said.length).toBe(2);
});
