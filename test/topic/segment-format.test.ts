/** The bytes of segment files. */
import { describe, expect, test } from "vitest";
import { isSound, seal, writeRecord } from "../../src/topic/segment/body.ts";
import { ByteReader, ByteWriter } from "../../src/topic/segment/bytes.ts";
import { crc32c } from "../../src/topic/segment/crc.ts";
import { findBatch, frameOf, parseSegmentName, segmentName } from "../../src/topic/segment/frame.ts";
import { type Item, readTable, writeItem } from "../../src/topic/segment/table.ts";
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

const salt = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

const segmentsOf = (machine: Machine): [string, Uint8Array][] =>
  [...machine.disk.contents()].filter(([name]) => name.endsWith(".seg")).sort(([a], [b]) => (a < b ? -1 : 1));

test("SEG2 the checksum is CRC-32C, whose known values it has, and goes on where another ended", () => {
  expect(crc32c(bytes("123456789"))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
  expect(crc32c(new Uint8Array(0))).toBe(0);
  const text = bytes("any bytes, cut anywhere at all");
  for (let cut = 0; cut <= text.length; cut++) {
    expect(crc32c(text, cut, text.length, crc32c(text, 0, cut))).toBe(crc32c(text));
  }
});

test("SEG1 a batch is found by either of its ends, and only where it says that it is", () => {
  const table = bytes("table");
  const frame = { position: 11, tableBytes: 5, bodyBytes: 3 };
  const { front, back } = frameOf(salt, table, frame);
  const whole = new Uint8Array(11 + front.length + 3 + back.length + 4);
  whole.set(front, 11);
  whole.set(back, 11 + front.length + 3);
  const found = { ...frame, table };
  expect(findBatch(whole, salt, 0)).toEqual(found);
  expect(findBatch(whole, salt, 12)).toBe(undefined);
  for (const [from, to] of [
    [11, 11 + front.length],
    [11 + front.length + 3, whole.length],
  ] as const) {
    expect(findBatch(Uint8Array.from(whole).fill(0, from, to), salt, 0)).toEqual(found);
  }
  expect(findBatch(whole.subarray(1), salt, 0)).toBe(undefined);
  expect(findBatch(whole, Uint8Array.from(salt).fill(0), 0)).toBe(undefined);
});

test("SEG1 a segment is named by its number and its salt", () => {
  expect(segmentName(42, salt, "seg")).toBe("0000002a-0102030405060708.seg");
  expect(parseSegmentName("0000002a-0102030405060708.seg")).toEqual({ number: 42, salt });
  for (const name of ["2a-0102030405060708.seg", "0000002a-0102030405060708.idx", "lock"]) {
    expect(parseSegmentName(name)).toBe(undefined);
  }
});

test("SEG1 an entry that looks like a batch of the log is an entry, also where damage has to be looked over", async () => {
  const machine = newMachine();
  await awaited(
    machine,
    (async () => {
      let log = await openLog(machine, 1 << 16);
      let topic = await openTopic(log, "a");
      await topic.append([record("one")], nextOf(topic));
      await log.close();
      // All that the log has written, salt and all, of a segment that is not the one it will be in.
      const [, segment] = segmentsOf(machine)[0] as [string, Uint8Array];
      log = await openLog(machine, 1 << 16);
      topic = await openTopic(log, "a");
      await topic.append([{ entry: segment, atMs: 0 }, record("three")], nextOf(topic));
      await log.close();
      const [name, content] = segmentsOf(machine)[1] as [string, Uint8Array];
      const head = Buffer.from(content).lastIndexOf(Buffer.from(segment.subarray(0, 40)));
      for (let at = 40; at < head; at += 30) machine.disk.flipBit(name, at, 1);
      log = await openLog(machine, 1 << 16);
      topic = await openTopic(log, "a");
      for (const { entry } of await topic.read(1, everything)) expect(["one", "three", textOf(segment)]).toContain(textOf(entry));
      expect(log.list("")).toEqual(["a"]);
      await log.close();
    })(),
  );
});

test("SEG3 items read back as they were written, whatever their numbers and texts", () => {
  const items: Item[] = [
    { kind: "topic", id: 1, stored: 2 ** 53 - 1, floor: 128, saved: 0, name: "a/ä/🙂\uFEFF", epoch: "e1" },
    { kind: "records", id: 127, first: 2 ** 40, count: 1, floor: 3, saved: 16_384, size: 10 },
    { kind: "piece", id: 300, offset: 9, tag: 2 ** 32 - 1, index: 1, pieces: 2, size: 7 },
    { kind: "delete", id: 5, born: 6 },
    { kind: "keep", key: "", value: Uint8Array.from([0, 255]) },
    { kind: "end", segment: 7, position: 2 ** 32 },
    { kind: "life", generation: "0a" },
    { kind: "clean" },
  ];
  const writer = new ByteWriter(16);
  for (const item of items) writeItem(writer, item);
  const table = writer.taken();
  const read: [Item, number][] = [];
  readTable(table, 100, (item, body) => read.push([item, body]));
  expect(read.map(([item]) => item)).toEqual(items);
  // Bodies lie in the order of their items.
  expect(read.map(([, body]) => body).slice(0, 4)).toEqual([100, 100, 110, 117]);
  for (let cut = 1; cut < table.length; cut++) {
    const some: Item[] = [];
    try {
      readTable(table.subarray(0, cut), 0, (item) => some.push(item));
    } catch (error) {
      expect(error).toMatchObject({ code: "malformed" });
    }
    expect(items.slice(0, some.length)).toEqual(some);
  }
  expect(() => readTable(Uint8Array.from([99]), 0, () => {})).toThrow(/code 99/);
  expect(() => new ByteReader(new Uint8Array(12).fill(255)).varint()).toThrow(/Not a table/);
});

describe("SEG4 a batch", () => {
  test("takes all that is asked for while the one before is synced, over any topics: one write and one sync", async () => {
    const calls: string[] = [];
    const machine = newMachine(({ operation }) => void calls.push(operation));
    await awaited(
      machine,
      (async () => {
        const log = await openLog(machine, 1 << 20);
        const topics = await Promise.all(["a", "b", "c"].map((name) => openTopic(log, name)));
        calls.length = 0;
        const appends = (): Promise<unknown>[] =>
          topics.flatMap((topic) => [1, 2, 3].map((i) => Promise.resolve(topic.append([record(`${i}`)], nextOf(topic)))));
        const first = appends();
        await Promise.resolve().then(() => {});
        await Promise.all([...first, ...appends(), ...appends()]);
        expect(calls).toEqual(["write", "sync", "write", "sync"]);
        // Nothing waits for a timer: the clock stood still.
        expect(topics.map(({ position }) => position.offset)).toEqual([9, 9, 9]);
        await log.close();
      })(),
    );
  });
});

test("SEG5 and SEG6 consecutive records of a topic become one block, each segment names its topics, ids are never used again", async () => {
  const machine = newMachine();
  await awaited(
    machine,
    (async () => {
      for (let life = 0; life < 3; life++) {
        const log = await openLog(machine, 1 << 20);
        const topic = await openTopic(log, "a");
        const other = await openTopic(log, "b");
        const appends = [1, 2, 3].map((i) => topic.append([record(`${i}`)], nextOf(topic)));
        await Promise.all([...appends, life === 0 && other.append([record("stays")], nextOf(other))]);
        if (life === 1) await log.delete("a");
        await log.close();
      }
    })(),
  );
  const lives = segmentsOf(machine).map(([name, content]) => {
    const items: Item[] = [];
    const parsed = parseSegmentName(name);
    let from = 0;
    for (let batch = findBatch(content, parsed?.salt ?? salt, 0); batch; batch = findBatch(content, parsed?.salt ?? salt, from)) {
      readTable(batch.table, 0, (item) => items.push(item));
      from = batch.position + 1;
    }
    return items;
  });
  const kinds = lives.map((items) => items.map(({ kind }) => kind).join(" "));
  expect(kinds).toEqual([
    "life topic records topic records clean",
    "life end topic records delete clean",
    "life end topic records clean",
  ]);
  const ids = lives.map((items) => items.flatMap((item) => (item.kind === "records" ? [[item.id, item.first, item.count]] : [])));
  expect(ids).toEqual([
    [
      [1, 1, 3],
      [2, 1, 1],
    ],
    [[1, 4, 3]],
    [[3, 1, 3]],
  ]);
});

test("SEG2 a body passes only as that of its own topic and offset", () => {
  const writer = new ByteWriter(64);
  writer.skip(4);
  writeRecord(writer, record("mine"));
  seal(writer.bytes, 0, writer.length, 7, 100);
  const body = writer.taken();
  expect([isSound(body, 7, 100), isSound(body, 8, 100), isSound(body, 7, 101), isSound(body.subarray(0, 3), 7, 100)]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
