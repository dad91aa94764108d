/** The SQLite storage: the contract of logs on each driver that this machine has, and what only a database can do wrong. */
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../adapters/storage/sqlite-driver.ts";
import { realEnv } from "../../../src/core/env.ts";
import { logContractSuite } from "../../../src/testing/contracts/log.ts";
import type { AppendResult, Log, OpenLog } from "../../../src/topic/log.ts";
import { createVirtualEnv } from "../../support/virtual-env.ts";
import {
  absent,
  append,
  bytes,
  createWorld,
  drivers,
  everything,
  faultyDatabase,
  newPath,
  openLog,
  openTopic,
  type Reports,
  record,
  words,
} from "./sqlite-world.ts";

// CI builds the driver, and says so where it cannot.
if (!process.env["WITHOUT_SQLITE"])
  test.skipIf(drivers.length === 0)("some SQLite is here: better-sqlite3 is installed, or Node has node:sqlite", () => {
    expect(drivers).not.toEqual([]);
  });

/** Of answers some are promises. */
async function answered(answers: readonly (AppendResult | Promise<AppendResult>)[]): Promise<AppendResult[]> {
  const all: AppendResult[] = [];
  for (const answer of answers) all.push(await answer);
  return all;
}
const told = (log: OpenLog): string[] => {
  const all: string[] = [];
  log.onRecords((_, records) => void all.push(...words(records)));
  return all;
};
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await nextTurn();
};

describe.each(drivers)("SQLite by %s", (driver) => {
  const open = (path: string, env = realEnv, reports?: Reports): Promise<Log> =>
    openLog(path, { driver, retryMs: 2 }, env, reports);
  const commits = ({ executed }: { readonly executed: readonly string[] }): number =>
    executed.filter((sql) => sql === "COMMIT").length;

  describe(`SQLite by ${driver} log`, () => {
    const suite = logContractSuite(() => createWorld(newPath(), driver), {
      durable: true,
      relaxed: true,
      faults: true,
    });
    for (const { name, run } of suite) test(name, run);
  });

  describe("commits", () => {
    test("what strict topics are given in one turn is one commit, and nobody sees it before", async () => {
      const db = faultyDatabase(newPath(), driver);
      const log = await openLog(db);
      const before = commits(db);
      const topics = await Promise.all(["a", "b", "c"].map((name) => openTopic(log, name)));
      const heard = topics.map(told);
      const answers = topics.flatMap((topic) => [append(topic, "1"), append(topic, "2", "3")]);
      expect([topics[0]?.position.offset, topics[0]?.decided, heard[0], await topics[0]?.read(1, everything)]).toEqual([
        0,
        3,
        [],
        [],
      ]);
      expect(await answered(answers)).toEqual(Array.from({ length: 6 }, () => "stored"));
      expect([commits(db) - before, topics[0]?.position.offset]).toEqual([1, 3]);
      for (const [index, topic] of topics.entries()) {
        expect([heard[index], words(await topic.read(1, everything))]).toEqual([
          ["1", "2", "3"],
          ["1", "2", "3"],
        ]);
      }
      await log.close();
      db.close();
    });

    test("relaxed topics answer at once and are stored within the window; a crash before that loses it and changes the epoch", async () => {
      const path = newPath();
      const env = createVirtualEnv();
      const db = faultyDatabase(path, driver);
      const log = await openLog(db, {}, env);
      const before = commits(db);
      const topic = await openTopic(log, "a", "relaxed");
      const heard = told(topic);
      expect([append(topic, "1"), append(topic, "2"), topic.position.offset, heard]).toEqual(["stored", "stored", 2, ["1", "2"]]);
      expect(words(await topic.read(1, everything))).toEqual(["1", "2"]);
      env.advance(49);
      expect(commits(db) - before).toBe(0);
      env.advance(1);
      expect([commits(db) - before, append(topic, "3")]).toEqual([1, "stored"]);
      expect(words(await topic.read(2, everything))).toEqual(["2", "3"]);
      const { epoch } = topic.position;
      db.close();

      const again = await open(path);
      const reopened = await openTopic(again, "a", "relaxed");
      expect([reopened.position.offset, words(await reopened.read(1, everything))]).toEqual([2, ["1", "2"]]);
      expect(reopened.position.epoch).not.toBe(epoch);
      await again.close();
      const third = await open(path);
      expect((await openTopic(third, "a", "relaxed")).position).toEqual(reopened.position);
      await third.close();
    });

    test("a strict topic goes on in its epoch after a crash", async () => {
      const path = newPath();
      const db = openDatabase(path, driver);
      const topic = await openTopic(await openLog(db));
      await append(topic, "1");
      db.close();
      const again = await open(path);
      expect((await openTopic(again)).position).toEqual(topic.position);
      await again.close();
    });

    test("what waits for the window goes with the next commit, and at the end of the turn where it is much", async () => {
      const env = createVirtualEnv();
      const db = faultyDatabase(newPath(), driver);
      const log = await openLog(db, {}, env);
      const before = commits(db);
      const relaxed = await openTopic(log, "relaxed", "relaxed", everything);
      const strict = await openTopic(log, "strict");
      void append(relaxed, "1");
      await append(strict, "1");
      expect([commits(db) - before, env.timers]).toEqual([1, 0]);
      void append(relaxed, "x".repeat(1024 * 1024));
      await nextTurn();
      expect([commits(db) - before, env.timers]).toEqual([1, 1]);
      void append(relaxed, "more");
      await nextTurn();
      expect([commits(db) - before, env.timers]).toEqual([2, 0]);
      expect((await relaxed.read(1, everything)).map(({ entry }) => entry.length)).toEqual([1, 1024 * 1024, 4]);
      await log.close();
      db.close();
    });

    test("an append to several topics is stored in all or in none, and is told when all of it is stored", async () => {
      const db = faultyDatabase(newPath(), driver);
      const log = await openLog(db);
      const [a, b] = [await openTopic(log, "a"), await openTopic(log, "b", "relaxed")];
      const heard = told(b);
      const part = (topic: OpenLog, text: string, offset = topic.decided) => ({
        log: topic,
        records: [record(text)],
        expect: { epoch: topic.position.epoch, offset },
      });
      expect(await log.appendAll?.([part(a, "x"), part(b, "x", 7)])).toBe("conflict");
      const both = log.appendAll?.([part(a, "1"), part(b, "1")]);
      // Relaxed, but behind what waits.
      const behind = append(b, "2");
      expect([b.position.offset, b.decided, heard]).toEqual([0, 2, []]);
      expect([await both, await behind]).toEqual(["stored", "stored"]);
      expect([a.position.offset, heard]).toEqual([1, ["1", "2"]]);
      db.failing = { sql: "COMMIT", error: new Error("broken") };
      const none = log.appendAll?.([part(a, "x"), part(b, "x")]);
      await nextTurn();
      db.failing = undefined;
      await log.close();
      expect([await none, a.position.offset, b.position.offset]).toEqual(["read-only", 1, 2]);
      db.close();
    });
  });

  describe("faults", () => {
    test("a full disk: no answer but read-only, what was stored is readable, and it goes on once there is room", async () => {
      const db = openDatabase(newPath(), driver);
      const reports: Reports = { errors: [] };
      const log = await openLog(db, { retryMs: 2 }, realEnv, reports);
      const topic = await openTopic(log);
      const other = await openTopic(log, "other");
      await append(topic, "before");
      const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
      db.exec(`PRAGMA max_page_count = ${pages + 4}`);
      const heard = told(topic);
      const results: AppendResult[] = [];
      while (!results.includes("read-only")) results.push(await append(topic, "x".repeat(2000)));
      expect(results.length).toBeLessThan(20);
      expect(topic.fault).toMatchObject({ code: "read-only", retry: "later" });
      expect(topic.fault?.message).toContain("SQLITE_FULL");
      expect(reports.errors).toEqual([topic.fault]);
      expect([await append(topic, "refused"), await append(other, "refused")]).toEqual(["read-only", "read-only"]);
      expect([topic.decided, heard.length]).toEqual([topic.position.offset, results.length - 1]);
      expect(words(await topic.read(1, { ...everything, maxEntries: 1 }))).toEqual(["before"]);
      await expect(topic.saveSnapshot({ offset: 1, state: bytes("s") })).rejects.toMatchObject({ code: "read-only" });
      await expect(log.keep("key", bytes("v"))).rejects.toMatchObject({ code: "read-only" });
      await expect(log.delete("a")).rejects.toMatchObject({ code: "read-only" });

      db.exec(`PRAGMA max_page_count = ${pages + 1000}`);
      await until(() => topic.fault === undefined);
      const { offset } = topic.position;
      expect([await append(topic, "after"), topic.position.offset, await append(other, "too")]).toEqual([
        "stored",
        offset + 1,
        "stored",
      ]);
      expect(reports.errors).toHaveLength(1);
      await log.close();
      db.close();
    });

    test("an append whose COMMIT failed is refused only behind a commit that worked", async () => {
      const path = newPath();
      const db = faultyDatabase(path, driver);
      const log = await openLog(db, { retryMs: 2 });
      const topic = await openTopic(log);
      await append(topic, "1");
      db.failing = { sql: "COMMIT", error: Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" }) };
      const answers: unknown[] = [];
      for (const text of ["2", "3"]) void Promise.resolve(append(topic, text)).then((answer) => answers.push(answer));
      await until(() => topic.fault !== undefined);
      expect(topic.fault?.message).toContain("SQLITE_IOERR_FSYNC");
      const tries = db.executed.length;
      // Three times in vain.
      await until(() => db.executed.length > tries + 3);
      expect([answers, topic.decided, await append(topic, "2")]).toEqual([[], 1, "read-only"]);
      db.failing = undefined;
      await until(() => answers.length === 2);
      expect([answers, topic.fault, topic.position.offset]).toEqual([["read-only", "read-only"], undefined, 1]);
      expect(await append(topic, "again")).toBe("stored");
      expect(words(await topic.read(1, everything))).toEqual(["1", "again"]);
      await log.close();
      db.close();
    });

    test("what a relaxed topic answered before the fault is stored when it ends", async () => {
      const path = newPath();
      const db = faultyDatabase(path, driver);
      const log = await openLog(db, { retryMs: 2, relaxedWindowMs: 1 });
      const topic = await openTopic(log, "a", "relaxed");
      db.failing = { sql: "BEGIN IMMEDIATE", error: new Error("broken") };
      void append(topic, "1", "2");
      await until(() => topic.fault !== undefined);
      expect([append(topic, "3"), topic.position.offset, words(await topic.read(1, everything))]).toEqual([
        "read-only",
        2,
        ["1", "2"],
      ]);
      db.failing = undefined;
      await until(() => topic.fault === undefined);
      db.close();
      const again = await open(path);
      expect(words(await (await openTopic(again, "a", "relaxed")).read(1, everything))).toEqual(["1", "2"]);
      await again.close();
    });

    test("a topic whose first append failed is stored with the next one", async () => {
      const path = newPath();
      const db = faultyDatabase(path, driver);
      const log = await openLog(db, { retryMs: 2 });
      const [topic, other] = [await openTopic(log), await openTopic(log, "other")];
      await append(other, "1");
      db.failing = { sql: "COMMIT", error: new Error("broken") };
      const failed = [append(topic, "x", "y"), append(other, "x")];
      await until(() => topic.fault !== undefined);
      db.failing = undefined;
      expect(await answered(failed)).toEqual(["read-only", "read-only"]);
      expect(await answered([append(topic, "1"), append(other, "2")])).toEqual(["stored", "stored"]);
      await log.close();
      db.close();
      const again = await open(path);
      expect(await again.list("")).toEqual(["a", "other"]);
      expect(words(await (await openTopic(again)).read(1, everything))).toEqual(["1"]);
      expect(words(await (await openTopic(again, "other")).read(1, everything))).toEqual(["1", "2"]);
      await again.close();
    });

    test("a storage closed on a fault says what is lost, leaves the doubtful unanswered, and is not marked clean", async () => {
      const path = newPath();
      const db = faultyDatabase(path, driver);
      const reports: Reports = { errors: [] };
      const log = await openLog(db, { retryMs: 1e6 }, realEnv, reports);
      const [strict, relaxed] = [await openTopic(log), await openTopic(log, "b", "relaxed")];
      void append(relaxed, "stored");
      await append(strict, "stored");
      const { epoch } = relaxed.position;
      db.failing = { sql: "COMMIT", error: new Error("broken") };
      void append(relaxed, "lost");
      const doubtful = append(strict, "unknown");
      await until(() => strict.fault !== undefined);
      await log.close();
      await log.close();
      await expect(doubtful).rejects.toMatchObject({ code: "closed" });
      expect(reports.errors).toMatchObject([{ code: "read-only" }, { code: "closed" }]);
      db.close();
      const again = await open(path);
      const reopened = await openTopic(again, "b", "relaxed");
      expect([reopened.position.offset, reopened.position.epoch === epoch]).toEqual([1, false]);
      expect((await openTopic(again)).position).toEqual({ epoch: strict.position.epoch, offset: 1 });
      await again.close();
    });

    test("a closed storage stores nothing more and says so", async () => {
      const log = await open(newPath());
      const topic = await openTopic(log);
      const last = append(topic, "1");
      await log.close();
      expect(await last).toBe("stored");
      for (const late of [append(topic, "2"), topic.saveSnapshot({ offset: 0, state: bytes("") }), log.keep("k", bytes("v"))]) {
        await expect(late).rejects.toMatchObject({ code: "closed" });
      }
      await expect(openTopic(log)).rejects.toMatchObject({ code: "closed" });
    });

    test("a listener that throws is reported, and keeps nobody from being told and answered", async () => {
      const reports: Reports = { errors: [] };
      const log = await open(newPath(), realEnv, reports);
      const topic = await openTopic(log);
      topic.onRecords(() => {
        throw new Error("mine");
      });
      const heard = told(topic);
      expect([await append(topic, "1"), heard, reports.errors]).toEqual(["stored", ["1"], [new Error("mine")]]);
      await log.close();
    });

    test("a topic that was closed or deleted takes nothing by its old handle", async () => {
      const log = await open(newPath());
      const topic = await openTopic(log);
      await append(topic, "1");
      await openTopic(log);
      await topic.close();
      expect(await append(topic, "2")).toBe("stored");
      await topic.close();
      await topic.close();
      expect(await append(topic, "3")).toBe("conflict");
      const again = await openTopic(log);
      expect([await append(again, "3"), words(await again.read(1, everything))]).toEqual(["stored", ["1", "2", "3"]]);
      const last = append(again, "4");
      await log.delete("a");
      expect([await last, await append(again, "5"), await log.list("")]).toEqual(["stored", "conflict", []]);
      await expect(again.trim(2)).rejects.toMatchObject({ code: "closed" });
      await log.delete("never there");
      expect(await log.list("")).toEqual([]);
      await log.close();
    });

    test("a record that is missing in the database is not passed over", async () => {
      const db = openDatabase(newPath(), driver);
      const reports: Reports = { errors: [] };
      const log = await openLog(db, {}, realEnv, reports);
      const topic = await openTopic(log);
      await append(topic, "1", "2", "3");
      db.exec('DELETE FROM sente_records WHERE "offset" = 2');
      expect(() => topic.read(1, everything)).toThrow(expect.objectContaining({ code: "damaged" }));
      expect(reports.errors).toMatchObject([{ code: "damaged" }]);
      expect(words(await topic.read(3, everything))).toEqual(["3"]);
      await log.close();
      db.close();
    });
  });

  describe("what is kept", () => {
    test("all of a record, empty and large ones too, over a restart", async () => {
      const path = newPath();
      const log = await open(path);
      const topic = await openTopic(log);
      const records = [
        { entry: bytes(""), atMs: 1.5, origin: bytes("") },
        { entry: Uint8Array.from({ length: 20_000 }, (_, index) => index), atMs: 2 ** 53 - 1, origin: bytes("who") },
        { entry: bytes("none"), atMs: -1 },
      ];
      await topic.append(records, topic.position);
      expect(await topic.read(1, { ...everything, maxBytes: 3e4 })).toEqual(records);
      await topic.saveSnapshot({ offset: 2, state: bytes("") });
      await log.keep("empty", bytes(""));
      await log.keep("secret", bytes("s1"));
      await log.keep("secret", bytes("s2"));
      await log.close();
      const again = await open(path);
      const reopened = await openTopic(again);
      expect([await reopened.read(1, everything), await reopened.loadSnapshot()]).toEqual([
        records,
        { offset: 2, state: bytes("") },
      ]);
      expect([await again.kept("empty"), await again.kept("secret"), await again.kept("other")]).toEqual([
        bytes(""),
        bytes("s2"),
        undefined,
      ]);
      await again.close();
    });

    test("retention leaves what is behind the snapshot, and an older snapshot changes nothing", async () => {
      const path = newPath();
      const log = await open(path);
      const topic = await openTopic(log, "a", "strict", { maxEntries: 2 });
      await topic.saveSnapshot({ offset: 0, state: bytes("zero") });
      await append(topic, "1", "2", "3", "4");
      expect(topic.first).toBe(1);
      await expect(topic.saveSnapshot({ offset: 5, state: bytes("ahead") })).rejects.toMatchObject({ code: "invalid" });
      await topic.saveSnapshot({ offset: 1, state: bytes("one") });
      expect(topic.first).toBe(2);
      await topic.saveSnapshot({ offset: 4, state: bytes("four") });
      await topic.saveSnapshot({ offset: 3, state: bytes("three") });
      expect([topic.first, await topic.loadSnapshot()]).toEqual([3, { offset: 4, state: bytes("four") }]);
      await topic.trim(9);
      await log.close();
      const again = await open(path);
      const reopened = await openTopic(again);
      expect([reopened.position.offset, reopened.first, await reopened.read(1, everything)]).toEqual([4, 5, []]);
      await again.close();
    });

    test("names of any well-formed text; the list of a prefix is in order and of what is stored", async () => {
      const log = await open(newPath());
      const names = ["room/1", "room/10", "room/2", "room0", "room/\u{1F600}", "room/\uFFFD", "room/\0", "Room/1", "room/%", ""];
      for (const name of names) await append(await openTopic(log, name), name);
      await openTopic(log, "room/never written");
      expect(await log.list("room/")).toEqual(names.filter((name) => name.startsWith("room/")).sort());
      expect(await log.list("")).toEqual([...names].sort());
      expect(await log.list("zzz")).toEqual([]);
      for (const name of names) expect(words(await (await openTopic(log, name)).read(1, everything))).toEqual([name]);
      await expect(openTopic(log, "broken \uD800")).rejects.toMatchObject({ code: "invalid" });
      await log.close();
    });

    test("a topic that nothing was stored of has an epoch; trim and close of it do nothing", async () => {
      const log = await open(newPath());
      const topic = await openTopic(log);
      await topic.trim(5);
      expect([await append(topic), topic.position.offset, topic.first, await topic.loadSnapshot()]).toEqual([
        "stored",
        0,
        1,
        undefined,
      ]);
      await topic.close();
      expect(await log.list("")).toEqual([]);
      await log.close();
    });
  });

  describe("opening", () => {
    test("a second one is kept out, and let in once the first closed", async () => {
      const path = newPath();
      const log = await open(path);
      await expect(open(path)).rejects.toMatchObject({ code: "conflict" });
      await append(await openTopic(log), "1");
      await log.close();
      await (await open(path)).close();
    });

    test("what is no file, no database, or of a newer version is refused", async () => {
      const path = newPath();
      await expect(openLog(openDatabase(":memory:", driver))).rejects.toMatchObject({ code: "invalid" });
      await expect(open(`${path}/none/here.db`)).rejects.toMatchObject({ code: "invalid" });
      await (await open(path)).close();
      const db = openDatabase(path, driver);
      db.exec("UPDATE sente_storage SET format = 99");
      db.close();
      await expect(open(path)).rejects.toMatchObject({ code: "unsupported" });
      const { writeFileSync } = await import("node:fs");
      const text = newPath();
      writeFileSync(text, "no database, but long enough to be looked at ".repeat(100));
      await expect(open(text)).rejects.toMatchObject({ code: "damaged" });
      const log = await open(newPath());
      await expect(openTopic(log, "a", "memory")).rejects.toMatchObject({ code: "invalid" });
      await log.close();
    });
  });
});

describe.each(absent)("%s is not on this machine", (driver) => {
  test("it is refused with what to install", async () => {
    await expect(openLog(newPath(), { driver })).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(/install better-sqlite3, or use Node 22\.13/),
    });
  });
});
