/** Bits that turned over, files that were cut short: nothing wrong is ever served, and whoever is whole stays as it was. */
import { describe, expect, test } from "vitest";
import { createRng } from "../../src/testing/rng.ts";
import type { SegmentLog } from "../../src/topic/segment/segment-log.ts";
import {
  awaited,
  bytes,
  everything,
  type Machine,
  newMachine,
  nextOf,
  openLog,
  openTopic,
  record,
  textOf,
} from "./segment-script.ts";

const names = ["plain", "state", "both", "idle"];

interface Truth {
  readonly epoch: string;
  readonly texts: string[];
  readonly snapshot: string;
}

/** A log that was closed, in one segment unless `segmentBytes` is small, and what is in it. */
async function written(segmentBytes = 1 << 16): Promise<{ machine: Machine; truth: Map<string, Truth> }> {
  const machine = newMachine();
  const truth = new Map<string, Truth>();
  await awaited(
    machine,
    (async () => {
      const log = await openLog(machine, segmentBytes);
      for (const name of names) {
        const topic = await openTopic(log, name);
        const texts: string[] = [];
        for (let i = 1; i <= (name === "idle" ? 1 : 5); i++) {
          texts.push(`${name} ${i}`);
          await topic.append([record(`${name} ${i}`)], nextOf(topic));
          if (name === "state" && i === 3) await topic.saveSnapshot({ offset: 3, state: bytes("state at 3") });
        }
        truth.set(name, { epoch: topic.position.epoch, texts, snapshot: name === "state" ? "state at 3" : "" });
      }
      await log.close();
    })(),
  );
  return { machine, truth };
}

interface Found {
  readonly isSame: boolean;
  readonly texts: string[];
  readonly first: number;
  readonly offset: number;
  readonly snapshot: string;
}

async function look(log: SegmentLog, name: string, { epoch }: Truth): Promise<Found> {
  const topic = await openTopic(log, name);
  const records = await topic.read(1, everything);
  const snapshot = await topic.loadSnapshot();
  const found = {
    isSame: topic.position.epoch === epoch,
    texts: records.map(({ entry }) => textOf(entry)),
    first: topic.first,
    offset: topic.position.offset,
    snapshot: textOf(snapshot?.state),
  };
  // It goes on, in whichever epoch.
  expect(await topic.append([record("more")], nextOf(topic))).toBe("stored");
  expect((await topic.read(topic.position.offset, everything)).map(({ entry }) => textOf(entry))).toEqual(["more"]);
  return found;
}

/** Opens it, and answers which topics are not as they were; whatever is there is what was written, where it was written. */
async function harmed(machine: Machine, truth: ReadonlyMap<string, Truth>): Promise<string[]> {
  machine.reports.length = 0;
  const hurt: string[] = [];
  await awaited(
    machine,
    (async () => {
      const log = await openLog(machine);
      for (const [name, was] of truth) {
        const found = await look(log, name, was);
        expect(found.texts).toEqual(was.texts.slice(found.first - 1, found.offset));
        expect(["", was.snapshot]).toContain(found.snapshot);
        const isWhole = found.offset === was.texts.length && found.first === 1 && found.snapshot === was.snapshot;
        if (!isWhole || !found.isSame) hurt.push(name);
        // Who has seen more than there is now is not to take what comes next for what it has seen.
        if (found.offset < was.texts.length) expect([name, found.isSame]).toEqual([name, false]);
      }
      await log.close();
    })(),
  );
  if (hurt.length) expect(machine.reports.length).toBeGreaterThan(0);
  return hurt;
}

const segmentFile = (machine: Machine): string =>
  [...machine.disk.contents()]
    .filter(([name]) => name.endsWith(".seg"))
    .map(([name]) => name)
    .sort()[0] as string;

describe("SEG8 damage", () => {
  test("one bit anywhere harms one topic at most, which goes on in a new epoch with what is whole", async () => {
    const { machine } = await written();
    const file = segmentFile(machine);
    const used =
      machine.disk
        .contents()
        .get(file)
        ?.findLastIndex((byte) => byte !== 0) ?? 0;
    expect(used).toBeGreaterThan(1000);
    const draws = createRng("bits");
    const seen = new Set<string>();
    for (let position = 0; position <= used; position += 1 + draws.int(3)) {
      const { machine: hurt, truth } = await written();
      hurt.disk.flipBit(segmentFile(hurt), position, draws.int(8));
      try {
        const topics = await harmed(hurt, truth);
        expect(topics.length).toBeLessThanOrEqual(1);
        for (const name of topics) seen.add(name);
      } catch (cause) {
        throw new Error(`bit at ${position} of ${used}`, { cause });
      }
    }
    expect([...seen].sort()).toEqual([...names].sort());
  });

  test("a page of zeros in the middle: who may have lost something has a new epoch", async () => {
    for (let position = 0; ; position += 97) {
      const { machine, truth } = await written();
      const file = segmentFile(machine);
      const content = machine.disk.contents().get(file) as Uint8Array;
      // The end of the log cannot be told from one that was never written.
      if (position + 700 > content.findLastIndex((byte) => byte !== 0) - 100) return;
      for (let at = position; at < position + 700; at++) {
        for (let bit = 0; bit < 8; bit++) if (((content[at] ?? 0) >> bit) & 1) machine.disk.flipBit(file, at, bit);
      }
      await harmed(machine, truth);
    }
  });

  test("what only history is made of is forgotten, and the epoch stays", async () => {
    const { machine, truth } = await written();
    const file = segmentFile(machine);
    const content = Buffer.from(machine.disk.contents().get(file) as Uint8Array);
    machine.disk.flipBit(file, content.lastIndexOf("state 2"), 0);
    await awaited(
      machine,
      (async () => {
        const log = await openLog(machine);
        const found = await look(log, "state", truth.get("state") as Truth);
        expect(found).toEqual({
          isSame: true,
          first: 3,
          offset: 5,
          texts: ["state 3", "state 4", "state 5"],
          snapshot: "state at 3",
        });
        await log.close();
      })(),
    );
    expect(machine.reports.map(({ where }) => where)).toEqual(["state"]);
  });

  test("met by a read, it makes the topic read-only until a snapshot makes up for it", async () => {
    const { machine } = await written();
    await awaited(
      machine,
      (async () => {
        const log = await openLog(machine);
        const topic = await openTopic(log, "plain");
        const file = segmentFile(machine);
        machine.disk.flipBit(file, Buffer.from(machine.disk.contents().get(file) as Uint8Array).lastIndexOf("plain 4"), 3);
        await expect(topic.read(1, everything)).rejects.toMatchObject({ code: "damaged" });
        expect(topic.fault?.code).toBe("damaged");
        expect(await topic.append([record("x")], nextOf(topic))).toBe("read-only");
        await topic.saveSnapshot({ offset: 5, state: bytes("made up for") });
        expect(await topic.append([record("plain 6")], nextOf(topic))).toBe("stored");
        expect((await topic.read(5, everything)).map(({ entry }) => textOf(entry))).toEqual(["plain 5", "plain 6"]);
        await log.close();
      })(),
    );
  });

  test("an index file that is damaged, missing or of another time is passed over", async () => {
    for (const hurt of ["flip", "remove", "cut"]) {
      const { machine, truth } = await written(500);
      const indexes = [...machine.disk.contents().keys()].filter((name) => name.endsWith(".idx"));
      expect(indexes.length).toBeGreaterThan(2);
      const disk = machine.disk.mount(machine.env);
      for (const name of indexes) {
        const file = await disk.open(name);
        if (hurt === "flip") machine.disk.flipBit(name, Math.floor(file.size / 2), 1);
        else if (hurt === "cut") await file.truncate(file.size - 1);
        else await disk.remove(name);
      }
      expect(await harmed(machine, truth)).toEqual([]);
      expect(machine.reports).toEqual([]);
    }
  });
});

describe("SEG9 a torn end", () => {
  test("the last batch, cut at every byte, is there as a whole or not at all, and the epoch stays", async () => {
    const story = async (): Promise<{ machine: Machine; epoch: string; before: number; after: number }> => {
      const machine = newMachine();
      const log = await openLog(machine, 1 << 16);
      const topics = [await openTopic(log, "a"), await openTopic(log, "b")];
      const sizeNow = (): number =>
        machine.disk
          .contents()
          .get(segmentFile(machine))
          ?.findLastIndex((byte) => byte !== 0) ?? 0;
      await topics[0]?.append([record("one")], nextOf(topics[0]));
      const before = sizeNow();
      await log.appendAll?.(
        topics.map((topic) => ({ log: topic, records: [record("two"), record("three")], expect: nextOf(topic) })),
      );
      machine.disk.kill();
      return { machine, epoch: topics[0]?.position.epoch ?? "", before, after: sizeNow() };
    };
    const { before, after } = await story();
    expect(after - before).toBeGreaterThan(150);
    const lengths = new Set<string>();
    for (let cut = before + 1; cut <= after + 1; cut++) {
      const { machine, epoch } = await story();
      const file = await machine.disk.mount(machine.env).open(segmentFile(machine));
      await file.truncate(cut);
      await awaited(
        machine,
        (async () => {
          const log = await openLog(machine);
          const [a, b] = [await openTopic(log, "a"), await openTopic(log, "b")];
          expect(a.position.epoch).toBe(epoch);
          lengths.add(`${a.position.offset} ${b.position.offset}`);
          await log.close();
        })(),
      );
      expect(machine.reports).toEqual([]);
    }
    expect([...lengths].sort()).toEqual(["1 0", "3 2"]);
  });
});
