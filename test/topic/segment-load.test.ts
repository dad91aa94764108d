/** Under load: compaction, many topics, long topics, seeds with all faults at once. */
import { readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { realEnv } from "../../src/core/env.ts";
import { swarmDisk } from "../../src/testing/disk-faults.ts";
import { createRng } from "../../src/testing/rng.ts";
import { folderDisk } from "../../src/topic/folder-disk.ts";
import { defaultRetention, type LogRecord } from "../../src/topic/log.ts";
import { openSegmentLog, type SegmentLog, type SegmentOptions } from "../../src/topic/segment/segment-log.ts";
import {
  awaited,
  bytes,
  everything,
  judge,
  newMachine,
  nextOf,
  openLog,
  openTopic,
  record,
  runScript,
  textOf,
} from "./segment-script.ts";

async function inFolder(
  run: (open: (options?: SegmentOptions) => Promise<SegmentLog>, path: string) => Promise<void>,
): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), "segments-"));
  const report = (error: unknown): void => {
    throw new Error("Nothing is to be reported.", { cause: error });
  };
  try {
    await run(async (options) => openSegmentLog({ env: realEnv, disk: await folderDisk(path), report }, options), path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

const openFilesOf = (path: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false;
    }
  }).length;

describe("SEG7 compaction", () => {
  test("under load keeps what is needed, and no more segments than it may", async () => {
    const machine = newMachine();
    const segmentBytes = 2000;
    await awaited(
      machine,
      (async () => {
        let log = await openLog(machine, segmentBytes);
        const draws = createRng("load");
        const expected = new Map<string, string[]>();
        const deleted = new Set<string>();
        // Ten that stay as they are, among many that change.
        for (let i = 0; i < 10; i++) {
          const topic = await openTopic(log, `idle ${i}`);
          await topic.append([record(`idle ${i}`)], nextOf(topic));
          expected.set(`idle ${i}`, [`idle ${i}`]);
        }
        await log.keep("mark", bytes("kept"));
        let most = 0;
        for (let round = 0; round < 400; round++) {
          const name = `busy ${draws.int(6)}`;
          const topic = await log.open(name, { retention: { ...defaultRetention, maxEntries: 3 }, durability: "strict" });
          const texts = [`${round} ${"x".repeat(draws.int(80))}`, `${round} too`];
          expect(await topic.append(texts.map(record), nextOf(topic))).toBe("stored");
          expected.set(name, [...(expected.get(name) ?? []), ...texts].slice(-3));
          if (draws.chance(0.1)) await topic.saveSnapshot({ offset: topic.decided, state: bytes(`state of ${round}`) });
          await topic.close();
          if (draws.chance(0.05)) {
            await log.delete(name);
            expected.delete(name);
            deleted.add(`deleted in ${round}`);
          }
          if (round % 90 === 89) {
            await log.close();
            log = await openLog(machine, segmentBytes);
          }
          const { segments, liveBytes } = log.stats();
          most = Math.max(most, segments - 3 * Math.ceil(liveBytes / segmentBytes));
        }
        expect(deleted.size).toBeGreaterThan(10);
        // One is begun while another is emptied.
        expect(most).toBeLessThan(12);
        await log.close();
        log = await openLog(machine, segmentBytes);
        expect(log.list("")).toEqual([...expected.keys()].sort());
        expect(log.kept("mark")).toEqual(bytes("kept"));
        for (const [name, texts] of expected) {
          const topic = await openTopic(log, name);
          const found = (await topic.read(1, everything)).map(({ entry }) => textOf(entry));
          expect([name, found.slice(-texts.length)]).toEqual([name, texts]);
        }
        await log.close();
      })(),
    );
    expect(machine.reports).toEqual([]);
    const files = [...machine.disk.contents().keys()];
    // 400 rounds wrote far more than these.
    expect(files.filter((name) => name.endsWith(".seg")).length).toBeLessThan(25);
  });

  test("while it copies, topics are deleted, trimmed and given snapshots: what is needed is counted rightly to the end", async () => {
    const machine = newMachine();
    const segmentBytes = 1500;
    await awaited(
      machine,
      (async () => {
        let log = await openLog(machine, segmentBytes);
        const names = Array.from({ length: 12 }, (_, i) => `topic ${i}`);
        const draws = createRng("copies");
        await Promise.all(
          names.map(async (name, i) => {
            for (let round = 0; round < 60; round++) {
              const topic = await openTopic(log, name);
              await topic.append([record(`${round} ${"z".repeat(draws.int(120))}`)], nextOf(topic));
              if (draws.chance(0.1)) await topic.saveSnapshot({ offset: topic.decided, state: bytes("s".repeat(200)) });
              if (draws.chance(0.2)) await topic.trim(topic.decided - draws.int(4));
              if (draws.chance(0.05) && i % 2) await log.delete(name);
            }
          }),
        );
        for (const name of names) await log.delete(name);
        // All that is left is what says where segments end and what is deleted, and in the end it is in few.
        for (let turn = 0; turn < 1000 && log.stats().segments > 8; turn++) await log.keep("turn", bytes(`${turn}`));
        expect(log.stats().segments).toBeLessThanOrEqual(8);
        expect(log.stats().liveBytes).toBeLessThan(1000);
        await log.close();
        log = await openLog(machine, segmentBytes);
        expect(log.list("")).toEqual([]);
        await log.close();
      })(),
    );
    expect(machine.reports).toEqual([]);
  });

  test("a topic that is read while its segments are emptied is read whole", async () => {
    const machine = newMachine();
    await awaited(
      machine,
      (async () => {
        const log = await openLog(machine, 1500);
        const topic = await openTopic(log, "read");
        const texts: string[] = [];
        for (let i = 0; i < 60; i++) {
          texts.push(`entry ${i}`);
          const other = await log.open("other", { retention: { ...defaultRetention, maxEntries: 1 }, durability: "strict" });
          const [read] = await Promise.all([
            topic.read(1, everything),
            topic.append([record(`entry ${i}`)], nextOf(topic)),
            other.append([record("y".repeat(300))], nextOf(other)),
          ]);
          expect(read.map(({ entry }) => textOf(entry))).toEqual(texts.slice(0, read.length));
        }
        await log.close();
      })(),
    );
    expect(machine.reports).toEqual([]);
  });
});

test("SEG10 and SEG9 with all faults at once and a crash at the end, 150 seeds", async () => {
  let faults = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const machine = newMachine();
    const rng = createRng(`swarm ${seed}`);
    const crashAt = rng.chance(0.5) ? 20 + rng.int(150) : Number.POSITIVE_INFINITY;
    const plan = swarmDisk(rng);
    // The first calls are the start's, which fails as a whole.
    machine.disk.plan = (call) => (call.index >= crashAt ? "crash-after" : call.index < 10 ? undefined : plan(call));
    const story = await runScript(machine);
    faults += machine.disk.faults;
    machine.disk.crash(rng);
    try {
      await judge(machine, story);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
  expect(faults).toBeGreaterThan(200);
});

describe("SEG11 limits", () => {
  test("100 000 topics cost no descriptors, and less than 1 KiB of memory each", { timeout: 400_000 }, async () => {
    await inFolder(async (open, path) => {
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc") as () => void;
      const usedBytes = (): number => {
        collect();
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        return heapUsed + arrayBuffers;
      };
      let log = await open();
      const count = 100_000;
      for (let i = 0; i < count; i += 1000) {
        const topics = await Promise.all(Array.from({ length: 1000 }, (_, j) => openTopic(log, `topic/${i + j}`)));
        await Promise.all(topics.map(async (topic) => topic.append([record("one")], nextOf(topic))));
        await Promise.all(topics.map(async (topic) => topic.close()));
      }
      expect(log.stats()).toMatchObject({ topics: count, openTopics: 0, pendingBytes: 0 });
      expect(openFilesOf(path)).toBeLessThanOrEqual(9);
      await log.close();
      expect(openFilesOf(path)).toBe(0);
      const before = usedBytes();
      log = await open();
      expect(log.stats().topics).toBe(count);
      expect((usedBytes() - before) / count).toBeLessThan(1024);
      const topic = await openTopic(log, "topic/77777");
      expect((await topic.read(1, everything)).map(({ entry }) => textOf(entry))).toEqual(["one"]);
      await log.close();
    });
  });

  test("a topic of 1 000 000 entries opens, and is read in its middle, without a scan of the rest", {
    timeout: 400_000,
  }, async () => {
    await inFolder(async (open) => {
      const options = {
        retention: { ...defaultRetention, maxEntries: 2_000_000, maxBytes: 1e12 },
        durability: "strict",
      } as const;
      let log = await open();
      let topic = await log.open("long", options);
      for (let i = 0; i < 1000; i++) {
        const records: LogRecord[] = Array.from({ length: 1000 }, (_, j) => ({
          entry: bytes(`entry ${i * 1000 + j + 1}`),
          atMs: 1,
        }));
        await topic.append(records, nextOf(topic));
      }
      await topic.saveSnapshot({ offset: 999_000, state: bytes("nearly all") });
      await log.close();
      log = await open();
      topic = await log.open("long", options);
      expect([topic.first, topic.position.offset]).toEqual([1, 1_000_000]);
      const found = await topic.read(500_000, { maxEntries: 2, maxBytes: 1000 });
      expect(found.map(({ entry }) => textOf(entry))).toEqual(["entry 500000", "entry 500001"]);
      await log.close();
    });
  });

  test("an append that is too large, or too many that wait, are refused, and nothing of them is stored", async () => {
    const machine = newMachine();
    await awaited(
      machine,
      (async () => {
        const log = await openSegmentLog(
          { env: machine.env, disk: machine.disk.mount(machine.env), report: () => {} },
          { maxAppendBytes: 1000, maxPendingBytes: 2000 },
        );
        const topic = await openTopic(log, "a");
        expect(() => topic.append([record("x".repeat(900))], nextOf(topic))).toThrow(/maxAppendBytes/);
        const answers = ["1", "2", "3"].map(async (text) => {
          try {
            return await topic.append([{ entry: bytes(text.repeat(800)), atMs: 0 }], nextOf(topic));
          } catch (error) {
            return (error as { code: string }).code;
          }
        });
        expect(await Promise.all(answers)).toEqual(["stored", "stored", "backpressure"]);
        expect([topic.position.offset, topic.decided]).toEqual([2, 2]);
        await expect(log.keep("large", new Uint8Array(70_000))).rejects.toMatchObject({ code: "too-large" });
        expect(log.stats().pendingBytes).toBe(0);
        await log.close();
        expect(() => topic.append([record("late")], nextOf(topic))).toThrow(/closed/);
      })(),
    );
  });
});
