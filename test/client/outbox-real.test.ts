/**
 * Writes over real sockets: lines cut at random, servers that restart, a client that is killed. None is lost, none is there twice.
 * Rules: docs/protocol/writes.md WRITE5, OUTBOX2, OUTBOX9-OUTBOX11.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { channel as clientChannel, createClient, syncStatus } from "sente-sync/client";
import { folder as outboxFolder } from "sente-sync/client/folder";
import { channel, createServer, type Server } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { createRng } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { childProgram } from "../support/child.ts";
import { openTcpProxy } from "../support/tcp-proxy.ts";

const script = childProgram(new URL("outbox-child.ts", import.meta.url));

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-outbox-"));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 20 }));
  return path;
}

/** A server that can be another one on the same port; `stored`: all that its room has, in the words of the newest. */
async function serve(path?: string) {
  let sync: Pick<Server, "close"> | undefined;
  let port = 0;
  const errors: unknown[] = [];
  const stored: unknown[] = [];
  const start = async (): Promise<void> => {
    const server = createServer({ ...(path && { storage: folder(path) }), onError: (error) => void errors.push(error) });
    sync = server;
    const room = channel(server, "room", { durability: path ? "strict" : "memory", retention: { maxEntries: 100_000 } });
    room.subscribe(({ data }) => void stored.push(data));
    port = await server.listen(port);
  };
  await start();
  const proxy = await openTcpProxy(port);
  onTestFinished(async () => {
    await proxy.close();
    await sync?.close();
  });
  return {
    proxy,
    stored,
    errors,
    url: `ws://127.0.0.1:${proxy.port}/chsk`,
    async restart(downMs: number): Promise<void> {
      await sync?.close();
      await sleep(downMs);
      await start();
    },
  };
}

/** What happened to numbers that were published one after the other. */
function publishing(url: string) {
  const client = createClient(url, { reconnect: { maxDelayMs: 100 } });
  onTestFinished(() => client.close());
  const room = clientChannel(client, "room");
  const outcomes = new Map<number, string>();
  let made = 0;
  return {
    client,
    outcomes,
    publish(count: number): void {
      for (let i = 0; i < count; i++) {
        const n = ++made;
        room.publish("said", n).stored.then(
          () => outcomes.set(n, "stored"),
          (error: { code: string }) => outcomes.set(n, error.code),
        );
      }
    },
    async settled(): Promise<void> {
      await expect.poll(() => [syncStatus(client).get().pending, outcomes.size]).toEqual([0, made]);
    },
  };
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index + 1);

test("WRITE5 a line that is cut at random, again and again: every publish is there once, in order", async () => {
  const rng = createRng("cuts");
  const { proxy, stored, url } = await serve();
  const { publish, settled, outcomes } = publishing(url);
  for (let round = 0; round < 40; round++) {
    publish(rng.int(12));
    if (rng.chance(0.6)) proxy.cutAfter(rng.int(3000), rng.pick(["client", "server"]));
    await sleep(rng.int(25));
    if (rng.chance(0.2)) proxy.cut();
    publish(rng.int(3));
  }
  publish(1);
  await settled();
  expect([...outcomes.values()].filter((outcome) => outcome !== "stored")).toEqual([]);
  expect(stored).toEqual(upTo(outcomes.size));
});

test("OUTBOX2 a server without a storage restarts: what it had been sent is told as session-lost, the rest is there once", async () => {
  const rng = createRng("restarts");
  const { proxy, stored, url, restart } = await serve();
  const { publish, settled, outcomes } = publishing(url);
  for (let round = 0; round < 8; round++) {
    publish(5);
    await sleep(rng.int(20));
    proxy.cutAfter(rng.int(400), rng.pick(["client", "server"]));
    publish(5);
    await sleep(rng.int(10));
    await restart(rng.int(20));
  }
  await settled();
  const times = new Map<unknown, number>();
  for (const n of stored) times.set(n, (times.get(n) ?? 0) + 1);
  for (const [n, outcome] of outcomes) {
    if (outcome === "stored") expect([n, times.get(n)]).toEqual([n, 1]);
    else expect([n, outcome, (times.get(n) ?? 0) <= 1]).toEqual([n, "session-lost", true]);
  }
  expect([...times.keys()]).toEqual([...times.keys()].sort((a, b) => Number(a) - Number(b)));
});

test("WRITE5 a server that restarts on the same folder answers what comes again: every publish is there once, in order", async () => {
  const rng = createRng("folder");
  const { proxy, stored, url, restart, errors } = await serve(await newFolder());
  const { publish, settled, outcomes } = publishing(url);
  for (let round = 0; round < 8; round++) {
    publish(10);
    await sleep(rng.int(20));
    proxy.cutAfter(rng.int(400), rng.pick(["client", "server"]));
    publish(5);
    await sleep(rng.int(20));
    await restart(rng.int(20));
  }
  await settled();
  expect([...outcomes.values()].filter((outcome) => outcome !== "stored")).toEqual([]);
  expect([stored, errors]).toEqual([upTo(outcomes.size), []]);
});

test("OUTBOX10 a process is killed again and again, its server restarted: what it had kept is there, nothing is twice, and in order", async () => {
  const rng = createRng("kills");
  const [data, outbox] = [await newFolder(), await newFolder()];
  const { proxy, stored, url, restart } = await serve(data);
  const kept = new Set<number>();
  const settled: string[] = [];
  const complaints: string[] = [];
  let resent = 0;
  for (let life = 0; life < 6; life++) {
    const first = life * 100_000 + 1;
    const child = spawn(process.execPath, [script, url, outbox, String(first)]);
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => complaints.push(text));
    /** How many are on its disk says how far it is: how long that takes is the machine's. */
    const hasKept = (count: number): Promise<void> =>
      expect.poll(() => output.split("\nkept ").length, { interval: 1 }).toBeGreaterThan(count);
    const soonKept = rng.int(25);
    await hasKept(soonKept + 1);
    if (rng.chance(0.5)) proxy.cutAfter(rng.int(2000), rng.pick(["client", "server"]));
    if (rng.chance(0.3)) proxy.refuse(true);
    await hasKept(soonKept + 1 + rng.int(25));
    child.kill("SIGKILL");
    await once(child, "close");
    proxy.refuse(false);
    if (rng.chance(0.5)) await restart(0);
    // The last line may be cut.
    for (const line of output.split("\n").slice(0, -1)) {
      const [word = "", n = ""] = line.split(" ");
      if (word === "kept") kept.add(Number(n));
      else if (word === "pending") resent = Math.max(resent, Number(n));
      else if (word !== "stored") settled.push(line);
    }
  }
  // The last of them: it finishes what is left.
  const client = createClient(url, { storage: outboxFolder(outbox) });
  await expect.poll(async () => (await readdir(outbox)).filter((name) => name.endsWith(".rows"))).toEqual([]);
  client.close();
  const twice = stored.filter((n, at) => stored.indexOf(n) !== at);
  expect([settled, complaints, twice]).toEqual([[], [], []]);
  expect([...kept].filter((n) => !stored.includes(n))).toEqual([]);
  expect(kept.size).toBeGreaterThan(50);
  expect(resent).toBeGreaterThan(0);
  // Each life's: of two that were left at once, either may come first.
  for (let life = 0; life < 6; life++) {
    const own = stored.map(Number).filter((n) => Math.floor(n / 100_000) === life);
    expect(own).toEqual([...own].sort((a, b) => a - b));
  }
});
