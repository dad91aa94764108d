/**
 * An event loop of our own: virtual time, and the order of everything, come from one seed. Ten simulated minutes
 * cost milliseconds.
 *
 * A node is a process that can crash. Each has an `Env` with its own wall clock, drift and generators.
 *
 * Always: one step runs at a time, and all microtasks it caused have run before the next; what one node does at
 * one instant runs in the order it was asked for, nodes at the same instant in an order drawn from the seed; a
 * crashed node runs nothing more, and its next life draws other numbers.
 * Rules: docs/protocol/transports.md SIM1-SIM6.
 */
import type { Env } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { Unsubscribe } from "../core/store.ts";
import { EventHeap, type HeapEvent } from "./event-heap.ts";
import { createRng, hashText, mix32, type Rng } from "./rng.ts";

export interface VirtualClockOptions {
  readonly seed: number | string;
  /** Called with every step and note: a readable timeline. */
  onTrace?(atMs: number, node: string, what: string): void;
  /** Called between steps, when all that the one before caused has run; what it throws ends the run. */
  betweenSteps?(): void;
}

export interface RunOptions {
  /** Virtual time to stop at; what is due exactly then still runs. Default: until idle. */
  readonly untilMs?: number;
  /** Default: no limit. */
  readonly maxSteps?: number;
}

/** `idle`: nothing is left to run but background events. */
export type RunResult = "idle" | "time" | "steps";

export interface ScheduleOptions {
  /** Does not keep the clock from being idle. */
  readonly background?: boolean;
}

export interface VirtualClock {
  /** Virtual milliseconds since the start. */
  readonly nowMs: number;
  /** Events run so far. */
  readonly steps: number;
  /** The generator of the seed; fork it, do not draw from it. */
  readonly rng: Rng;
  /** The world of `node` in its present life: the same object until it crashes. */
  envFor(node: string): Env;
  /** The node whose Env this is. */
  nodeOf(env: Env): string;
  /** Sets the wall clock of a node off by `offsetMs` and makes both its clocks run `rate` times as fast. */
  setClock(node: string, setting: { readonly offsetMs?: number; readonly rate?: number }): void;
  /** Runs something in `delayMs` of virtual time as a step of `node`; returns how to cancel it. */
  schedule(node: string, delayMs: number, what: string, run: () => void, options?: ScheduleOptions): () => void;
  /** Drops all that the node has under way, timers first of all. Its next `envFor` begins a new life. */
  crash(node: string): void;
  onCrash(listener: (node: string) => void): Unsubscribe;
  /** Writes a note into the trace, and so into its hash. */
  trace(node: string, what: string): void;
  /** Of every step and note so far: equal for equal histories. */
  traceHash(): string;
  /** Rejects with what a step threw. One run at a time. */
  run(options?: RunOptions): Promise<RunResult>;
  /** Runs what is due in the next `ms`. */
  advance(ms: number): Promise<RunResult>;
}

interface Life {
  readonly name: string;
  readonly hash: number;
  env?: Env;
  isOver: boolean;
  /** Its steps in the queue that keep the clock from being idle. */
  pending: number;
}

interface Step extends HeapEvent {
  readonly life: Life;
  readonly what: string;
  readonly isBackground: boolean;
  /** Gone once it ran or was cancelled. */
  run: (() => void) | undefined;
}

/** What of a node outlives its crashes. */
interface Node {
  life: Life;
  crashes: number;
  offsetMs: number;
  rate: number;
  /** Virtual and local time when the rate was last set. */
  sinceMs: number;
  localMs: number;
}

const wallStartMs = Date.UTC(2030, 0, 1);
/** A longer delay runs at once on a real platform, which no caller wants. */
const maxDelayMs = 2 ** 31 - 1;
/** Whoever asks for more without time passing asks for ever. */
const maxStepsAtOnce = 100_000;
/** Between two immediates of one turn all microtasks run, so many steps share the cost of a turn. */
const stepsPerTurn = 32;
/** Taken at import, so that a test runner's fake timers do not stop our loop. */
const immediate = (globalThis as { setImmediate?: (run: () => void) => unknown }).setImmediate;

/** A clock at virtual time 0, which stands still until it is run. */
export function virtualClock({ seed, onTrace, betweenSteps }: VirtualClockOptions): VirtualClock {
  const rng = createRng(seed);
  const tieSeed = hashText(`${seed}/tie`);
  const heap = new EventHeap<Step>();
  const nodes = new Map<string, Node>();
  const nodeNames = new WeakMap<Env, string>();
  const crashListeners = new Set<(node: string) => void>();
  const history = createHash();
  let nowMs = 0;
  let steps = 0;
  /** Steps before the first of this instant. */
  let firstStepNow = 0;
  let nextOrder = 0;
  let pending = 0;
  let isRunning = false;

  const nodeFor = (name: string): Node => {
    let node = nodes.get(name);
    if (!node) {
      node = { life: createLife(name), crashes: 0, offsetMs: 0, rate: 1, sinceMs: 0, localMs: 0 };
      nodes.set(name, node);
    }
    return node;
  };
  const localMs = (node: Node): number => node.localMs + (nowMs - node.sinceMs) * node.rate;

  const put = (life: Life, delayMs: number, what: string, run: () => void, isBackground = false): Step => {
    const atMs = nowMs + delayMs;
    const tie = mix32(life.hash ^ mix32(tieSeed ^ (atMs * 1024)));
    const step: Step = { atMs, tie, order: nextOrder++, life, what, isBackground, run };
    if (life.isOver) return step;
    heap.push(step);
    if (!isBackground) {
      life.pending++;
      pending++;
    }
    return step;
  };
  const take = (step: Step): (() => void) | undefined => {
    const { life, run } = step;
    step.run = undefined;
    if (!run || life.isOver) return undefined;
    if (!step.isBackground) {
      life.pending--;
      pending--;
    }
    return run;
  };
  const note = (node: string, what: string): void => {
    history.add(hashText(what, hashText(node)));
    onTrace?.(nowMs, node, what);
  };

  const createEnv = (node: Node, { name }: Life): Env => {
    const { life } = node;
    const draws = rng.fork(`node/${name}/${node.crashes}`);
    return {
      nowMs: () => Math.floor(wallStartMs + node.offsetMs + localMs(node)),
      monotonicMs: () => localMs(node),
      setTimer(run, delayMs) {
        if (!(delayMs <= maxDelayMs)) throw new SyncError("invalid", `A timer of ${delayMs} ms would run at once.`);
        return put(life, Math.max(0, delayMs) / node.rate, "timer", run);
      },
      clearTimer: (timer) => void take(timer as Step),
      endOfTurn: (run) => void put(life, 0, "end of turn", run),
      random: draws.fork("random").next,
      randomBytes: draws.fork("bytes").bytes,
    };
  };

  /** The next step due by `untilMs`; cancelled ones are thrown away on the way. */
  const nextStep = (untilMs: number): Step | undefined => {
    for (;;) {
      const step = heap.peek();
      if (!step || step.atMs > untilMs) return undefined;
      heap.pop();
      if (step.run && !step.life.isOver) return step;
    }
  };
  /** Runs one step, or says why none was run. */
  const runOne = (untilMs: number): RunResult | undefined => {
    const step = pending === 0 && untilMs === Number.POSITIVE_INFINITY ? undefined : nextStep(untilMs);
    if (!step) {
      if (untilMs !== Number.POSITIVE_INFINITY) nowMs = Math.max(nowMs, untilMs);
      return pending === 0 ? "idle" : "time";
    }
    if (step.atMs > nowMs) firstStepNow = steps;
    nowMs = step.atMs;
    if (++steps - firstStepNow > maxStepsAtOnce) {
      throw new SyncError("limit", `"${step.life.name}" never rests: over ${maxStepsAtOnce} steps at ${nowMs} ms.`);
    }
    history.addNumber(nowMs);
    note(step.life.name, step.what);
    take(step)?.();
    return undefined;
  };

  const clock: VirtualClock = {
    get nowMs() {
      return nowMs;
    },
    get steps() {
      return steps;
    },
    rng,
    envFor(name) {
      const node = nodeFor(name);
      node.life.env ??= createEnv(node, node.life);
      nodeNames.set(node.life.env, name);
      return node.life.env;
    },
    nodeOf(env) {
      const name = nodeNames.get(env);
      if (name === undefined) throw new SyncError("invalid", "That Env is not one of this clock.");
      return name;
    },
    setClock(name, { offsetMs, rate }) {
      const node = nodeFor(name);
      node.localMs = localMs(node);
      node.sinceMs = nowMs;
      node.offsetMs = offsetMs ?? node.offsetMs;
      node.rate = rate ?? node.rate;
    },
    schedule(name, delayMs, what, run, options) {
      const step = put(nodeFor(name).life, delayMs, what, run, options?.background);
      return () => void take(step);
    },
    crash(name) {
      const node = nodeFor(name);
      pending -= node.life.pending;
      node.life.isOver = true;
      node.life = createLife(name);
      node.crashes++;
      note(name, "crash");
      for (const listener of [...crashListeners]) listener(name);
    },
    onCrash(listener) {
      crashListeners.add(listener);
      return () => void crashListeners.delete(listener);
    },
    trace: note,
    traceHash: history.digest,
    run({ untilMs = Number.POSITIVE_INFINITY, maxSteps = Number.POSITIVE_INFINITY } = {}) {
      if (!immediate) return Promise.reject(new SyncError("unsupported", "The virtual clock needs setImmediate."));
      if (isRunning) return Promise.reject(new SyncError("invalid", "The clock is running; await that run first."));
      isRunning = true;
      const lastStep = steps + maxSteps;
      return new Promise((resolve, reject) => {
        // Of this run alone: immediates left over from it may come while the next one runs.
        let isOver = false;
        const tick = (): void => {
          if (isOver) return;
          try {
            betweenSteps?.();
            const result = steps >= lastStep ? "steps" : runOne(untilMs);
            if (!result) return;
            isOver = true;
            isRunning = false;
            resolve(result);
          } catch (error) {
            isOver = true;
            isRunning = false;
            reject(error);
          }
        };
        const turn = (): void => {
          if (isOver) return;
          for (let i = 0; i < stepsPerTurn; i++) immediate(tick);
          immediate(turn);
        };
        turn();
      });
    },
    advance: (ms) => clock.run({ untilMs: nowMs + ms }),
  };
  return clock;
}

function createLife(name: string): Life {
  return { name, hash: hashText(name), isOver: false, pending: 0 };
}

/** A running 64-bit hash: not against an attacker, only to tell two histories apart. */
function createHash(): { add(word: number): void; addNumber(value: number): void; digest(): string } {
  const number = new Float64Array(1);
  const words = new Uint32Array(number.buffer);
  let high = 0x6a09e667;
  let low = 0x3c6ef372;
  const add = (word: number): void => {
    high = mix32(high ^ word);
    low = mix32((low + high) | 0);
  };
  const hex = (word: number): string => word.toString(16).padStart(8, "0");
  return {
    add,
    addNumber(value) {
      number[0] = value;
      add(words[0] as number);
      add(words[1] as number);
    },
    digest: () => hex(high) + hex(low),
  };
}
