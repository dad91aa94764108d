/**
 * What every log does with topics, their snapshots and the values of the server.
 * Rules: docs/protocol/storage.md LOG6-LOG8, LOG13, LOG14, LOG16.
 */
import type { OpenLog } from "../../topic/log.ts";
import {
  append,
  bytes,
  everything,
  type LogTests,
  type LogTraits,
  type LogWorld,
  nextOf,
  openTopic,
  placeOf,
  readAll,
  record,
  restarted,
  words,
} from "./log-world.ts";
import { equal, ok } from "./suite.ts";

export const topicTests = (create: () => LogWorld | Promise<LogWorld>, traits: LogTraits): LogTests => ({
  "LOG6 a topic opened again is the same; one that was deleted begins a new epoch at 0": async (world) => {
    const log = await openTopic(world);
    await append(world, log, "one");
    const { epoch } = log.position;
    equal(placeOf(await openTopic(world)), { epoch, offset: 1 });
    await world.log.delete("a");
    const anew = await openTopic(world);
    equal(anew.position.offset, 0);
    ok(anew.position.epoch !== epoch, "the epoch is a new one");
    equal(await anew.read(1, everything), []);
  },

  "LOG6 a topic that is opened while its last close is under way is the same, and goes on": async (world) => {
    const log = await openTopic(world);
    await append(world, log, "one");
    const { epoch } = log.position;
    const closing = log.close();
    const again = await openTopic(world);
    await closing;
    const told: number[] = [];
    again.onRecords((first) => void told.push(first));
    equal(placeOf(again), { epoch, offset: 1 });
    await append(world, again, "two");
    equal([told, await readAll(again)], [[2], ["one", "two"]]);
  },

  "LOG8 topics know nothing of one another": async (world) => {
    const [one, other] = [await openTopic(world), await openTopic(world, {}, "b")];
    await append(world, one, "of a");
    equal([other.position.offset, await other.read(1, everything)], [0, []]);
    ok(other.position.epoch !== one.position.epoch, "each topic has an epoch of its own");
    await world.log.delete("b");
    equal(await readAll(one), ["of a"]);
  },

  "LOG7 the snapshot that was saved last is loaded; trim forgets what is before an offset, and no more than there is": async (
    world,
  ) => {
    const log = await openTopic(world);
    equal(await log.loadSnapshot(), undefined);
    await append(world, log, "1", "2", "3");
    await log.saveSnapshot({ offset: 1, state: bytes("one") });
    await log.saveSnapshot({ offset: 2, state: bytes("two") });
    equal(await log.loadSnapshot(), { offset: 2, state: bytes("two") });
    await log.trim(3);
    equal([log.first, await readAll(log)], [3, ["3"]]);
    await log.trim(1);
    equal(log.first, 3);
    await log.trim(100);
    equal([log.first, log.position.offset, await log.read(1, everything)], [4, 3, []]);
    await append(world, log, "4");
    equal(await readAll(log), ["4"]);
  },

  "LOG6 after a restart a log goes on in its epoch if it is durable, and else begins a new one": async (world) => {
    const log = await openTopic(world);
    await append(world, log, "one");
    const { epoch } = log.position;
    const again = (await world.restart?.()) ?? (await create());
    const reopened = await openTopic(again);
    if (traits.durable) {
      equal(placeOf(reopened), { epoch, offset: 1 });
    } else {
      equal(reopened.position.offset, 0);
      ok(reopened.position.epoch !== epoch, "the epoch is a new one");
    }
  },

  "LOG13 an append to several topics is in all of them or in none": async (world) => {
    const [one, other] = [await openTopic(world), await openTopic(world, {}, "b")];
    const told: unknown[] = [];
    for (const log of [one, other]) log.onRecords((first, records) => void told.push([first, ...words(records)]));
    const part = (log: OpenLog, text: string, expected = nextOf(log)) => ({
      log,
      records: [record(text)],
      expect: expected,
    });
    const has = world.log.features.atomicTopics;
    equal(world.log.appendAll !== undefined, has, "appendAll is there if atomicTopics says so");
    if (!has) return;
    equal(await world.log.appendAll?.([part(one, "1"), part(other, "2")]), "stored");
    const wrong = { epoch: other.position.epoch, offset: 7 };
    equal(await world.log.appendAll?.([part(one, "x"), part(other, "y", wrong)]), "conflict");
    equal(await world.log.appendAll?.([part(other, "3"), part(one, "4")]), "stored");
    equal(
      [await readAll(one), await readAll(other)],
      [
        ["1", "4"],
        ["2", "3"],
      ],
    );
    equal(told.length, 4);
  },

  "LOG14 list names the topics with that prefix that have something stored, in order": async (world) => {
    for (const name of ["b/2", "a", "b/1", "ä"]) await append(world, await openTopic(world, {}, name), "x");
    equal(await world.log.list(""), ["a", "b/1", "b/2", "ä"]);
    equal(await world.log.list("b/"), ["b/1", "b/2"]);
    await world.log.delete("b/1");
    equal(await world.log.list("b/"), ["b/2"]);
  },

  "LOG14 a value of the server's own is kept under its key, until another takes its place": async (world) => {
    equal(await world.log.kept("secret"), undefined);
    await world.log.keep("secret", bytes("old"));
    await world.log.keep("secret", bytes("new"));
    await world.log.keep("other", new Uint8Array(0));
    const again = traits.durable ? await restarted(world) : world;
    equal(await again.log.kept("secret"), bytes("new"));
    equal(await again.log.kept("other"), new Uint8Array(0));
    equal(await again.log.list(""), []);
    await again.dispose?.();
  },

  "LOG16 a snapshot is of a record that was appended, and an older one than is kept changes nothing": async (world) => {
    const log = await openTopic(world);
    const large = Uint8Array.from({ length: 700_001 }, (_, index) => index % 251);
    const appended = [append(world, log, "1"), append(world, log, "2")];
    await log.saveSnapshot({ offset: log.decided, state: large });
    await Promise.all(appended);
    await log.saveSnapshot({ offset: 1, state: bytes("older") });
    const loaded = await log.loadSnapshot();
    equal([loaded?.offset, loaded?.state.length], [2, large.length]);
    ok(large.every((byte, index) => byte === loaded?.state[index]) === true, "a large snapshot is loaded as it was saved");
    await log.saveSnapshot({ offset: 2, state: bytes("as new") });
    equal(await log.loadSnapshot(), { offset: 2, state: bytes("as new") });
  },
});
