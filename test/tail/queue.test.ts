import { expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { createQueue, type Overflow, type Queue, type QueueMetrics, type QueueOptions } from "../../src/tail/index.ts";
import { createVirtualEnv, microtasks } from "./support.ts";

const overflows: readonly Overflow[] = ["suspend", "drop-newest", "drop-oldest"];

function filled(values: readonly number[], options: QueueOptions<number>): Queue<number> {
  const queue = createQueue(options);
  for (const value of values) queue.trySend(value);
  return queue;
}

function drain<T>(queue: Queue<T>): T[] {
  const values: T[] = [];
  for (let next = queue.tryReceive(); next.ok; next = queue.tryReceive()) values.push(next.value);
  return values;
}

/** What promises came to, in the order in which they did. */
function journal(): { told: unknown[]; watch(name: string, promise: Promise<unknown>): void } {
  const told: unknown[] = [];
  return { told, watch: (name, promise) => void promise.then((result) => told.push([name, result])) };
}

test("QUEUE1 values are received in the order in which they were taken in", async () => {
  const queue = createQueue<number>({ capacity: 2 });
  void queue.send(1);
  queue.trySend(2);
  void queue.send(3);
  void queue.send(4);
  expect(drain(queue)).toEqual([1, 2, 3, 4]);
  const received = [queue.receive(), queue.receive()];
  queue.trySend(5);
  void queue.send(6);
  expect(await Promise.all(received)).toEqual([
    { ok: true, value: 5 },
    { ok: true, value: 6 },
  ]);
});

test.each([0, 1, "unlimited", "conflated"] as const)(
  "QUEUE2 null and undefined are values like any other, capacity %s",
  async (capacity) => {
    const dropped: unknown[] = [];
    const queue = createQueue<null | undefined>({ capacity, onDrop: (value) => dropped.push(value) });
    for (const value of [null, undefined]) {
      const waiting = queue.receive();
      expect(queue.trySend(value)).toBe("ok");
      expect(await waiting).toEqual({ ok: true, value });
      const sent = queue.send(value);
      expect(queue.tryReceive()).toEqual({ ok: true, value });
      expect(await sent).toBe("ok");
    }
    void queue.send(undefined);
    queue.close({ discard: true });
    expect(dropped).toEqual(capacity === 0 ? [] : [undefined]);
  },
);

test("QUEUE3 a rendezvous holds nothing and needs the other side", async () => {
  const queue = createQueue<number>({ capacity: 0 });
  expect([queue.trySend(1), queue.tryReceive()]).toEqual(["full", { ok: false, reason: "empty" }]);
  const sent = queue.send(2);
  expect([queue.length, queue.snapshot().waitingSenders]).toEqual([0, 1]);
  expect(queue.tryReceive()).toEqual({ ok: true, value: 2 });
  expect(await sent).toBe("ok");
  const received = queue.receive();
  expect([queue.trySend(3), queue.trySend(4)]).toEqual(["ok", "full"]);
  expect(await received).toEqual({ ok: true, value: 3 });
  expect(queue.snapshot()).toMatchObject({ length: 0, sendIndex: 2, recvIndex: 2 });
});

test.each([1, 2, 8, 64])("QUEUE4 a queue of capacity %i takes that many, and not one more", (capacity) => {
  const queue = createQueue<number>({ capacity });
  for (let i = 0; i < capacity; i++) expect(queue.trySend(i)).toBe("ok");
  expect([queue.trySend(-1), queue.length]).toEqual(["full", capacity]);
});

test("QUEUE4 the capacity is 64 by default", () => {
  const queue = createQueue<number>();
  for (let i = 0; i < 64; i++) queue.trySend(i);
  expect([queue.length, queue.trySend(64)]).toEqual([64, "full"]);
});

test("QUEUE5 unlimited is bounded by hardLimit, by default 1,000,000", () => {
  const queue = createQueue<number>({ capacity: "unlimited" });
  for (let i = 0; i < 1_000_000; i++) queue.trySend(i);
  expect([queue.length, queue.trySend(-1)]).toEqual([1_000_000, "full"]);
  expect(drain(filled([1, 2, 3, 4], { capacity: "unlimited", hardLimit: 3, overflow: "drop-oldest" }))).toEqual([2, 3, 4]);
});

test.each(overflows)("QUEUE6 a conflated queue holds the newest only and is never full, overflow %s", async (overflow) => {
  const queue = createQueue<number>({ capacity: "conflated", overflow });
  for (let i = 0; i < 5; i++) {
    expect([queue.trySend(i), await queue.send(i + 10)]).toEqual(["ok", "ok"]);
    expect(queue.length).toBe(1);
  }
  expect(drain(queue)).toEqual([14]);
  expect(queue.snapshot()).toMatchObject({ overflow: "drop-oldest", sendIndex: 10, recvIndex: 10, dropsOldest: 9 });
});

test("QUEUE7 with suspend, trySend to a full queue takes nothing and send waits", async () => {
  const queue = filled([1], { capacity: 1 });
  const sent = queue.send(2);
  expect([queue.trySend(3), queue.length, queue.snapshot().dropsNewest]).toEqual(["full", 1, 0]);
  expect(drain(queue)).toEqual([1, 2]);
  expect(await sent).toBe("ok");
});

test.each([0, 1, 3])("QUEUE8 with drop-newest a full queue of %i stays as it was", async (capacity) => {
  const kept = [1, 2, 3].slice(0, capacity);
  const queue = filled(kept, { capacity, overflow: "drop-newest" });
  expect([queue.trySend(8), await queue.send(9)]).toEqual(["dropped", "dropped"]);
  expect(queue.snapshot()).toMatchObject({ sendIndex: capacity, recvIndex: 0, dropsNewest: 2, dropsOldest: 0 });
  expect(drain(queue)).toEqual(kept);
});

test.each([1, 3])("QUEUE9 with drop-oldest a full queue of %i lets the oldest go", async (capacity) => {
  const queue = filled([1, 2, 3].slice(0, capacity), { capacity, overflow: "drop-oldest" });
  expect([queue.trySend(4), await queue.send(5)]).toEqual(["ok", "ok"]);
  expect(queue.snapshot()).toMatchObject({
    length: capacity,
    sendIndex: capacity + 2,
    recvIndex: 2,
    dropsOldest: 2,
    dropsNewest: 0,
  });
  expect(drain(queue)).toEqual([1, 2, 3, 4, 5].slice(-capacity));
});

test("QUEUE9 a rendezvous with drop-oldest drops the value itself: nothing is older", () => {
  const dropped: unknown[] = [];
  const queue = createQueue<number>({ capacity: 0, overflow: "drop-oldest", onDrop: (...drop) => dropped.push(drop) });
  expect([queue.trySend(1), queue.snapshot().dropsNewest, dropped]).toEqual(["dropped", 1, [[1, "newest"]]]);
});

test.each([
  [
    "drop-newest",
    [
      [3, "newest", 2, 1, 0],
      [1, "undelivered", 1, 1, 1],
      [2, "undelivered", 0, 1, 2],
    ],
  ],
  [
    "drop-oldest",
    [
      [1, "oldest", 2, 1, 0],
      [2, "undelivered", 1, 1, 1],
      [3, "undelivered", 0, 1, 2],
    ],
  ],
] as const)("QUEUE10 onDrop is told each value once, when the queue stands as it will, %s", (overflow, expected) => {
  const told: unknown[] = [];
  const queue: Queue<number> = createQueue({
    capacity: 2,
    overflow,
    onDrop(value, why) {
      const { length, dropsNewest, dropsOldest, undelivered } = queue.snapshot();
      told.push([value, why, length, dropsNewest + dropsOldest, undelivered]);
    },
  });
  for (const value of [1, 2, 3]) queue.trySend(value);
  queue.close({ discard: true });
  expect(told).toEqual(expected);
});

test("QUEUE10 an onDrop may use the queue", () => {
  const queue: Queue<number> = createQueue({
    capacity: 1,
    overflow: "drop-oldest",
    onDrop: (value) => {
      if (value < 10) queue.trySend(value + 10);
    },
  });
  queue.trySend(1);
  expect(queue.trySend(2)).toBe("ok");
  expect(drain(queue)).toEqual([12]);
  expect(queue.snapshot()).toMatchObject({ sendIndex: 4, recvIndex: 4, dropsOldest: 3 });
});

test("QUEUE11 indices count what was taken in and what left, and their difference is the length", () => {
  const queue = filled([1, 2, 3, 4], { capacity: 3, overflow: "drop-oldest" });
  expect(queue.snapshot()).toMatchObject({ sendIndex: 4, recvIndex: 1, length: 3 });
  queue.tryReceive();
  expect(queue.snapshot()).toMatchObject({ sendIndex: 4, recvIndex: 2, length: 2 });
  queue.close({ discard: true });
  expect(queue.snapshot()).toMatchObject({ sendIndex: 4, recvIndex: 4, length: 0 });
});

test("QUEUE12 waiting senders are let in in the order they came", async () => {
  const { told, watch } = journal();
  const queue = filled([0], { capacity: 1 });
  for (const value of [1, 2, 3]) watch(`send ${value}`, queue.send(value));
  queue.tryReceive();
  await microtasks();
  expect(told).toEqual([["send 1", "ok"]]);
  queue.tryReceive();
  queue.tryReceive();
  await microtasks();
  expect(told).toEqual([
    ["send 1", "ok"],
    ["send 2", "ok"],
    ["send 3", "ok"],
  ]);
});

test("QUEUE12 waiting receivers are served in the order they came", async () => {
  const { told, watch } = journal();
  const queue = createQueue<number>({ capacity: 1 });
  for (const name of ["a", "b", "c"]) watch(name, queue.receive());
  for (const value of [1, 2, 3]) expect(queue.trySend(value)).toBe("ok");
  await microtasks();
  expect(told).toEqual([
    ["a", { ok: true, value: 1 }],
    ["b", { ok: true, value: 2 }],
    ["c", { ok: true, value: 3 }],
  ]);
});

test("QUEUE13 nobody overtakes a waiting sender, also in the turn in which room was made", async () => {
  const queue = filled([1], { capacity: 1 });
  const waiting = [queue.send(2), queue.send(3)];
  expect(queue.tryReceive()).toEqual({ ok: true, value: 1 });
  expect(queue.trySend(4)).toBe("full");
  waiting.push(queue.send(5));
  expect(drain(queue)).toEqual([2, 3, 5]);
  expect(await Promise.all(waiting)).toEqual(["ok", "ok", "ok"]);
});

test("QUEUE14 a wait ends with timeout when its time is over, not before, and its value never comes", async () => {
  const env = createVirtualEnv();
  const { told, watch } = journal();
  const queue = filled([1], { capacity: 1, env });
  watch("send", queue.send(2, { timeoutMs: 10 }));
  env.advance(9);
  await microtasks();
  expect(told).toEqual([]);
  env.advance(1);
  await microtasks();
  expect(told).toEqual([["send", "timeout"]]);
  expect(drain(queue)).toEqual([1]);
  watch("receive", queue.receive({ timeoutMs: 10 }));
  env.advance(10);
  queue.trySend(3);
  await microtasks();
  expect(told[1]).toEqual(["receive", { ok: false, reason: "timeout" }]);
  expect(drain(queue)).toEqual([3]);
});

test("QUEUE14 a call that need not wait does not time out", async () => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ env });
  expect([await queue.send(1, { timeoutMs: 0 }), await queue.receive({ timeoutMs: -1 })]).toEqual(["ok", { ok: true, value: 1 }]);
});

test.each([0, -1, Number.NaN])("QUEUE15 a timeout of %d is one attempt, without a timer", async (timeoutMs) => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ capacity: 0, env });
  const results = Promise.all([queue.send(1, { timeoutMs }), queue.receive({ timeoutMs })]);
  expect([env.timers, queue.snapshot().waitingSenders, queue.snapshot().waitingReceivers]).toEqual([0, 0, 0]);
  expect(await results).toEqual(["timeout", { ok: false, reason: "timeout" }]);
});

test("QUEUE15 a timeout beyond what a timer can hold is a wait for ever", () => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ capacity: 0, env });
  for (const timeoutMs of [undefined, Number.POSITIVE_INFINITY, 2 ** 31]) void queue.send(1, { timeoutMs });
  expect([env.timers, queue.snapshot().waitingSenders]).toEqual([0, 3]);
  void queue.send(1, { timeoutMs: 2 ** 31 - 1 });
  expect([env.timers, queue.snapshot().waitingSenders]).toEqual([1, 4]);
});

test("QUEUE16 a signal ends the wait of its own caller only", async () => {
  const { told, watch } = journal();
  const abort = new AbortController();
  const queue = createQueue<number>({ capacity: 0 });
  watch("first", queue.send(1));
  watch("second", queue.send(2, { signal: abort.signal }));
  watch("third", queue.send(3));
  abort.abort();
  await microtasks();
  expect(told).toEqual([["second", "cancelled"]]);
  expect(drain(queue)).toEqual([1, 3]);
});

test("QUEUE16 a signal that is aborted already ends the call before it does anything", async () => {
  const signal = AbortSignal.abort();
  const queue = filled([1], { capacity: 2 });
  expect([await queue.send(2, { signal }), await queue.receive({ signal })]).toEqual([
    "cancelled",
    { ok: false, reason: "cancelled" },
  ]);
  expect(queue.snapshot()).toMatchObject({ sendIndex: 1, recvIndex: 0 });
});

test("QUEUE17 cancelledWaiters counts waits ended by timeout or signal, and nothing else", async () => {
  const env = createVirtualEnv();
  const abort = new AbortController();
  const queue = createQueue<number>({ capacity: 0, env });
  void queue.send(1, { timeoutMs: 5 });
  void queue.send(1, { signal: abort.signal });
  void queue.send(1, { timeoutMs: 0 });
  void queue.send(1, { signal: AbortSignal.abort() });
  void queue.send(1);
  abort.abort();
  env.advance(5);
  queue.close();
  await microtasks();
  expect(queue.snapshot()).toMatchObject({ cancelledWaiters: 2, waitingSenders: 0 });
});

/** A signal that counts who listens. */
function countedSignal(): { abort: AbortController; listening(): number } {
  const abort = new AbortController();
  let count = 0;
  const { signal } = abort;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    count++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    count--;
    removeEventListener.apply(signal, args);
  };
  return { abort, listening: () => count };
}

test.each(["woken", "timeout", "cancelled", "closed"])(
  "QUEUE18 a wait that is over leaves no timer and no listener: %s",
  async (how) => {
    const env = createVirtualEnv();
    const { abort, listening } = countedSignal();
    const queue = createQueue<number>({ capacity: 0, env });
    const sent = queue.send(1, { timeoutMs: 5, signal: abort.signal });
    expect([env.timers, listening()]).toEqual([1, 1]);
    if (how === "woken") queue.tryReceive();
    else if (how === "timeout") env.advance(5);
    else if (how === "cancelled") abort.abort();
    else queue.close();
    expect([env.timers, listening(), queue.snapshot().waitingSenders]).toEqual([0, 0, 0]);
    expect(await sent).toBe(how === "woken" ? "ok" : how);
  },
);

test("QUEUE19 no more than maxWaiters senders and as many receivers wait, by default 1,024", async () => {
  const queue = createQueue<number>({ capacity: 0, maxWaiters: 2 });
  const sent = [1, 2, 3].map((value) => queue.send(value));
  expect([queue.snapshot().waitingSenders, await sent[2]]).toEqual([2, "full"]);
  expect(drain(queue)).toEqual([1, 2]);
  const received = [1, 2, 3].map(() => queue.receive());
  expect([queue.snapshot().waitingReceivers, await received[2]]).toEqual([2, { ok: false, reason: "full" }]);
  const none = createQueue<number>({ capacity: 0, maxWaiters: 0 });
  expect([await none.send(1), await none.receive()]).toEqual(["full", { ok: false, reason: "full" }]);
  const many = createQueue<number>({ capacity: 0 });
  for (let i = 0; i < 1025; i++) void many.send(i);
  expect(many.snapshot().waitingSenders).toBe(1024);
});

test("QUEUE20 close wakes senders; what is held can be received, then comes closed", async () => {
  const { told, watch } = journal();
  const queue = filled([1, 2], { capacity: 2 });
  watch("third", queue.send(3));
  watch("fourth", queue.send(4));
  queue.close();
  queue.close();
  await microtasks();
  expect(told).toEqual([
    ["third", "closed"],
    ["fourth", "closed"],
  ]);
  expect([queue.trySend(5), await queue.send(5), queue.snapshot().state]).toEqual(["closed", "closed", "closed"]);
  expect(queue.tryReceive()).toEqual({ ok: true, value: 1 });
  expect(await queue.receive()).toEqual({ ok: true, value: 2 });
  expect([queue.tryReceive(), await queue.receive()]).toEqual(new Array(2).fill({ ok: false, reason: "closed" }));
});

test("QUEUE20 close wakes receivers in the order they came", async () => {
  const { told, watch } = journal();
  const queue = createQueue<number>();
  for (const name of ["a", "b"]) watch(name, queue.receive());
  queue.close();
  await microtasks();
  expect(told).toEqual(["a", "b"].map((name) => [name, { ok: false, reason: "closed" }]));
});

test("QUEUE21 discard drops what is held as undelivered, also after close; a woken sender's value is not counted", async () => {
  const dropped: unknown[] = [];
  const queue = filled([1, 2], { capacity: 2, onDrop: (...drop) => dropped.push(drop) });
  const sent = queue.send(3);
  queue.close();
  expect([queue.length, dropped]).toEqual([2, []]);
  queue.close({ discard: true });
  queue.close({ discard: true });
  expect([queue.tryReceive(), await sent]).toEqual([{ ok: false, reason: "closed" }, "closed"]);
  expect(dropped).toEqual([
    [1, "undelivered"],
    [2, "undelivered"],
  ]);
  expect(queue.snapshot()).toMatchObject({ undelivered: 2, length: 0, sendIndex: 2, recvIndex: 2 });
});

test("QUEUE22 a snapshot has version 1, is whole, and does not change afterwards", () => {
  const queue = filled([1, 2], { capacity: 1, overflow: "drop-newest" });
  const snapshot = queue.snapshot();
  queue.tryReceive();
  queue.close();
  expect(snapshot).toEqual({
    version: 1,
    capacity: 1,
    overflow: "drop-newest",
    state: "open",
    length: 1,
    sendIndex: 1,
    recvIndex: 0,
    dropsOldest: 0,
    dropsNewest: 1,
    undelivered: 0,
    cancelledWaiters: 0,
    waitingSenders: 0,
    waitingReceivers: 0,
  });
});

const noGrowth = { sendIndex: 0, recvIndex: 0, dropsOldest: 0, dropsNewest: 0, undelivered: 0, cancelledWaiters: 0 };

test("QUEUE23 metrics come once at the end of a turn in which something changed, as deltas", () => {
  const env = createVirtualEnv();
  const queue = filled([1], { capacity: 2, overflow: "drop-newest", env });
  const told: QueueMetrics[] = [];
  queue.onMetrics((metrics) => told.push(metrics));
  for (const value of [2, 3, 4]) queue.trySend(value);
  queue.tryReceive();
  expect([told, env.scheduled]).toEqual([[], 1]);
  env.endTurn();
  expect(told).toEqual([
    { version: 1, length: 1, state: "open", delta: { ...noGrowth, sendIndex: 1, recvIndex: 1, dropsNewest: 2 } },
  ]);
  env.endTurn();
  expect(told.length).toBe(1);
  queue.close();
  env.endTurn();
  expect(told[1]).toEqual({ version: 1, length: 1, state: "closed", delta: noGrowth });
  queue.close();
  queue.close({ discard: true });
  env.endTurn();
  expect(told.slice(2)).toEqual([
    { version: 1, length: 0, state: "closed", delta: { ...noGrowth, recvIndex: 1, undelivered: 1 } },
  ]);
});

test("QUEUE23 an attempt that changed nothing tells nothing", () => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ capacity: 0, env });
  queue.onMetrics(() => expect.unreachable());
  expect([queue.trySend(1), queue.tryReceive().ok]).toEqual(["full", false]);
  env.endTurn();
  expect(env.scheduled).toBe(0);
});

test("QUEUE24 deltas add up for each listener, whenever it came", () => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ capacity: 100, env });
  const sums = [0, 0];
  queue.onMetrics(({ delta }) => (sums[0] = (sums[0] ?? 0) + delta.sendIndex));
  for (let i = 0; i < 3; i++) queue.trySend(i);
  // Subscribed in the middle of a turn: what was sent before is in its snapshot.
  queue.onMetrics(({ delta }) => (sums[1] = (sums[1] ?? 0) + delta.sendIndex));
  queue.trySend(3);
  env.endTurn();
  expect(sums).toEqual([4, 1]);
  queue.trySend(4);
  env.endTurn();
  expect(sums).toEqual([5, 2]);
});

test("QUEUE24 a listener that came after the last change of a turn is told nothing of it", () => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ env });
  let calls = 0;
  queue.onMetrics(() => calls++);
  queue.trySend(1);
  queue.onMetrics(() => expect.unreachable());
  env.endTurn();
  expect(calls).toBe(1);
});

test("QUEUE25 after its unsubscribe a listener is not called, not even for what happened before", () => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ env });
  const told: string[] = [];
  const listener = (): void => void told.push("same");
  const off = queue.onMetrics(listener);
  queue.onMetrics(listener);
  queue.trySend(1);
  off();
  off();
  env.endTurn();
  expect(told).toEqual(["same"]);
});

test("QUEUE26 without a listener nothing is scheduled", () => {
  const env = createVirtualEnv();
  const queue = createQueue<number>({ env });
  queue.trySend(1);
  expect(env.scheduled).toBe(0);
  const off = queue.onMetrics(() => expect.unreachable());
  off();
  queue.trySend(2);
  expect(env.scheduled).toBe(0);
});

test("QUEUE27 dump is one line that says it all", () => {
  const queue = filled([1, 2, 3], { capacity: 2, overflow: "drop-oldest" });
  expect(queue.dump("in\nbox")).toBe(
    String.raw`queue="in\nbox" cap=2 policy=drop-oldest occ=2 send=3 recv=1 drops_oldest=1 drops_newest=0 undelivered=0 ` +
      "canc_wait=0 waiting_send=0 waiting_recv=0 state=open",
  );
  queue.close({ discard: true });
  expect(queue.dump()).toMatch(/^queue="" .* occ=0 send=3 recv=3 .* undelivered=2 .* state=closed$/);
  expect(createQueue({ capacity: "conflated" }).dump()).toContain("cap=conflated policy=drop-oldest");
});

test.each([
  { capacity: -1 },
  { capacity: 1.5 },
  { capacity: 2 ** 24 + 1 },
  { capacity: Number.POSITIVE_INFINITY },
  { hardLimit: 0 },
  { hardLimit: 2 ** 24 + 1 },
  { maxWaiters: -1 },
  { maxWaiters: Number.NaN },
  { overflow: "block" as never },
])("QUEUE28 the option %o is refused", (options) => {
  expect(() => createQueue(options)).toThrow(expect.toSatisfy((error) => isSyncError(error, "invalid")));
});
