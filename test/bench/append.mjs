/**
 * Durable appends: 100 000 records of 100 B in synced batches of 100, by the segment log, a plain file and, where it is installed,
 * better-sqlite3. All in one run, in turns, so that what else the machine does meets all alike.
 *
 *     node --conditions=source --import tsx test/bench/append.mjs [rounds]
 *
 * Printed: milliseconds of each round, their medians, and the medians of the ratios to the plain file of the same round.
 */
import { fdatasync, write } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const rounds = Number(process.argv[2] ?? 7);
const batches = 1000;
const perBatch = 100;
const entry = new Uint8Array(100).map((_, index) => 32 + ((index * 7) % 90));
const folderPath = join(fileURLToPath(new URL("out", import.meta.url)), `append-${process.pid}`);

const { folder } = await import("../../src/storage/folder.ts");
const { realEnv } = await import("../../src/core/env.ts");
const { defaultRetention } = await import("../../src/topic/log.ts");
const Sqlite = await import("better-sqlite3").then((module) => module.default, () => undefined);

const called = (run) => new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))));
const keepAll = { ...defaultRetention, maxEntries: 1e9, maxBytes: 1e12 };
const report = (error) => {
  throw error;
};

/** The floor: one write and one fdatasync for each batch, of the bytes that are there already. */
async function plainFile(path) {
  const file = await open(join(path, "plain"), "w+");
  const bytes = new Uint8Array(perBatch * (entry.length + 8));
  const startMs = performance.now();
  for (let batch = 0; batch < batches; batch++) {
    await called((done) => write(file.fd, bytes, 0, bytes.length, batch * bytes.length, done));
    await called((done) => fdatasync(file.fd, done));
  }
  const ms = performance.now() - startMs;
  await file.close();
  return ms;
}

const withLog = (run) => async (path) => {
  const log = await folder(path).open({ env: realEnv, report });
  const topic = await log.open("topic", { retention: keepAll, durability: "strict" });
  const startMs = performance.now();
  for (let batch = 0; batch < batches; batch++) await run(topic);
  const ms = performance.now() - startMs;
  if (topic.position.offset !== batches * perBatch) throw new Error("Something is missing.");
  await log.close();
  return ms;
};

const appendBatch = withLog(async (topic) => {
  const atMs = Date.now();
  const records = Array.from({ length: perBatch }, () => ({ entry, atMs }));
  await topic.append(records, { epoch: topic.position.epoch, offset: topic.decided });
});

/** The batch is the log's doing: 100 appends that do not wait for one another. */
const appendEach = withLog(async (topic) => {
  const { epoch } = topic.position;
  const answers = [];
  for (let i = 0; i < perBatch; i++) answers.push(topic.append([{ entry, atMs: Date.now() }], { epoch, offset: topic.decided }));
  await Promise.all(answers);
});

async function sqlite(path) {
  const db = new Sqlite(join(path, "db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec("CREATE TABLE records (topic INTEGER, offset INTEGER, at INTEGER, entry BLOB, PRIMARY KEY (topic, offset)) WITHOUT ROWID");
  const insert = db.prepare("INSERT INTO records VALUES (1, ?, ?, ?)");
  const all = db.transaction((first) => {
    for (let i = 0; i < perBatch; i++) insert.run(first + i, Date.now(), entry);
  });
  const startMs = performance.now();
  for (let batch = 0; batch < batches; batch++) all(batch * perBatch);
  const ms = performance.now() - startMs;
  db.close();
  return ms;
}

const targets = { "plain file": plainFile, "segment log": appendBatch, "segment log, one by one": appendEach };
if (Sqlite) targets["better-sqlite3 WAL, FULL"] = sqlite;

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const times = Object.fromEntries(Object.keys(targets).map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  // Each goes first in its turn.
  const names = Object.keys(targets);
  for (let i = 0; i < names.length; i++) {
    const name = names[(i + round) % names.length];
    await mkdir(folderPath, { recursive: true });
    times[name].push(await targets[name](folderPath));
    await rm(folderPath, { recursive: true, force: true });
  }
}
for (const [name, list] of Object.entries(times)) {
  const ratios = list.map((ms, round) => ms / times["plain file"][round]);
  const each = list.map((ms) => ms.toFixed(0)).join(" ");
  console.log(`${name.padEnd(26)} ${median(list).toFixed(0).padStart(6)} ms   ${median(ratios).toFixed(2)}x   (${each})`);
}
