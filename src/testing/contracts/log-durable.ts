/**
 * What a log does over the death of the process.
 * Rules: docs/protocol/storage.md LOG6, LOG10, LOG11, LOG15, LOG16.
 */
import {
  append,
  bytes,
  killed,
  type LogTests,
  nextOf,
  openTopic,
  placeOf,
  readAll,
  record,
  restarted,
  until,
  words,
} from "./log-world.ts";
import { equal, ok, rejects } from "./suite.ts";

export const durableTests: LogTests = {
  "LOG10 what was answered with `stored` under strict is there after the process died, and all else is as it was": async (
    world,
  ) => {
    const log = await openTopic(world, { maxEntries: 3 });
    await append(world, log, "1", "2");
    await append(world, log, "3", "4", "5");
    await log.saveSnapshot({ offset: 4, state: bytes("four") });
    const other = await openTopic(world, {}, "b");
    await append(world, other, "b1");
    await world.log.delete("b");
    const { epoch } = log.position;
    const again = await (world.kill?.() ?? restarted(world));
    const reopened = await openTopic(again, { maxEntries: 3 });
    equal(placeOf(reopened), { epoch, offset: 5 });
    equal([reopened.first, reopened.decided], [3, 5]);
    equal(await readAll(reopened), ["3", "4", "5"]);
    equal(await reopened.loadSnapshot(), { offset: 4, state: bytes("four") });
    equal(await again.log.list(""), ["a"]);
    await append(again, reopened, "6");
    equal(await readAll(reopened, 6), ["6"]);
    await again.dispose?.();
  },

  "LOG6 a deleted topic stays deleted after a restart": async (world) => {
    const log = await openTopic(world);
    await append(world, log, "one");
    const { epoch } = log.position;
    await world.log.delete("a");
    await append(world, await openTopic(world), "anew");
    const again = await restarted(world);
    const reopened = await openTopic(again);
    ok(reopened.position.epoch !== epoch, "the epoch is a new one");
    equal(await readAll(reopened), ["anew"]);
    await again.dispose?.();
  },

  "LOG16 what follows a snapshot is kept, whatever the retention says": async (world) => {
    const log = await openTopic(world, { maxEntries: 2, maxBytes: 3, maxAgeMs: 1000 });
    await append(world, log, "1", "2", "3");
    await log.saveSnapshot({ offset: 3, state: bytes("three") });
    for (const text of ["4", "5", "6", "7"]) {
      await append(world, log, text);
      await world.advance(2000);
    }
    equal([log.first, await readAll(log)], [4, ["4", "5", "6", "7"]]);
    await log.saveSnapshot({ offset: 6, state: bytes("six") });
    await append(world, log, "8");
    equal([log.first, await readAll(log)], [7, ["7", "8"]]);
  },
};

export const relaxedTests: LogTests = {
  "LOG11 relaxed answers and tells at once, and goes on in its epoch after a clean stop": async (world) => {
    const log = await openTopic(world, {}, "a", "relaxed");
    equal(log.durability, "relaxed");
    const told: string[] = [];
    log.onRecords((_, records) => void told.push(...words(records)));
    equal(log.append([record("1")], nextOf(log)), "stored");
    equal(log.append([record("2"), record("3")], nextOf(log)), "stored");
    equal([log.position.offset, log.decided, told], [3, 3, ["1", "2", "3"]]);
    equal(await readAll(log, 2), ["2", "3"]);
    const { epoch } = log.position;
    const again = await restarted(world);
    const reopened = await openTopic(again, {}, "a", "relaxed");
    equal(placeOf(reopened), { epoch, offset: 3 });
    equal(await readAll(reopened), ["1", "2", "3"]);
    await again.dispose?.();
  },

  "LOG11 relaxed begins a new epoch after a stop that was not clean, with what was synced; strict goes on in its own": async (
    world,
  ) => {
    const log = await openTopic(world, {}, "a", "relaxed");
    const strict = await openTopic(world, {}, "b");
    void log.append([record("1")], nextOf(log));
    await append(world, strict, "of b");
    void log.append([record("lost")], nextOf(log));
    const { epoch } = log.position;
    const again = await killed(world);
    const reopened = await openTopic(again, {}, "a", "relaxed");
    ok(reopened.position.epoch !== epoch, "the epoch is a new one");
    equal((await readAll(reopened))[0], "1");
    equal(placeOf(await openTopic(again, {}, "b")), placeOf(strict));
    await again.dispose?.();
  },

  "LOG11 relaxed waits where something before it does, so that all is told in order": async (world) => {
    const [strict, log] = [await openTopic(world, {}, "b"), await openTopic(world, {}, "a", "relaxed")];
    const told: string[] = [];
    log.onRecords((_, records) => void told.push(...words(records)));
    const parts = [strict, log].map((of) => ({ log: of, records: [record("both")], expect: nextOf(of) }));
    // A log that has no atomicTopics has nothing that makes it wait.
    if (!world.log.appendAll) return;
    const both = world.log.appendAll(parts);
    const behind = log.append([record("behind")], nextOf(log));
    equal([log.position.offset, told], [0, []]);
    equal(await Promise.all([both, behind]), ["stored", "stored"]);
    equal(log.append([record("at once")], nextOf(log)), "stored");
    equal(told, ["both", "behind", "at once"]);
    equal(await readAll(log), told);
  },

  "LOG11 relaxed is synced within its window": async (world) => {
    const log = await openTopic(world, {}, "a", "relaxed");
    void log.append([record("1")], nextOf(log));
    await world.advance(50);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const again = await killed(world);
    equal(await readAll(await openTopic(again, {}, "a", "relaxed")), ["1"]);
    await again.dispose?.();
  },
};

export const faultTests: LogTests = {
  "LOG15 while the disk fails nothing is stored; what was refused never turns up, and the log goes on by itself": async (
    world,
  ) => {
    const log = await openTopic(world);
    const other = await openTopic(world, {}, "b");
    await append(world, log, "before");
    equal(log.fault, undefined);
    ok(world.setFailing !== undefined, "the world of a log with faults has `setFailing`");
    world.setFailing(true);
    const answers = [append(world, log, "x"), append(world, log, "y"), append(world, other, "z")];
    await until(world, () => log.fault !== undefined, "the log says that its disk fails");
    equal(log.fault?.code, "read-only");
    equal(other.fault?.code, "read-only");
    equal(await log.append([record("at once")], nextOf(log)), "read-only");
    await rejects(() => log.saveSnapshot({ offset: 1, state: bytes("s") }), "read-only", "a snapshot on a disk that fails");
    equal(await readAll(log), ["before"]);
    world.setFailing(false);
    await until(world, () => log.fault === undefined, "the fault goes away with its cause");
    equal(await Promise.all(answers), ["read-only", "read-only", "read-only"]);
    equal([log.position.offset, log.decided, other.decided], [1, 1, 0]);
    equal(await append(world, log, "after"), "stored");
    equal(await readAll(log), ["before", "after"]);
    const again = await restarted(world);
    equal(await readAll(await openTopic(again)), ["before", "after"]);
    equal((await openTopic(again, {}, "b")).position.offset, 0);
    await again.dispose?.();
  },
};
