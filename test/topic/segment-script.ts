/** A script that uses a segment log in all its ways on a simulated disk, and the judge of what the disk holds afterwards. */
import { expect } from "vitest";
import { type SimulatedDisk, simulatedDisk } from "../../src/testing/disk.ts";
import type { DiskPlan } from "../../src/testing/disk-faults.ts";
import { createRng } from "../../src/testing/rng.ts";
import { type Durability, defaultRetention, type LogRecord, type OpenLog } from "../../src/topic/log.ts";
import { openSegmentLog, type SegmentLog } from "../../src/topic/segment/segment-log.ts";
import { createVirtualEnv, type VirtualEnv } from "../support/virtual-env.ts";

export const everything = { maxEntries: 1 << 20, maxBytes: Number.POSITIVE_INFINITY };
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (of: Uint8Array | undefined): string => new TextDecoder().decode(of);
export const record = (text: string): LogRecord => ({ entry: bytes(text), atMs: 5, origin: bytes(`by ${text}`) });
export const nextOf = ({ position, decided }: OpenLog): { epoch: string; offset: number } => ({
  epoch: position.epoch,
  offset: decided,
});
export const openTopic = (log: SegmentLog, name: string, durability: Durability = "strict"): Promise<OpenLog> =>
  log.open(name, { retention: defaultRetention, durability }) as Promise<OpenLog>;

export interface Machine {
  readonly disk: SimulatedDisk;
  readonly env: VirtualEnv;
  readonly reports: { readonly error: unknown; readonly where: string }[];
  hasCrashed: boolean;
}

export function newMachine(plan?: DiskPlan): Machine {
  const env = createVirtualEnv();
  const machine: Machine = {
    disk: simulatedDisk({ rng: createRng(1), plan, onCrash: () => (machine.hasCrashed = true) }),
    env,
    reports: [],
    hasCrashed: false,
  };
  return machine;
}

export function openLog({ disk, env, reports }: Machine, segmentBytes = 700): Promise<SegmentLog> {
  return openSegmentLog(
    { env, disk: disk.mount(env), report: (error, where) => void reports.push({ error, where }) },
    { segmentBytes },
  );
}

/** Makes time pass until the promise is settled, or the machine has crashed. */
export async function awaited<T>(machine: Machine, promise: Promise<T>): Promise<T | "crashed"> {
  let isSettled = false;
  const settled = promise.finally(() => (isSettled = true));
  settled.catch(() => {});
  for (let turn = 0; !isSettled && !machine.hasCrashed; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (turn % 4 === 3) machine.env.advance(20);
    if (turn > 100_000) throw new Error("It never ends.");
  }
  return isSettled ? settled : "crashed";
}

type Outcome = "stored" | "refused" | "unknown";

/** What became of the writes to one topic, in the order of the attempts. */
interface Attempted {
  epoch: string;
  readonly writes: { readonly text: string; readonly offset: number; outcome: Outcome }[];
  trimmedBefore: number;
  snapshots: { readonly offset: number; readonly text: string; outcome: Outcome }[];
  deletion: Outcome | undefined;
}

export interface Story {
  readonly topics: Map<string, Attempted>;
  readonly kept: { readonly text: string; outcome: Outcome }[];
  /** Appends to several topics at once. */
  readonly together: string[];
  isClosed: boolean;
}

const strictNames = ["a", "b", "gone"];

/** Runs the script; ends early where the machine crashes. Disk faults end nothing: the script goes on after each. */
export async function runScript(machine: Machine): Promise<Story> {
  const story: Story = { topics: new Map(), kept: [], together: [], isClosed: false };
  const run = async (): Promise<void> => {
    let log: SegmentLog | undefined;
    for (let tries = 0; !log; tries++) {
      log = await openLog(machine).catch((error: unknown) => {
        if (tries > 3) throw error;
        return undefined;
      });
    }
    const opened = new Map<string, OpenLog>();
    for (const name of [...strictNames, "relaxed"]) {
      const topic = await openTopic(log, name, name === "relaxed" ? "relaxed" : "strict");
      opened.set(name, topic);
      story.topics.set(name, {
        epoch: topic.position.epoch,
        writes: [],
        trimmedBefore: 1,
        snapshots: [],
        deletion: undefined,
      });
    }
    const well = async (): Promise<void> => {
      for (let turn = 0; opened.get("a")?.fault; turn++) {
        if (turn > 10_000) throw new Error("The fault never ends.");
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const note = async (attempt: { outcome: Outcome }, done: Promise<unknown>): Promise<void> => {
      try {
        const answer = await done;
        attempt.outcome = answer === undefined || answer === "stored" ? "stored" : "refused";
      } catch (error) {
        attempt.outcome = (error as { code?: string }).code === "read-only" ? "refused" : "unknown";
      }
    };
    const append = (name: string, ...texts: string[]): Promise<void> => {
      const topic = opened.get(name) as OpenLog;
      const { writes } = story.topics.get(name) as Attempted;
      const attempts = texts.map((text, i) => ({ text, offset: topic.decided + 1 + i, outcome: "unknown" as Outcome }));
      writes.push(...attempts);
      const done = Promise.resolve(topic.append(texts.map(record), nextOf(topic)));
      return Promise.all(attempts.map((attempt) => note(attempt, done))).then(() => {});
    };
    const snapshot = (name: string, text: string): Promise<void> => {
      const topic = opened.get(name) as OpenLog;
      const attempt = { offset: topic.decided, text, outcome: "unknown" as Outcome };
      story.topics.get(name)?.snapshots.push(attempt);
      return note(attempt, Promise.resolve(topic.saveSnapshot({ offset: attempt.offset, state: bytes(text) })));
    };
    const keep = (text: string): Promise<void> => {
      const attempt = { text, outcome: "unknown" as Outcome };
      story.kept.push(attempt);
      return note(attempt, Promise.resolve(log.keep("value", bytes(text))));
    };
    const together = (text: string): Promise<void> => {
      story.together.push(text);
      const attempts = ["a", "b"].map((name) => {
        const attempt = { text, offset: (opened.get(name)?.decided ?? 0) + 1, outcome: "unknown" as Outcome };
        story.topics.get(name)?.writes.push(attempt);
        return attempt;
      });
      const parts = ["a", "b"].map((name) => {
        const topic = opened.get(name) as OpenLog;
        return { log: topic, records: [record(text)], expect: nextOf(topic) };
      });
      const done = Promise.resolve(log.appendAll?.(parts));
      return Promise.all(attempts.map((attempt) => note(attempt, done))).then(() => {});
    };

    await Promise.all([append("a", "a1"), append("b", "b1", "b2"), append("gone", "g1")]);
    await well();
    await keep("first");
    await Promise.all([append("a", "a2"), append("relaxed", "r1"), append("a", "a3"), snapshot("a", "state of a")]);
    await well();
    await together("both 1");
    await well();
    const gone = story.topics.get("gone") as Attempted;
    gone.deletion = "unknown";
    const deletion = { outcome: "unknown" as Outcome };
    await note(deletion, Promise.resolve(log.delete("gone")));
    gone.deletion = deletion.outcome;
    await well();
    for (let round = 0; round < 12; round++) {
      await Promise.all([
        append("a", `a ${round}`),
        append("b", `b ${round}`, `${round} ${"b".repeat(60)}`),
        append("relaxed", `r ${round}`),
      ]);
      await well();
      if (round % 4 === 1) await snapshot("b", `state of b in round ${round} ${"s".repeat(100)}`);
      await well();
    }
    const trimmed = story.topics.get("a") as Attempted;
    const before = (opened.get("a") as OpenLog).first + 2;
    const trim = { outcome: "unknown" as Outcome };
    trimmed.trimmedBefore = before;
    await note(trim, Promise.resolve((opened.get("a") as OpenLog).trim(before)));
    await well();
    await together("both 2");
    await well();
    await keep("second");
    await well();
    await Promise.all([append("a", "last of a"), append("relaxed", "last")]);
    await log.close();
    story.isClosed = true;
  };
  await awaited(machine, run());
  return story;
}

/** Opens what the disk holds, and compares it with the story; then writes once more. */
export async function judge(machine: Machine, story: Story): Promise<void> {
  machine.disk.plan = undefined;
  machine.hasCrashed = false;
  machine.reports.length = 0;
  const judged = async (): Promise<void> => {
    const log = await openLog(machine);
    for (const name of strictNames) {
      const attempted = story.topics.get(name);
      if (!attempted) continue;
      const topic = await openTopic(log, name);
      const found = await topic.read(1, everything);
      const isThere = topic.position.epoch === attempted.epoch;
      if (name === "gone" && attempted.deletion === "stored") expect([isThere, found]).toEqual([false, []]);
      if (!isThere) {
        // Nothing of it was ever stored, or it is deleted.
        if (attempted.deletion === undefined) expect(attempted.writes.filter(({ outcome }) => outcome === "stored")).toEqual([]);
        expect(found).toEqual([]);
        continue;
      }
      judgeTopic(name, attempted, topic, found);
      const snapshot = await topic.loadSnapshot();
      const newest = attempted.snapshots.filter(({ outcome }) => outcome === "stored").at(-1);
      if (newest) expect(snapshot?.offset ?? 0).toBeGreaterThanOrEqual(newest.offset);
      if (snapshot) {
        const match = attempted.snapshots.filter(({ offset, outcome }) => offset === snapshot.offset && outcome !== "refused");
        expect(match.map(({ text }) => text)).toContain(textOf(snapshot.state));
      }
    }
    await judgeRelaxed(log, story);
    const [a, b] = [await textsOf(log, "a"), await textsOf(log, "b")];
    const { writes = [], trimmedBefore = 1 } = story.topics.get("a") ?? {};
    for (const text of story.together) {
      const isTrimmed = (writes.find((write) => write.text === text)?.offset ?? 0) < trimmedBefore;
      if (!isTrimmed) expect([text, a.includes(text)]).toEqual([text, b.includes(text)]);
    }
    const kept = textOf(log.kept("value") as Uint8Array | undefined);
    const stored = story.kept.findLastIndex(({ outcome }) => outcome === "stored");
    const possible = story.kept.slice(Math.max(0, stored)).filter(({ outcome }) => outcome !== "refused");
    if (stored < 0) possible.push({ text: "", outcome: "stored" });
    expect(possible.map(({ text }) => text)).toContain(kept);
    const again = await openTopic(log, "a");
    expect(await again.append([record("still taken")], nextOf(again))).toBe("stored");
    await log.close();
  };
  expect(await awaited(machine, judged())).toBe(undefined);
  expect(machine.reports).toEqual([]);
}

function judgeTopic(name: string, attempted: Attempted, topic: OpenLog, found: readonly LogRecord[]): void {
  const texts = found.map(({ entry }) => textOf(entry));
  for (const [i, { entry, origin, atMs }] of found.entries()) {
    expect([textOf(origin), atMs]).toEqual([`by ${texts[i]}`, 5]);
    expect(attempted.writes.map(({ text }) => text)).toContain(textOf(entry));
  }
  expect(topic.first).toBeLessThanOrEqual(Math.max(attempted.trimmedBefore, 1));
  expect(topic.first + texts.length - 1).toBe(topic.position.offset);
  for (const { text, offset, outcome } of attempted.writes) {
    const at = texts.indexOf(text);
    if (outcome === "refused") expect([name, text, at]).toEqual([name, text, -1]);
    if (at >= 0) expect([text, topic.first + at]).toEqual([text, offset]);
    if (outcome === "stored" && offset >= attempted.trimmedBefore) expect([name, text, at >= 0]).toEqual([name, text, true]);
  }
}

/** After a stop that was not clean: another epoch, and what was there is a prefix. */
async function judgeRelaxed(log: SegmentLog, { topics }: Story): Promise<void> {
  const attempted = topics.get("relaxed");
  if (!attempted) return;
  const topic = await openTopic(log, "relaxed", "relaxed");
  const texts = (await topic.read(1, everything)).map(({ entry }) => textOf(entry));
  const told = attempted.writes.filter(({ outcome }) => outcome === "stored").map(({ text }) => text);
  if (topic.position.epoch === attempted.epoch) expect(texts).toEqual(told);
  else expect(attempted.writes.map(({ text }) => text).filter((text) => texts.includes(text))).toEqual(texts);
}

async function textsOf(log: SegmentLog, name: string): Promise<string[]> {
  const topic = await openTopic(log, name);
  return (await topic.read(1, everything)).map(({ entry }) => textOf(entry));
}
