/**
 * What every log does with the records of a topic: it numbers, keeps, reads and tells them.
 * Rules: docs/protocol/storage.md LOG1-LOG5, LOG9, LOG12.
 */
import type { LogRecord, Position } from "../../topic/log.ts";
import { append, bytes, everything, type LogTests, nextOf, openTopic, readAll, record, words } from "./log-world.ts";
import { equal, ok } from "./suite.ts";

export const recordTests: LogTests = {
  "LOG1 a new log stands at offset 0 of its epoch, and each record takes the next offset": async (world) => {
    const log = await openTopic(world);
    equal([log.position.offset, log.first], [0, 1]);
    ok(log.position.epoch.length > 0, "the epoch has a name");
    await append(world, log, "one");
    await append(world, log, "two", "three");
    equal([log.position.offset, log.first], [3, 1]);
    equal(await readAll(log), ["one", "two", "three"]);
    equal(log.durability, world.log.features.durability);
  },

  "LOG2 an append that expects another position is a conflict, and nothing of it is stored": async (world) => {
    const log = await openTopic(world);
    await append(world, log, "one");
    const { epoch, offset } = log.position;
    const wrong: Position[] = [
      { epoch, offset: 0 },
      { epoch, offset: 2 },
      { epoch: "other", offset },
    ];
    for (const expected of wrong) {
      equal(
        await log.append(
          [
            { entry: bytes("x"), atMs: 0 },
            { entry: bytes("y"), atMs: 0 },
          ],
          expected,
        ),
        "conflict",
      );
    }
    equal(await readAll(log), ["one"]);
    equal(await log.append([{ entry: bytes("two"), atMs: 0 }], { epoch, offset }), "stored");
  },

  "LOG3 reading begins at `from`, or at the oldest kept, and takes at most maxEntries and maxBytes, but at least one": async (
    world,
  ) => {
    const log = await openTopic(world, { maxEntries: 4 });
    await append(world, log, "1", "22", "333", "4444", "55555");
    equal([log.first, await readAll(log, 0)], [2, ["22", "333", "4444", "55555"]]);
    equal(words(await log.read(3, { ...everything, maxEntries: 2 })), ["333", "4444"]);
    equal(words(await log.read(2, { ...everything, maxBytes: 5 })), ["22", "333"]);
    equal(words(await log.read(2, { ...everything, maxBytes: 4 })), ["22"]);
    equal(words(await log.read(4, { ...everything, maxBytes: 1 })), ["4444"]);
    equal(await log.read(6, everything), []);
    equal(await log.read(3, { ...everything, maxEntries: 0 }), []);
  },

  "LOG4 retention keeps the newest maxEntries": async (world) => {
    const log = await openTopic(world, { maxEntries: 3 });
    await append(world, log, "1", "2", "3");
    equal(log.first, 1);
    await append(world, log, "4", "5");
    equal([log.first, await readAll(log)], [3, ["3", "4", "5"]]);
  },

  "LOG4 retention keeps at most maxBytes, but always the newest record": async (world) => {
    const log = await openTopic(world, { maxBytes: 6 });
    await append(world, log, "aaa", "bbb");
    equal(log.first, 1);
    await append(world, log, "c");
    equal(await readAll(log), ["bbb", "c"]);
    await append(world, log, "larger than all");
    equal([log.first, await readAll(log)], [4, ["larger than all"]]);
    await append(world, log, "d");
    equal(await readAll(log), ["d"]);
  },

  "LOG4 retention forgets what is older than maxAgeMs when something is appended": async (world) => {
    const log = await openTopic(world, { maxAgeMs: 1000 });
    await append(world, log, "old");
    await world.advance(600);
    await append(world, log, "young");
    await world.advance(400);
    await append(world, log, "new");
    equal(await readAll(log), ["old", "young", "new"]);
    await world.advance(1);
    await append(world, log, "newer");
    equal(await readAll(log), ["young", "new", "newer"]);
  },

  "LOG4 many appends keep offsets and records together, across compactions": async (world) => {
    const log = await openTopic(world, { maxEntries: 10 });
    for (let offset = 1; offset <= 500; offset++) {
      await append(world, log, `${offset}`);
      equal(log.position.offset, offset);
      equal(words(await log.read(log.first, { ...everything, maxEntries: 1 })), [`${Math.max(1, offset - 9)}`]);
    }
    equal(
      await readAll(log),
      Array.from({ length: 10 }, (_, index) => `${491 + index}`),
    );
  },

  "LOG5 a listener is told each record once, in order, after it is readable, until it unsubscribes": async (world) => {
    const log = await openTopic(world);
    await append(world, log, "before");
    const told: unknown[] = [];
    const stop = log.onRecords((first, records) => void told.push([first, words(records), log.position.offset]));
    await append(world, log, "2", "3");
    await append(world, log, "4");
    await log.append([{ entry: bytes("x"), atMs: 0 }], { epoch: "other", offset: 4 });
    stop();
    stop();
    await append(world, log, "5");
    equal(told, [
      [2, ["2", "3"], 3],
      [4, ["4"], 4],
    ]);
  },

  "LOG5 what a listener appends is told to everybody after what made it append": async (world) => {
    const log = await openTopic(world);
    const told: string[][] = [[], []];
    const answers: unknown[] = [];
    log.onRecords((_, records) => {
      told[0]?.push(...words(records));
      if (words(records)[0] === "question") answers.push(append(world, log, "answer"));
    });
    log.onRecords((_, records) => void told[1]?.push(...words(records)));
    await append(world, log, "question");
    await append(world, log, "end");
    await Promise.all(answers);
    equal(told, [
      ["question", "answer", "end"],
      ["question", "answer", "end"],
    ]);
  },

  "LOG9 position counts what may be told, decided what was appended as well; the next append expects what is decided": async (
    world,
  ) => {
    const log = await openTopic(world);
    const first = log.append([record("one")], nextOf(log));
    equal(log.decided, 1);
    ok(log.position.offset <= 1, "position is at most what was decided");
    const stale = log.append([record("x")], { epoch: log.position.epoch, offset: 0 });
    const second = log.append([record("two"), record("three")], nextOf(log));
    equal(log.decided, 3);
    equal(await Promise.all([first, stale, second]), ["stored", "conflict", "stored"]);
    equal([log.position.offset, log.decided], [3, 3]);
    equal(await readAll(log), ["one", "two", "three"]);
  },

  "LOG9 appends that are on their way together are told in order, each before it is answered": async (world) => {
    const log = await openTopic(world);
    const heard: string[] = [];
    log.onRecords((_, records) => void heard.push(...words(records)));
    const answers = ["1", "2", "3", "4"].map(async (text) => {
      await log.append([record(text)], nextOf(log));
      ok(heard.includes(text), `${text} was told before it was answered`);
    });
    await Promise.all(answers);
    equal(heard, ["1", "2", "3", "4"]);
  },

  "LOG12 what is kept of a record is its entry, its time and its origin": async (world) => {
    const log = await openTopic(world);
    const records: LogRecord[] = [
      { entry: bytes("a"), atMs: 1_900_000_000_000, origin: bytes("me") },
      { entry: new Uint8Array(0), atMs: 0, origin: new Uint8Array(0) },
      { entry: Uint8Array.from({ length: 256 }, (_, index) => index), atMs: 7 },
    ];
    await log.append(records, nextOf(log));
    const again = (await world.restart?.()) ?? world;
    const reopened = await openTopic(again);
    const parts = ({ entry, atMs, origin }: LogRecord) => [entry, atMs, origin];
    equal((await reopened.read(1, everything)).map(parts), records.map(parts));
    await again.dispose?.();
  },
};
