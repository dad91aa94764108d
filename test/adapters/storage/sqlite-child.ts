/**
 * A process that writes until it is killed: `sqlite-child.ts <path> <driver>`. Each record says its topic and offset; a line of
 * output is an answer that it was given: `strict/0 17 <epoch>`.
 */
import { writeSync } from "node:fs";
import { type SqliteDriver, sqlite } from "../../../adapters/storage/sqlite.ts";
import { realEnv } from "../../../src/core/env.ts";

const [path = "", driver] = process.argv.slice(2);
const log = await sqlite(path, { driver: driver as SqliteDriver }).open({
  env: realEnv,
  report: (error) => console.error(error),
});
const retention = {
  maxEntries: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  maxAgeMs: Number.POSITIVE_INFINITY,
};

async function write(name: string, durability: "relaxed" | "strict"): Promise<never> {
  const topic = await log.open(name, { durability, retention });
  for (;;) {
    const { decided } = topic;
    const { epoch } = topic.position;
    const records = Array.from({ length: 1 + (decided % 3) }, (_, index) => {
      const text = `${name} ${decided + 1 + index}`;
      return { entry: Buffer.from(text), atMs: 0, origin: Buffer.from(`by ${text}`) };
    });
    const answer = await topic.append(records, { epoch, offset: decided });
    if (answer !== "stored") throw new Error(answer);
    writeSync(1, `${name} ${decided + records.length} ${epoch}\n`);
    if (decided % 50 === 0) await topic.saveSnapshot({ offset: topic.decided, state: Buffer.from(`${name} ${topic.decided}`) });
    // A relaxed topic answers at once; it is not to take every turn.
    if (durability === "relaxed") await new Promise((resolve) => setImmediate(resolve));
  }
}

await Promise.all([write("strict/0", "strict"), write("strict/1", "strict"), write("relaxed", "relaxed")]);
