/**
 * What every log keeps, wherever its records live: a new one's test is a factory and its flags.
 * Rules: docs/protocol.md LOG1-LOG8.
 */
import { describe, expect, test } from "vitest";
import { defaultRetention, type Log, type LogRecord, type OpenLog, type Position, type Retention } from "../../src/topic/log.ts";

export interface LogWorld {
  readonly log: Log;
  /** Makes `ms` pass for the log's clock. */
  advance(ms: number): void | Promise<void>;
  /** What the clock says: the `atMs` of a record made now. */
  nowMs(): number;
  /** Ends the process that holds the log and opens it anew. Absent: the log does not outlive it. */
  restart?(): Promise<LogWorld>;
  dispose?(): Promise<void>;
}

export interface LogFlags {
  /** Records survive `restart`. */
  readonly durable: boolean;
}

const everything = { maxEntries: 1 << 20, maxBytes: Number.POSITIVE_INFINITY };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const words = (records: readonly LogRecord[]): string[] => records.map(({ entry }) => new TextDecoder().decode(entry));

export function logContract(name: string, create: () => LogWorld | Promise<LogWorld>, flags: LogFlags): void {
  const open = (world: LogWorld, retention: Partial<Retention> = {}, topic = "a"): OpenLog | Promise<OpenLog> =>
    world.log.open(topic, { retention: { ...defaultRetention, ...retention }, durability: world.log.features.durability });

  const append = async (world: LogWorld, log: OpenLog, ...texts: string[]): Promise<string> =>
    log.append(
      texts.map((text) => ({ entry: bytes(text), atMs: world.nowMs() })),
      log.position,
    );

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
  });
}
