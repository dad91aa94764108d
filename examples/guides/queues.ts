/** The bounded queue: a producer that is faster than its consumer. */
import { createQueue } from "sente-sync/tail";

// #region queue
const dropped: number[] = [];
const readings = createQueue<number>({
  capacity: 3,
  overflow: "drop-oldest",
  onDrop: (value) => dropped.push(value),
});
for (const value of [1, 2, 3, 4, 5]) readings.trySend(value); // never waits, and answers "ok"

const next = await readings.receive({ timeoutMs: 100 }); // { ok: true, value: 3 }
console.log(readings.dump("readings"));
// #endregion

// #region suspend
const jobs = createQueue<string>({ capacity: 1, overflow: "suspend" });
await jobs.send("first"); // there is room
const waiting = jobs.send("second", { timeoutMs: 1000 }); // waits for a receiver
await jobs.receive();
const outcome = await waiting; // "ok"; or "timeout", "cancelled", "closed"
jobs.close(); // wakes whoever still waits
// #endregion

export const seen = { dropped, next, outcome, counters: readings.snapshot() };
