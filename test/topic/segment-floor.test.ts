/** What retention let go of is gone for good before its segments are: a crash right behind that is no damage. */
import { expect, test } from "vitest";
import { simulatedDisk } from "../../src/testing/disk.ts";
import { createRng } from "../../src/testing/rng.ts";
import { openSegmentLog } from "../../src/topic/segment/segment-log.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

const retention = { maxEntries: 2, maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY };
const record = { entry: new Uint8Array(700), atMs: 1 };
/** Compaction goes on between the turns. */
const quiet = async (): Promise<void> => {
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
};

test("SEG7 segments that retention emptied are removed, and a crash before the next append loses nothing and reports nothing", async () => {
  const disk = simulatedDisk({ rng: createRng(1) });
  const reports: unknown[] = [];
  const open = () => {
    const env = createVirtualEnv();
    return openSegmentLog({ env, disk: disk.mount(env), report: (error) => void reports.push(error) }, { segmentBytes: 1024 });
  };
  const names = (): string[] => [...disk.contents().keys()].filter((name) => name.endsWith(".seg"));

  const topic = await (await open()).open("a", { durability: "strict", retention });
  const { epoch } = topic.position;
  let removals = 0;
  for (let offset = 0; offset < 12; offset++) {
    const before = names().length;
    expect(await topic.append([record], { epoch, offset })).toBe("stored");
    await quiet();
    if (names().length < before) removals++;
  }
  expect(removals + 12 - names().length).toBeGreaterThan(0);
  disk.crash(createRng(2));

  const again = await (await open()).open("a", { durability: "strict", retention });
  expect([reports, again.position]).toEqual([[], { epoch, offset: 12 }]);
  expect(await again.read(1, { maxEntries: 10, maxBytes: 10_000 })).toHaveLength(2);
});

test("LOG16 while the first snapshot is on its way, retention keeps what came behind it", async () => {
  const disk = simulatedDisk({ rng: createRng(1) });
  const env = createVirtualEnv();
  const log = await openSegmentLog({ env, disk: disk.mount(env), report: () => {} });
  const topic = await log.open("a", { durability: "relaxed", retention });
  const { epoch } = topic.position;
  await topic.append([record], { epoch, offset: 0 });
  const saving = topic.saveSnapshot({ offset: 1, state: new Uint8Array(1) });
  await topic.append([record, record, record, record], { epoch, offset: 1 });
  expect(topic.first).toBe(1);
  await saving;
  expect(topic.first).toBe(2);
});
