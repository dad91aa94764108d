import { expect, test, vi } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";

test("SIM2 steps run in the order of virtual time, and ten minutes pass at once", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  const said: unknown[] = [];
  for (const delayMs of [600_000, 5, 0, -3, 40]) env.setTimer(() => said.push([delayMs, clock.nowMs]), delayMs);
  // No test may take so long.
  expect(await clock.run()).toBe("idle");
  expect(said).toEqual([
    [0, 0],
    [-3, 0],
    [5, 5],
    [40, 40],
    [600_000, 600_000],
  ]);
});

test("SIM2 all microtasks of a step have run before the next, however deep", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  const said: string[] = [];
  for (let step = 0; step < 100; step++) {
    const walk = async (): Promise<void> => {
      said.push(`begin ${step}`);
      for (let depth = 0; depth < 50; depth++) await Promise.resolve();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      said.push(`end ${step}`);
    };
    env.setTimer(() => void walk(), step);
  }
  await clock.run();
  expect(said).toEqual(Array.from({ length: 100 }, (_, step) => [`begin ${step}`, `end ${step}`]).flat());
});

test("SIM2 a run stops at its time or its number of steps, and goes on from there", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  let ticks = 0;
  const tick = (): void => {
    ticks++;
    env.setTimer(tick, 10);
  };
  env.setTimer(tick, 10);
  expect(await clock.run({ untilMs: 25 })).toBe("time");
  expect([ticks, clock.nowMs, clock.steps]).toEqual([2, 25, 2]);
  expect(await clock.advance(5)).toBe("time");
  expect([ticks, clock.nowMs]).toEqual([3, 30]);
  expect(await clock.run({ maxSteps: 100 })).toBe("steps");
  expect(ticks).toBe(103);
});

test("SIM2 what a step throws rejects the run, and the next run goes on", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  let later = false;
  env.setTimer(() => {
    throw new Error("broken");
  }, 1);
  env.setTimer(() => (later = true), 2);
  await expect(clock.run()).rejects.toThrow("broken");
  expect(later).toBe(false);
  expect(await clock.run()).toBe("idle");
  expect(later).toBe(true);
});

test("SIM2 a run that begins where another broke off runs no more than it was asked to", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  env.setTimer(() => {
    throw new Error("broken");
  }, 1);
  for (let delayMs = 2; delayMs < 20; delayMs++) env.setTimer(() => {}, delayMs);
  await expect(clock.run()).rejects.toThrow("broken");
  expect(await clock.run({ maxSteps: 3 })).toBe("steps");
  expect([clock.steps, clock.nowMs]).toEqual([4, 4]);
});

test("SIM2 a second run at the same time is refused", async () => {
  const clock = virtualClock({ seed: 1 });
  const first = clock.run();
  await expect(clock.run()).rejects.toSatisfy((error) => isSyncError(error, "invalid"));
  expect(await first).toBe("idle");
});

test("SIM2 a cleared timer never runs, and nothing waits for it", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  const timer = env.setTimer(() => expect.unreachable(), 10);
  const last = env.setTimer(() => env.clearTimer(last), 5);
  env.clearTimer(timer);
  env.clearTimer(timer);
  expect(await clock.run()).toBe("idle");
  expect(clock.nowMs).toBe(5);
});

test("SIM2 a delay that a real platform would cut short is refused", () => {
  const env = virtualClock({ seed: 1 }).envFor("a");
  for (const delayMs of [2 ** 31, Number.POSITIVE_INFINITY, Number.NaN])
    expect(() => env.setTimer(() => {}, delayMs)).toThrow("at once");
});

test("SIM2 background steps run while time passes, and do not keep the clock from being idle", async () => {
  const clock = virtualClock({ seed: 1 });
  let runs = 0;
  const again = (): void => {
    clock.schedule("a", 10, "fault", strike, { background: true });
  };
  const strike = (): void => {
    runs++;
    again();
  };
  again();
  clock.envFor("a").setTimer(() => {}, 35);
  expect(await clock.run()).toBe("idle");
  expect([runs, clock.nowMs]).toEqual([3, 35]);
  await clock.advance(100);
  expect(runs).toBe(13);
});

test("SIM2 a test runner's fake timers do not stop it", async () => {
  vi.useFakeTimers();
  try {
    const clock = virtualClock({ seed: 1 });
    clock.envFor("a").setTimer(() => {}, 10);
    expect(await clock.run()).toBe("idle");
  } finally {
    vi.useRealTimers();
  }
});

test("SIM3 a node's steps at one instant keep their order, and the end of turn comes after them", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  const said: string[] = [];
  for (const name of ["one", "two", "three"]) {
    env.setTimer(() => {
      said.push(name);
      env.endOfTurn(() => said.push(`end of ${name} at ${clock.nowMs}`));
    }, 10);
  }
  await clock.run();
  expect(said).toEqual(["one", "two", "three", "end of one at 10", "end of two at 10", "end of three at 10"]);
});

test("SIM3 which node is first at one instant is drawn", async () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const clock = virtualClock({ seed });
    let order = "";
    for (const node of ["a", "b", "c"]) clock.envFor(node).setTimer(() => (order += node), 10);
    await clock.run();
    orders.add(order);
  }
  expect([...orders].sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
});

test("SIM4 equal seeds give equal traces; another seed, step or note gives another", async () => {
  const traceOf = async (seed: number, note?: string): Promise<string> => {
    const clock = virtualClock({ seed });
    const env = clock.envFor("a");
    for (let i = 0; i < 20; i++)
      env.setTimer(() => void Promise.resolve().then(() => env.setTimer(() => {}, env.random())), env.random());
    if (note) clock.trace("a", note);
    await clock.run();
    return clock.traceHash();
  };
  expect(await traceOf(1)).toMatch(/^[0-9a-f]{16}$/);
  expect(await traceOf(1)).toBe(await traceOf(1));
  expect(new Set([await traceOf(1), await traceOf(2), await traceOf(1, "x"), await traceOf(1, "y")]).size).toBe(4);
});

test("SIM4 the trace is a readable timeline", async () => {
  const lines: string[] = [];
  const clock = virtualClock({ seed: 1, onTrace: (atMs, node, what) => lines.push(`${atMs} ${node} ${what}`) });
  const env = clock.envFor("a");
  env.setTimer(() => env.endOfTurn(() => clock.trace("a", "done")), 3);
  await clock.run();
  clock.crash("a");
  expect(lines).toEqual(["3 a timer", "3 a end of turn", "3 a done", "3 a crash"]);
});

test("SIM5 a crashed node runs nothing more, and its old code can start nothing", async () => {
  const clock = virtualClock({ seed: 1 });
  const env = clock.envFor("a");
  const crashed: string[] = [];
  const stop = clock.onCrash((node) => crashed.push(node));
  env.setTimer(() => expect.unreachable(), 10);
  env.endOfTurn(() => expect.unreachable());
  let others = 0;
  clock.envFor("b").setTimer(() => others++, 10);
  clock.crash("a");
  env.setTimer(() => expect.unreachable(), 20);
  env.endOfTurn(() => expect.unreachable());
  clock.envFor("a").setTimer(() => others++, 30);
  expect(await clock.run()).toBe("idle");
  stop();
  clock.crash("b");
  expect([others, clock.nowMs, crashed]).toEqual([2, 30, ["a"]]);
});

test("SIM5 each life and each node draws numbers of its own; asking twice in one life gives one world", () => {
  const clock = virtualClock({ seed: 1 });
  const first = clock.envFor("a");
  expect(clock.envFor("a")).toBe(first);
  expect(clock.nodeOf(first)).toBe("a");
  clock.crash("a");
  const worlds = [first, clock.envFor("a"), clock.envFor("b")];
  expect(new Set(worlds.map(({ random }) => random())).size).toBe(3);
  expect(new Set(worlds.map(({ randomBytes }) => randomBytes(16).join())).size).toBe(3);
});

test("SIM1 more random numbers in one node change no bytes there and nothing in another", () => {
  const draw = (extra: number): string[] => {
    const clock = virtualClock({ seed: 5 });
    for (let i = 0; i < extra; i++) clock.envFor("a").random();
    return [clock.envFor("a").randomBytes(8).join(), `${clock.envFor("b").random()}`];
  };
  expect(draw(0)).toEqual(draw(50));
});

test("SIM6 a node's clocks drift, its wall clock jumps, its timers follow its own time", async () => {
  const clock = virtualClock({ seed: 1 });
  const [fast, plain] = [clock.envFor("fast"), clock.envFor("plain")];
  const startMs = plain.nowMs();
  clock.setClock("fast", { offsetMs: 5000, rate: 2 });
  expect(fast.nowMs() - startMs).toBe(5000);
  let atMs = 0;
  fast.setTimer(() => (atMs = clock.nowMs), 100);
  await clock.advance(1000);
  expect(atMs).toBe(50);
  expect([fast.nowMs() - startMs, fast.monotonicMs(), plain.monotonicMs()]).toEqual([7000, 2000, 1000]);
  clock.setClock("fast", { offsetMs: -60_000, rate: 1 });
  expect([fast.nowMs() - startMs, fast.monotonicMs()]).toEqual([-58_000, 2000]);
  await clock.advance(10);
  expect(fast.monotonicMs()).toBe(2010);
});
