/**
 * What every log keeps, wherever its records live: a new one's test is a factory and its flags.
 * Rules: docs/protocol/storage.md LOG1-LOG16.
 */
import { describe, expect, test } from "vitest";
import {
  type Durability,
  defaultRetention,
  type Log,
  type LogRecord,
  type OpenLog,
  type Position,
  type Retention,
} from "../../src/topic/log.ts";

export interface LogWorld {
  readonly log: Log;
  /** Makes `ms` pass for the log's clock. */
  advance(ms: number): void | Promise<void>;
  /** What the clock says: the `atMs` of a record made now. */
  nowMs(): number;
  /** Ends the process that holds the log and opens it anew. Absent: the log does not outlive it. */
  restart?(): Promise<LogWorld>;
  /** The same, but nothing is closed: what was not synced is lost. */
  kill?(): Promise<LogWorld>;
  /** Makes the disk take nothing, or again what it is given. */
  setFailing?(isFailing: boolean): void;
  dispose?(): Promise<void>;
}

export interface LogFlags {
  /** Records survive `restart`. */
  readonly durable: boolean;
  /** It keeps `relaxed` topics, too, and its worlds have `kill`. */
  readonly relaxed?: boolean;
  /** Its worlds have `setFailing`. */
  readonly faults?: boolean;
}

const everything = { maxEntries: 1 << 20, maxBytes: Number.POSITIVE_INFINITY };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const record = (text: string): LogRecord => ({ entry: bytes(text), atMs: 0 });
const nextOf = ({ position, decided }: OpenLog): Position => ({ epoch: position.epoch, offset: decided });
const words = (records: readonly LogRecord[]): string[] => records.map(({ entry }) => new TextDecoder().decode(entry));

export function logContract(name: string, create: () => LogWorld | Promise<LogWorld>, flags: LogFlags): void {
  const open = (
    world: LogWorld,
    retention: Partial<Retention> = {},
    topic = "a",
    durability: Durability = world.log.features.durability,
  ): OpenLog | Promise<OpenLog> => world.log.open(topic, { retention: { ...defaultRetention, ...retention }, durability });

  const append = async (world: LogWorld, log: OpenLog, ...texts: string[]): Promise<string> =>
    log.append(
      texts.map((text) => ({ entry: bytes(text), atMs: world.nowMs() })),
      nextOf(log),
    );

  /** Makes time pass until something has come true. */
  const until = async (world: LogWorld, isTrue: () => boolean): Promise<void> => {
    for (let i = 0; i < 200 && !isTrue(); i++) {
      await world.advance(100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(isTrue()).toBe(true);
  };

  const inWorld = (run: (world: LogWorld) => Promise<void>) => async (): Promise<void> => {
    const world = await create();
    try {
      await run(world);
    } finally {
      await world.dispose?.();
    }
  };

  describe(`${name} log`, () => {
    test(
      "LOG1 a new log stands at offset 0 of its epoch, and each record takes the next offset",
      inWorld(async (world) => {
        const log = await open(world);
        expect([log.position.offset, log.first]).toEqual([0, 1]);
        expect(log.position.epoch).toMatch(/./);
        await append(world, log, "one");
        await append(world, log, "two", "three");
        expect([log.position.offset, log.first]).toEqual([3, 1]);
        expect(words(await log.read(1, everything))).toEqual(["one", "two", "three"]);
        expect(log.durability).toBe(world.log.features.durability);
      }),
    );

    test(
      "LOG2 an append that expects another position is a conflict, and nothing of it is stored",
      inWorld(async (world) => {
        const log = await open(world);
        await append(world, log, "one");
        const { epoch, offset } = log.position;
        const wrong: Position[] = [
          { epoch, offset: 0 },
          { epoch, offset: 2 },
          { epoch: "other", offset },
        ];
        for (const expected of wrong) {
          expect(
            await log.append(
              [
                { entry: bytes("x"), atMs: 0 },
                { entry: bytes("y"), atMs: 0 },
              ],
              expected,
            ),
          ).toBe("conflict");
        }
        expect(words(await log.read(1, everything))).toEqual(["one"]);
        expect(await log.append([{ entry: bytes("two"), atMs: 0 }], { epoch, offset })).toBe("stored");
      }),
    );

    test(
      "LOG3 reading begins at `from`, or at the oldest kept, and takes at most maxEntries and maxBytes, but at least one",
      inWorld(async (world) => {
        const log = await open(world, { maxEntries: 4 });
        await append(world, log, "1", "22", "333", "4444", "55555");
        expect([log.first, words(await log.read(0, everything))]).toEqual([2, ["22", "333", "4444", "55555"]]);
        expect(words(await log.read(3, { ...everything, maxEntries: 2 }))).toEqual(["333", "4444"]);
        expect(words(await log.read(2, { ...everything, maxBytes: 5 }))).toEqual(["22", "333"]);
        expect(words(await log.read(2, { ...everything, maxBytes: 4 }))).toEqual(["22"]);
        expect(words(await log.read(4, { ...everything, maxBytes: 1 }))).toEqual(["4444"]);
        expect(await log.read(6, everything)).toEqual([]);
        expect(await log.read(3, { ...everything, maxEntries: 0 })).toEqual([]);
      }),
    );

    test(
      "LOG4 retention keeps the newest maxEntries",
      inWorld(async (world) => {
        const log = await open(world, { maxEntries: 3 });
        await append(world, log, "1", "2", "3");
        expect(log.first).toBe(1);
        await append(world, log, "4", "5");
        expect([log.first, words(await log.read(1, everything))]).toEqual([3, ["3", "4", "5"]]);
      }),
    );

    test(
      "LOG4 retention keeps at most maxBytes, but always the newest record",
      inWorld(async (world) => {
        const log = await open(world, { maxBytes: 6 });
        await append(world, log, "aaa", "bbb");
        expect(log.first).toBe(1);
        await append(world, log, "c");
        expect(words(await log.read(1, everything))).toEqual(["bbb", "c"]);
        await append(world, log, "larger than all");
        expect([log.first, words(await log.read(1, everything))]).toEqual([4, ["larger than all"]]);
        await append(world, log, "d");
        expect(words(await log.read(1, everything))).toEqual(["d"]);
      }),
    );

    test(
      "LOG4 retention forgets what is older than maxAgeMs when something is appended",
      inWorld(async (world) => {
        const log = await open(world, { maxAgeMs: 1000 });
        await append(world, log, "old");
        await world.advance(600);
        await append(world, log, "young");
        await world.advance(400);
        await append(world, log, "new");
        expect(words(await log.read(1, everything))).toEqual(["old", "young", "new"]);
        await world.advance(1);
        await append(world, log, "newer");
        expect(words(await log.read(1, everything))).toEqual(["young", "new", "newer"]);
      }),
    );

    test(
      "LOG4 many appends keep offsets and records together, across compactions",
      inWorld(async (world) => {
        const log = await open(world, { maxEntries: 10 });
        for (let offset = 1; offset <= 500; offset++) {
          await append(world, log, `${offset}`);
          expect(log.position.offset).toBe(offset);
          expect(words(await log.read(log.first, { ...everything, maxEntries: 1 }))).toEqual([`${Math.max(1, offset - 9)}`]);
        }
        expect(words(await log.read(1, everything))).toEqual(Array.from({ length: 10 }, (_, index) => `${491 + index}`));
      }),
    );

    test(
      "LOG5 a listener is told each record once, in order, after it is readable, until it unsubscribes",
      inWorld(async (world) => {
        const log = await open(world);
        await append(world, log, "before");
        const told: unknown[] = [];
        const stop = log.onRecords((first, records) => void told.push([first, words(records), log.position.offset]));
        await append(world, log, "2", "3");
        await append(world, log, "4");
        await log.append([{ entry: bytes("x"), atMs: 0 }], { epoch: "other", offset: 4 });
        stop();
        stop();
        await append(world, log, "5");
        expect(told).toEqual([
          [2, ["2", "3"], 3],
          [4, ["4"], 4],
        ]);
      }),
    );

    test(
      "LOG5 what a listener appends is told to everybody after what made it append",
      inWorld(async (world) => {
        const log = await open(world);
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
        expect(told).toEqual([
          ["question", "answer", "end"],
          ["question", "answer", "end"],
        ]);
      }),
    );

    test(
      "LOG6 a topic opened again is the same; one that was deleted begins a new epoch at 0",
      inWorld(async (world) => {
        const log = await open(world);
        await append(world, log, "one");
        const { epoch } = log.position;
        expect((await open(world)).position).toEqual({ epoch, offset: 1 });
        await world.log.delete("a");
        const anew = await open(world);
        expect(anew.position.offset).toBe(0);
        expect(anew.position.epoch).not.toBe(epoch);
        expect(await anew.read(1, everything)).toEqual([]);
      }),
    );

    test(
      "LOG8 topics know nothing of one another",
      inWorld(async (world) => {
        const [one, other] = [await open(world), await open(world, {}, "b")];
        await append(world, one, "of a");
        expect([other.position.offset, await other.read(1, everything)]).toEqual([0, []]);
        expect(other.position.epoch).not.toBe(one.position.epoch);
        await world.log.delete("b");
        expect(words(await one.read(1, everything))).toEqual(["of a"]);
      }),
    );

    test(
      "LOG7 the snapshot that was saved last is loaded; trim forgets what is before an offset, and no more than there is",
      inWorld(async (world) => {
        const log = await open(world);
        expect(await log.loadSnapshot()).toBe(undefined);
        await append(world, log, "1", "2", "3");
        await log.saveSnapshot({ offset: 1, state: bytes("one") });
        await log.saveSnapshot({ offset: 2, state: bytes("two") });
        expect(await log.loadSnapshot()).toEqual({ offset: 2, state: bytes("two") });
        await log.trim(3);
        expect([log.first, words(await log.read(1, everything))]).toEqual([3, ["3"]]);
        await log.trim(1);
        expect(log.first).toBe(3);
        await log.trim(100);
        expect([log.first, log.position.offset, await log.read(1, everything)]).toEqual([4, 3, []]);
        await append(world, log, "4");
        expect(words(await log.read(1, everything))).toEqual(["4"]);
      }),
    );

    test(
      "LOG6 after a restart a log goes on in its epoch if it is durable, and else begins a new one",
      inWorld(async (world) => {
        const log = await open(world);
        await append(world, log, "one");
        const { epoch } = log.position;
        const again = (await world.restart?.()) ?? (await create());
        const reopened = await open(again);
        if (flags.durable) {
          expect(reopened.position).toEqual({ epoch, offset: 1 });
        } else {
          expect(reopened.position.offset).toBe(0);
          expect(reopened.position.epoch).not.toBe(epoch);
        }
      }),
    );

    test(
      "LOG9 position counts what may be told, decided what was appended as well; the next append expects what is decided",
      inWorld(async (world) => {
        const log = await open(world);
        const first = log.append([record("one")], nextOf(log));
        expect(log.decided).toBe(1);
        expect(log.position.offset).toBeLessThanOrEqual(1);
        const stale = log.append([record("x")], { epoch: log.position.epoch, offset: 0 });
        const second = log.append([record("two"), record("three")], nextOf(log));
        expect(log.decided).toBe(3);
        expect(await Promise.all([first, stale, second])).toEqual(["stored", "conflict", "stored"]);
        expect([log.position.offset, log.decided]).toEqual([3, 3]);
        expect(words(await log.read(1, everything))).toEqual(["one", "two", "three"]);
      }),
    );

    test(
      "LOG9 appends that are on their way together are told in order, each before it is answered",
      inWorld(async (world) => {
        const log = await open(world);
        const heard: string[] = [];
        log.onRecords((_, records) => void heard.push(...words(records)));
        const answers = ["1", "2", "3", "4"].map(async (text) => {
          await log.append([record(text)], nextOf(log));
          expect(heard).toContain(text);
        });
        await Promise.all(answers);
        expect(heard).toEqual(["1", "2", "3", "4"]);
      }),
    );

    test(
      "LOG12 what is kept of a record is its entry, its time and its origin",
      inWorld(async (world) => {
        const log = await open(world);
        const records = [
          { entry: bytes("a"), atMs: 1_900_000_000_000, origin: bytes("me") },
          { entry: new Uint8Array(0), atMs: 0, origin: new Uint8Array(0) },
          { entry: Uint8Array.from({ length: 256 }, (_, index) => index), atMs: 7 },
        ];
        await log.append(records, nextOf(log));
        const again = (await world.restart?.()) ?? world;
        const reopened = await open(again);
        expect(await reopened.read(1, everything)).toEqual(records);
        await again.dispose?.();
      }),
    );

    test(
      "LOG13 an append to several topics is in all of them or in none",
      inWorld(async (world) => {
        const [one, other] = [await open(world), await open(world, {}, "b")];
        const told: unknown[] = [];
        for (const log of [one, other]) log.onRecords((first, records) => void told.push([first, ...words(records)]));
        const part = (log: OpenLog, text: string, expected = nextOf(log)) => ({
          log,
          records: [record(text)],
          expect: expected,
        });
        expect(await world.log.appendAll?.([part(one, "1"), part(other, "2")])).toBe("stored");
        const wrong = { epoch: other.position.epoch, offset: 7 };
        expect(await world.log.appendAll?.([part(one, "x"), part(other, "y", wrong)])).toBe("conflict");
        expect(await world.log.appendAll?.([part(other, "3"), part(one, "4")])).toBe("stored");
        expect([words(await one.read(1, everything)), words(await other.read(1, everything))]).toEqual([
          ["1", "4"],
          ["2", "3"],
        ]);
        expect(told).toHaveLength(4);
      }),
    );

    test(
      "LOG14 list names the topics with that prefix that have something stored, in order",
      inWorld(async (world) => {
        for (const name of ["b/2", "a", "b/1", "ä"]) await append(world, await open(world, {}, name), "x");
        expect(await world.log.list("")).toEqual(["a", "b/1", "b/2", "ä"]);
        expect(await world.log.list("b/")).toEqual(["b/1", "b/2"]);
        await world.log.delete("b/1");
        expect(await world.log.list("b/")).toEqual(["b/2"]);
      }),
    );

    test(
      "LOG14 a value of the server's own is kept under its key, until another takes its place",
      inWorld(async (world) => {
        expect(await world.log.kept("secret")).toBe(undefined);
        await world.log.keep("secret", bytes("old"));
        await world.log.keep("secret", bytes("new"));
        await world.log.keep("other", new Uint8Array(0));
        const again = flags.durable ? ((await world.restart?.()) as LogWorld) : world;
        expect(await again.log.kept("secret")).toEqual(bytes("new"));
        expect(await again.log.kept("other")).toEqual(new Uint8Array(0));
        expect(await again.log.list("")).toEqual([]);
        await again.dispose?.();
      }),
    );

    test(
      "LOG16 a snapshot is of a record that was appended, and an older one than is kept changes nothing",
      inWorld(async (world) => {
        const log = await open(world);
        const large = Uint8Array.from({ length: 700_001 }, (_, index) => index % 251);
        const appended = [append(world, log, "1"), append(world, log, "2")];
        await log.saveSnapshot({ offset: log.decided, state: large });
        await Promise.all(appended);
        await log.saveSnapshot({ offset: 1, state: bytes("older") });
        const loaded = await log.loadSnapshot();
        // Compared at once: byte by byte an assertion takes seconds.
        expect([loaded?.offset, Buffer.compare(loaded?.state ?? bytes(""), large)]).toEqual([2, 0]);
        await log.saveSnapshot({ offset: 2, state: bytes("as new") });
        expect(await log.loadSnapshot()).toEqual({ offset: 2, state: bytes("as new") });
      }),
    );

    if (flags.durable) {
      test(
        "LOG10 what was answered with `stored` under strict is there after the process died, and all else is as it was",
        inWorld(async (world) => {
          const log = await open(world, { maxEntries: 3 });
          await append(world, log, "1", "2");
          await append(world, log, "3", "4", "5");
          await log.saveSnapshot({ offset: 4, state: bytes("four") });
          const other = await open(world, {}, "b");
          await append(world, other, "b1");
          await world.log.delete("b");
          const { epoch } = log.position;
          const again = await ((await world.kill?.()) ?? (world.restart?.() as Promise<LogWorld>));
          const reopened = await open(again, { maxEntries: 3 });
          expect(reopened.position).toEqual({ epoch, offset: 5 });
          expect([reopened.first, reopened.decided]).toEqual([3, 5]);
          expect(words(await reopened.read(1, everything))).toEqual(["3", "4", "5"]);
          expect(await reopened.loadSnapshot()).toEqual({ offset: 4, state: bytes("four") });
          expect(await again.log.list("")).toEqual(["a"]);
          await append(again, reopened, "6");
          expect(words(await reopened.read(6, everything))).toEqual(["6"]);
          await again.dispose?.();
        }),
      );

      test(
        "LOG6 a deleted topic stays deleted after a restart",
        inWorld(async (world) => {
          const log = await open(world);
          await append(world, log, "one");
          const { epoch } = log.position;
          await world.log.delete("a");
          await append(world, await open(world), "anew");
          const again = (await world.restart?.()) as LogWorld;
          const reopened = await open(again);
          expect(reopened.position.epoch).not.toBe(epoch);
          expect(words(await reopened.read(1, everything))).toEqual(["anew"]);
          await again.dispose?.();
        }),
      );

      test(
        "LOG16 what follows a snapshot is kept, whatever the retention says",
        inWorld(async (world) => {
          const log = await open(world, { maxEntries: 2, maxBytes: 3, maxAgeMs: 1000 });
          await append(world, log, "1", "2", "3");
          await log.saveSnapshot({ offset: 3, state: bytes("three") });
          for (const text of ["4", "5", "6", "7"]) {
            await append(world, log, text);
            await world.advance(2000);
          }
          expect([log.first, words(await log.read(1, everything))]).toEqual([4, ["4", "5", "6", "7"]]);
          await log.saveSnapshot({ offset: 6, state: bytes("six") });
          await append(world, log, "8");
          expect([log.first, words(await log.read(1, everything))]).toEqual([7, ["7", "8"]]);
        }),
      );
    }

    if (flags.relaxed) {
      test(
        "LOG11 relaxed answers and tells at once, and goes on in its epoch after a clean stop",
        inWorld(async (world) => {
          const log = await open(world, {}, "a", "relaxed");
          expect(log.durability).toBe("relaxed");
          const told: string[] = [];
          log.onRecords((_, records) => void told.push(...words(records)));
          expect(log.append([record("1")], nextOf(log))).toBe("stored");
          expect(log.append([record("2"), record("3")], nextOf(log))).toBe("stored");
          expect([log.position.offset, log.decided, told]).toEqual([3, 3, ["1", "2", "3"]]);
          expect(words(await log.read(2, everything))).toEqual(["2", "3"]);
          const { epoch } = log.position;
          const again = (await world.restart?.()) as LogWorld;
          const reopened = await open(again, {}, "a", "relaxed");
          expect(reopened.position).toEqual({ epoch, offset: 3 });
          expect(words(await reopened.read(1, everything))).toEqual(["1", "2", "3"]);
          await again.dispose?.();
        }),
      );

      test(
        "LOG11 relaxed begins a new epoch after a stop that was not clean, with what was synced; strict goes on in its own",
        inWorld(async (world) => {
          const log = await open(world, {}, "a", "relaxed");
          const strict = await open(world, {}, "b");
          void log.append([record("1")], nextOf(log));
          await append(world, strict, "of b");
          void log.append([record("lost")], nextOf(log));
          const { epoch } = log.position;
          const again = (await world.kill?.()) as LogWorld;
          const reopened = await open(again, {}, "a", "relaxed");
          expect(reopened.position.epoch).not.toBe(epoch);
          expect(words(await reopened.read(1, everything))[0]).toBe("1");
          expect((await open(again, {}, "b")).position).toEqual(strict.position);
          await again.dispose?.();
        }),
      );

      test(
        "LOG11 relaxed waits where something before it does, so that all is told in order",
        inWorld(async (world) => {
          const [strict, log] = [await open(world, {}, "b"), await open(world, {}, "a", "relaxed")];
          const told: string[] = [];
          log.onRecords((_, records) => void told.push(...words(records)));
          const parts = [strict, log].map((of) => ({ log: of, records: [record("both")], expect: nextOf(of) }));
          const both = world.log.appendAll?.(parts);
          const behind = log.append([record("behind")], nextOf(log));
          expect([log.position.offset, told]).toEqual([0, []]);
          expect(await Promise.all([both, behind])).toEqual(["stored", "stored"]);
          expect(log.append([record("at once")], nextOf(log))).toBe("stored");
          expect(told).toEqual(["both", "behind", "at once"]);
          expect(words(await log.read(1, everything))).toEqual(told);
        }),
      );

      test(
        "LOG11 relaxed is synced within its window",
        inWorld(async (world) => {
          const log = await open(world, {}, "a", "relaxed");
          void log.append([record("1")], nextOf(log));
          await world.advance(50);
          await new Promise((resolve) => setTimeout(resolve, 100));
          const again = (await world.kill?.()) as LogWorld;
          expect(words(await (await open(again, {}, "a", "relaxed")).read(1, everything))).toEqual(["1"]);
          await again.dispose?.();
        }),
      );
    }

    if (flags.faults) {
      test(
        "LOG15 while the disk fails nothing is stored; what was refused never turns up, and the log goes on by itself",
        inWorld(async (world) => {
          const log = await open(world);
          const other = await open(world, {}, "b");
          await append(world, log, "before");
          expect(log.fault).toBe(undefined);
          world.setFailing?.(true);
          const answers = [append(world, log, "x"), append(world, log, "y"), append(world, other, "z")];
          await until(world, () => log.fault !== undefined);
          expect(log.fault?.code).toBe("read-only");
          expect(other.fault?.code).toBe("read-only");
          expect(await log.append([record("at once")], nextOf(log))).toBe("read-only");
          await expect(Promise.resolve(log.saveSnapshot({ offset: 1, state: bytes("s") }))).rejects.toMatchObject({
            code: "read-only",
          });
          expect(words(await log.read(1, everything))).toEqual(["before"]);
          world.setFailing?.(false);
          await until(world, () => log.fault === undefined);
          expect(await Promise.all(answers)).toEqual(["read-only", "read-only", "read-only"]);
          expect([log.position.offset, log.decided, other.decided]).toEqual([1, 1, 0]);
          expect(await append(world, log, "after")).toBe("stored");
          expect(words(await log.read(1, everything))).toEqual(["before", "after"]);
          const again = (await world.restart?.()) as LogWorld;
          expect(words(await (await open(again)).read(1, everything))).toEqual(["before", "after"]);
          expect((await open(again, {}, "b")).position.offset).toBe(0);
          await again.dispose?.();
        }),
      );
    }
  });
}
