/** The outbox's files, shared by real processes. Rules: docs/protocol/writes.md KEEP1-KEEP8. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folderStore } from "sente-sync/client/folder";
import { describe, expect, onTestFinished, test } from "vitest";
import type { OutboxRecord, Row, RowChange } from "../../src/client/storage/store.ts";
import { realEnv } from "../../src/core/env.ts";
import { type ErrorCode, SyncError } from "../../src/core/errors.ts";
import { type OutboxClient, outboxContractSuite } from "../../src/testing/contracts/outbox.ts";
import { childProgram } from "../support/child.ts";

const script = childProgram(new URL("storage-child.ts", import.meta.url));

async function openChild(path: string, children: ChildProcess[]): Promise<OutboxClient> {
  const child = fork(script, [path], { execArgv: [] });
  children.push(child);
  const waiting = new Map<number, (answer: { value?: unknown; code?: string }) => void>();
  child.on("message", (answer: { id: number; value?: unknown; code?: string }) => waiting.get(answer.id)?.(answer));
  const answer = (id: number) => new Promise<{ value?: unknown; code?: string }>((resolve) => waiting.set(id, resolve));
  let last = 0;
  const ask = (method: string, ...args: unknown[]) => {
    const id = ++last;
    child.send({ id, method, args });
    return answer(id);
  };
  await answer(0);
  const remote = (n: number): OutboxRecord => ({
    load: async () => (await ask("load", n)).value as Row[],
    async save(changes: readonly RowChange[]) {
      const { code } = await ask("save", n, changes);
      if (code !== undefined) throw new SyncError(code as ErrorCode, "The child says so.");
    },
    release: async () => void (await ask("release", n)),
    remove: async () => void (await ask("remove", n)),
  });
  return {
    list: async (prefix) => (await ask("list", prefix)).value as string[],
    claim: async (id) => {
      const { value } = await ask("claim", id);
      return value ? remote(value as number) : undefined;
    },
    read: async (...args) => (await ask("read", ...args)).value as Row[],
    swap: async (...args) => (await ask("swap", ...args)).value as boolean,
    close: async () => void (await ask("close")),
    async die() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

describe("folder: client storage", () => {
  const suite = outboxContractSuite(async () => {
    const path = await mkdtemp(join(tmpdir(), "sente-sync-outbox-"));
    const children: ChildProcess[] = [];
    return {
      open: () => openChild(path, children),
      // The number of a process that is gone belongs to nobody.
      deadAfterMs: 0,
      async dispose() {
        for (const child of children) child.kill("SIGKILL");
        await rm(path, { recursive: true, force: true });
      },
    };
  });
  for (const { name, run } of suite) test(name, run);
});

async function inFolder() {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-outbox-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const open = async () => {
    const store = await folderStore(path).open(realEnv);
    onTestFinished(() => store.close());
    return store;
  };
  return { path, open };
}

test("KEEP2 a save that was torn by a crash never was, and those after it are whole", async () => {
  const { path, open } = await inFolder();
  const store = await open();
  let record = (await store.claim("a-1")) as OutboxRecord;
  await record.save([["1", "one"]]);
  await record.save([
    ["2", "two"],
    ["1", null],
  ]);
  await record.release();
  const whole = await readFile(join(path, "a-1.rows"));
  const first = whole.indexOf(10) + 1;
  for (let length = first; length < whole.length; length++) {
    await writeFile(join(path, "a-1.rows"), whole.subarray(0, length));
    record = (await store.claim("a-1")) as OutboxRecord;
    expect(await record.load(), `${length} bytes`).toEqual([["1", "one"]]);
    await record.save([["3", "three"]]);
    await record.release();
    record = (await store.claim("a-1")) as OutboxRecord;
    expect(await record.load(), `${length} bytes`).toEqual([
      ["1", "one"],
      ["3", "three"],
    ]);
    await record.release();
  }
  // What a disk puts in the place of pages that it never wrote.
  await appendFile(join(path, "a-1.rows"), `${"\0".repeat(50)}\n`);
  record = (await store.claim("a-1")) as OutboxRecord;
  expect(await record.load()).toEqual([
    ["1", "one"],
    ["3", "three"],
  ]);
});

test("KEEP4 a lock of another host, or of an earlier process of this number, counts as dead when it shows no sign of life", async () => {
  const { path, open } = await inFolder();
  const store = await open();
  const lock = join(path, "a-1.7.lock");
  await writeFile(lock, JSON.stringify(["elsewhere", process.pid, "other"]));
  expect(await store.claim("a-1")).toBe(undefined);
  const old = new Date(Date.now() - 61_000);
  await utimes(lock, old, old);
  const record = (await store.claim("a-1")) as OutboxRecord;
  expect((await readdir(path)).sort()).toEqual(["a-1.8.lock"]);
  await record.release();
  const { hostname } = await import("node:os");
  await writeFile(lock, JSON.stringify([hostname(), process.pid, "an earlier life"]));
  expect(await store.claim("a-1")).not.toBe(undefined);
});

test("KEEP5 one whose record was taken over is refused, and changes nothing", async () => {
  const { path, open } = await inFolder();
  const [first, second] = [await open(), await open()];
  const asleep = (await first.claim("a-1")) as OutboxRecord;
  await asleep.save([["1", "one"]]);
  // As after a sleep: no sign of life for longer than is believed.
  const old = new Date(Date.now() - 61_000);
  await utimes(join(path, "a-1.1.lock"), old, old);
  const taken = (await second.claim("a-1")) as OutboxRecord;
  await expect(asleep.save([["1", "changed"]])).rejects.toMatchObject({ code: "closed" });
  await asleep.remove();
  expect(await taken.load()).toEqual([["1", "one"]]);
  await taken.save([["2", "two"]]);
  expect(await second.list("a-")).toEqual(["a-1"]);
});
