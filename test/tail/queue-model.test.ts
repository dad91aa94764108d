/** The queue against three lists, in every mode, with waiters that time out, abort, and are woken. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Capacity, createQueue, type Overflow } from "../../src/tail/index.ts";
import { createVirtualEnv, microtasks } from "./support.ts";

type Value = number | null | undefined;
type Op =
  | { name: "trySend"; value: Value }
  | { name: "tryReceive" }
  | { name: "send"; value: Value; timeoutMs: number | undefined }
  | { name: "receive"; timeoutMs: number | undefined }
  | { name: "abort"; which: number }
  | { name: "advance"; ms: number }
  | { name: "close"; discard: boolean };

interface Wait {
  id: number;
  value: Value;
  dueMs: number;
}

/** Says in lists what docs/protocol/tail.md says in rules. */
class Model {
  readonly values: Value[] = [];
  readonly senders: Wait[] = [];
  readonly receivers: Wait[] = [];
  readonly sent: unknown[] = [];
  readonly received: unknown[] = [];
  readonly drops: unknown[] = [];
  nowMs = 0;
  state: "open" | "closed" = "open";
  counters = { sendIndex: 0, recvIndex: 0, dropsOldest: 0, dropsNewest: 0, undelivered: 0, cancelledWaiters: 0 };
  readonly limit: number;
  readonly overflow: Overflow;
  readonly maxWaiters: number;

  constructor(limit: number, overflow: Overflow, maxWaiters: number) {
    this.limit = limit;
    this.overflow = overflow;
    this.maxWaiters = maxWaiters;
  }

  trySend(value: Value): string {
    if (this.state === "closed") return "closed";
    const receiver = this.receivers.shift();
    if (receiver) {
      this.counters.sendIndex++;
      this.counters.recvIndex++;
      this.received.push([receiver.id, { ok: true, value }]);
      return "ok";
    }
    if (this.values.length >= this.limit) {
      if (this.overflow === "suspend") return "full";
      if (this.overflow === "drop-newest" || this.limit === 0) {
        this.counters.dropsNewest++;
        this.drops.push([value, "newest"]);
        return "dropped";
      }
      this.counters.dropsOldest++;
      this.counters.recvIndex++;
      this.drops.push([this.values.shift(), "oldest"]);
    }
    this.counters.sendIndex++;
    this.values.push(value);
    return "ok";
  }

  tryReceive(): unknown {
    const sender = this.senders.shift();
    if (sender) {
      this.values.push(sender.value);
      this.counters.sendIndex++;
      this.sent.push([sender.id, "ok"]);
    }
    if (this.values.length === 0) return { ok: false, reason: this.state === "closed" ? "closed" : "empty" };
    this.counters.recvIndex++;
    return { ok: true, value: this.values.shift() };
  }

  send(id: number, value: Value, timeoutMs: number | undefined): void {
    const now = this.trySend(value);
    if (now !== "full") this.sent.push([id, now]);
    else if (timeoutMs !== undefined && timeoutMs <= 0) this.sent.push([id, "timeout"]);
    else if (this.senders.length >= this.maxWaiters) this.sent.push([id, "full"]);
    else this.senders.push({ id, value, dueMs: this.nowMs + (timeoutMs ?? Number.POSITIVE_INFINITY) });
  }

  receive(id: number, timeoutMs: number | undefined): void {
    const now = this.tryReceive() as { ok: boolean; reason?: string };
    if (now.ok || now.reason === "closed") this.received.push([id, now]);
    else if (timeoutMs !== undefined && timeoutMs <= 0) this.received.push([id, { ok: false, reason: "timeout" }]);
    else if (this.receivers.length >= this.maxWaiters) this.received.push([id, { ok: false, reason: "full" }]);
    else this.receivers.push({ id, value: undefined, dueMs: this.nowMs + (timeoutMs ?? Number.POSITIVE_INFINITY) });
  }

  leave(id: number, why: "timeout" | "cancelled"): void {
    for (const [waits, log, outcome] of [
      [this.senders, this.sent, why],
      [this.receivers, this.received, { ok: false, reason: why }],
    ] as const) {
      const place = waits.findIndex((wait) => wait.id === id);
      if (place < 0) continue;
      waits.splice(place, 1);
      log.push([id, outcome]);
      this.counters.cancelledWaiters++;
    }
  }

  advance(ms: number): void {
    this.nowMs += ms;
    const due = [...this.senders, ...this.receivers].filter((wait) => wait.dueMs <= this.nowMs);
    for (const { id } of due.sort((a, b) => a.dueMs - b.dueMs)) this.leave(id, "timeout");
  }

  close(discard: boolean): void {
    this.state = "closed";
    for (const { id } of this.senders.splice(0)) this.sent.push([id, "closed"]);
    for (const { id } of this.receivers.splice(0)) this.received.push([id, { ok: false, reason: "closed" }]);
    for (const value of discard ? this.values.splice(0) : []) {
      this.counters.recvIndex++;
      this.counters.undelivered++;
      this.drops.push([value, "undelivered"]);
    }
  }
}

const value = fc.oneof({ weight: 4, arbitrary: fc.nat(999) }, fc.constantFrom<Value>(null, undefined));
const timeoutMs = fc.constantFrom(undefined, undefined, -1, 0, 5, 10, 15);

function is<Name extends Op["name"]>(name: Name): { name: fc.Arbitrary<Name> } {
  return { name: fc.constant(name) };
}

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ ...is("trySend"), value }) },
  { weight: 5, arbitrary: fc.record(is("tryReceive")) },
  { weight: 8, arbitrary: fc.record({ ...is("send"), value, timeoutMs }) },
  { weight: 8, arbitrary: fc.record({ ...is("receive"), timeoutMs }) },
  { weight: 3, arbitrary: fc.record({ ...is("abort"), which: fc.nat(60) }) },
  { weight: 3, arbitrary: fc.record({ ...is("advance"), ms: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ ...is("close"), discard: fc.boolean() }) },
);

async function runAgainstModel(capacity: Capacity, overflow: Overflow, ops: readonly Op[]): Promise<void> {
  const env = createVirtualEnv();
  const drops: unknown[] = [];
  const hardLimit = 5;
  const queue = createQueue<Value>({
    capacity,
    overflow,
    hardLimit,
    maxWaiters: 4,
    env,
    onDrop: (gone, why) => drops.push([gone, why]),
  });
  const limit = capacity === "unlimited" ? hardLimit : capacity === "conflated" ? 1 : capacity;
  const effective = capacity === "conflated" ? "drop-oldest" : overflow;
  const model = new Model(limit, effective, 4);
  const sent: unknown[] = [];
  const received: unknown[] = [];
  const aborts: AbortController[] = [];
  const summed = { ...model.counters };
  queue.onMetrics(({ delta }) => {
    for (const name of Object.keys(summed) as (keyof typeof summed)[]) summed[name] += delta[name];
  });

  for (const step of ops) {
    const id = aborts.length;
    if (step.name === "trySend") {
      expect(queue.trySend(step.value)).toBe(model.trySend(step.value));
    } else if (step.name === "tryReceive") {
      expect(queue.tryReceive()).toEqual(model.tryReceive());
    } else if (step.name === "abort") {
      aborts[step.which]?.abort();
      model.leave(step.which, "cancelled");
    } else if (step.name === "advance") {
      env.advance(step.ms);
      model.advance(step.ms);
    } else if (step.name === "close") {
      queue.close({ discard: step.discard });
      model.close(step.discard);
    } else {
      const abort = new AbortController();
      aborts.push(abort);
      const options = { timeoutMs: step.timeoutMs, signal: abort.signal };
      if (step.name === "send") {
        void queue.send(step.value, options).then((result) => sent.push([id, result]));
        model.send(id, step.value, step.timeoutMs);
      } else {
        void queue.receive(options).then((result) => received.push([id, result]));
        model.receive(id, step.timeoutMs);
      }
    }
    await microtasks();
    expect(sent).toEqual(model.sent);
    expect(received).toEqual(model.received);
    expect(drops).toEqual(model.drops);
    expect(queue.snapshot()).toEqual({
      version: 1,
      capacity,
      overflow: effective,
      state: model.state,
      length: model.values.length,
      waitingSenders: model.senders.length,
      waitingReceivers: model.receivers.length,
      ...model.counters,
    });
    expect(queue.length).toBeLessThanOrEqual(limit);
    expect(env.timers).toBe([...model.senders, ...model.receivers].filter((wait) => Number.isFinite(wait.dueMs)).length);
    if (id % 3 === 0) env.endTurn();
  }
  env.endTurn();
  expect(summed).toEqual(model.counters);
}

const capacities: readonly Capacity[] = [0, 1, 3, "unlimited", "conflated"];
const overflows: readonly Overflow[] = ["suspend", "drop-newest", "drop-oldest"];
const modes = capacities.flatMap((capacity) => overflows.map((overflow) => [capacity, overflow] as const));

test.each(modes)("QUEUE29 with capacity %s and %s a queue is what three lists would be", async (capacity, overflow) => {
  const run = (ops: readonly Op[]) => runAgainstModel(capacity, overflow, ops);
  await fc.assert(fc.asyncProperty(fc.array(op, { maxLength: 60, size: "max" }), run), { numRuns: 60 });
});
