/**
 * Which topics are in the server's memory: each is opened by the first who asks for it, and let go when nobody has used it for a while.
 *
 *   opening ──► loaded ──► leaving ──► gone
 *                  ▲───────────┘
 *
 * One that is leaving runs what is due and stores what nobody has stored. It is still the topic: whoever asks for it meanwhile has it
 * stay. From there to gone is one step, within one piece of code; the next who asks opens it anew.
 * Always: a name has one topic at most; one that is used, or that could not be made again, stays; what is gone takes nothing any more.
 * Rules: docs/protocol/storage.md IDLE1-IDLE11.
 */
import type { Env, Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { Hosted, Resolved } from "./hosted.ts";
import type { Topic } from "./topic.ts";

export interface LoadedHost {
  readonly env: Env;
  resolve(name: string): Resolved | undefined;
  readonly maxTopics: number;
  readonly idleTopicMs: number;
  readonly counters: { topicsLoaded: number; topicsUnloaded: number };
  /** What becomes of the log of a topic that was let go; `isAnew`: the topic may begin in another epoch. */
  letGo(name: string, topic: Topic, isAnew: boolean): void;
  /** The topic is there again. */
  came(name: string): void;
  report(error: unknown, where: string): void;
}

export interface Loaded {
  /** The topic of a declared name, opened if need be. Throws SyncError. */
  open(name: string): Hosted | Promise<Hosted>;
  opened(name: string): Hosted | undefined;
  /** Has it stay, once it is there, until called back. One that nobody opened is not opened by it. */
  keep(name: string): () => void;
  /** Somebody else than so many who keep it uses it. */
  isUsed(name: string, butKept?: number): boolean;
  /** Takes it out, and closes it after `end`; whoever asks for it next opens it anew. A promise: it is being opened, and cannot be taken yet. */
  take(name: string, end: (hosted: Hosted) => void): Promise<unknown> | undefined;
  all(): Iterable<Hosted>;
  names(): Iterable<string>;
  readonly size: number;
  /** Nothing is let go any more. */
  stop(): void;
  /** Runs at once what is due; resolves when that is over, or took too long. */
  runDue(): Promise<void>;
}

interface Slot {
  readonly name: string;
  readonly resolved: Resolved;
  hosted: Hosted | Promise<Hosted>;
  /** How many keep it. */
  keeps: number;
  /** How often it was asked for. */
  asks: number;
  /** Nobody was seen to use it since. */
  idleSinceMs: number | undefined;
  isLeaving: boolean;
}

/** What is due is waited for so long: a hook that hangs keeps nothing loaded. */
const dueMs = 5000;
/** How often to look, at most. */
const lookMs = 30_000;
/** Let go in one look; where there are more, the next one comes soon. */
const perLook = 1000;
const soonMs = 10;

export function createLoaded(host: LoadedHost): Loaded {
  const { env, idleTopicMs, counters, report } = host;
  const slots = new Map<string, Slot>();
  let timer: Timer | undefined;
  let isStopped = idleTopicMs === Number.POSITIVE_INFINITY;

  const open = (name: string): Hosted | Promise<Hosted> => {
    const known = slots.get(name);
    if (known) {
      known.asks++;
      known.idleSinceMs = undefined;
      return known.hosted;
    }
    const resolved = host.resolve(name);
    if (!resolved) throw new SyncError("not-declared", `Nothing declares the topic "${name}".`);
    if (slots.size >= host.maxTopics) throw new SyncError("limit", `${host.maxTopics} topics are open already.`);
    const hosted = resolved.declaration.host(name, resolved.params);
    const slot: Slot = { name, resolved, hosted, keeps: 0, asks: 0, idleSinceMs: undefined, isLeaving: false };
    slots.set(name, slot);
    counters.topicsLoaded++;
    if (hosted instanceof Promise) {
      hosted.then(
        (ready) => {
          slot.hosted = ready;
          host.came(name);
        },
        () => {
          if (slots.get(name) === slot) slots.delete(name);
          resolved.declaration.gone?.(name);
        },
      );
    } else host.came(name);
    arm(lookAgainMs);
    return hosted;
  };

  const attempt = (name: string, run: (() => unknown) | undefined): void => {
    try {
      run?.();
    } catch (error) {
      report(error, name);
    }
  };

  const close = ({ name, resolved }: Slot, hosted: Hosted): void => {
    attempt(name, () => hosted.beside?.close());
    attempt(name, () => hosted.close());
    hosted.topic.close();
    resolved.declaration.gone?.(name);
  };

  const isUsed = ({ keeps }: Slot, hosted: Hosted, butKept = 0): boolean => {
    const { topic, beside } = hosted;
    if (keeps > butKept || !topic.isQuiet || hosted.isBusy?.()) return true;
    for (const view of hosted.views?.() ?? []) if (!view.isQuiet) return true;
    if (topic.log.durability !== "memory") return false;
    return !(beside?.isEmpty() ?? hosted.isEmpty?.() ?? topic.isUntouched);
  };

  /** In one step: nobody ever sees two of one name. */
  const letGo = (slot: Slot, hosted: Hosted): void => {
    const { name } = slot;
    slots.delete(name);
    close(slot, hosted);
    host.letGo(name, hosted.topic, hosted.isEmpty !== undefined || hosted.beside !== undefined);
    counters.topicsUnloaded++;
  };

  /** Resolves with whether that was over in time. */
  const inTime = (name: string, due: Promise<void>): Promise<boolean> =>
    new Promise((resolve) => {
      const limit = env.setTimer(() => resolve(false), dueMs);
      void due
        .catch((error: unknown) => report(error, name))
        .then(() => {
          env.clearTimer(limit);
          resolve(true);
        });
    });

  /** Does what has to be done before; whether that did not bring up more. */
  const prepare = async ({ name }: Slot, hosted: Hosted): Promise<boolean> => {
    const due = hosted.isDue?.() ? hosted.runDue?.() : undefined;
    const hasEnded = !due || (await inTime(name, due));
    await hosted.topic.keepAnswers();
    return !hasEnded || !hosted.isDue?.();
  };

  const leave = (slot: Slot, hosted: Hosted): void => {
    const { asks, name } = slot;
    if (!hosted.isDue?.() && !hosted.topic.writers.hasUnrecorded) return letGo(slot, hosted);
    slot.isLeaving = true;
    const prepared = (isDone: boolean): void => {
      slot.isLeaving = false;
      slot.idleSinceMs = undefined;
      if (isDone && slots.get(name) === slot && slot.asks === asks && !isUsed(slot, hosted)) letGo(slot, hosted);
    };
    prepare(slot, hosted).then(prepared, (error: unknown) => {
      prepared(false);
      report(error, name);
    });
  };

  const look = (): void => {
    timer = undefined;
    const nowMs = env.monotonicMs();
    let left = perLook;
    let hasMore = false;
    for (const slot of slots.values()) {
      const { hosted } = slot;
      // Who declared it by its own name has its handle for good; who keeps it will say so.
      if (slot.keeps || !isPattern(slot)) continue;
      hasMore = true;
      if (slot.isLeaving || hosted instanceof Promise) continue;
      if (isUsed(slot, hosted)) slot.idleSinceMs = undefined;
      else {
        slot.idleSinceMs ??= nowMs;
        if (nowMs - slot.idleSinceMs >= idleTopicMs && --left >= 0) leave(slot, hosted);
      }
    }
    if (hasMore) arm(left < 0 ? soonMs : lookAgainMs);
  };

  const lookAgainMs = Math.min(lookMs, Math.max(soonMs, idleTopicMs / 2));
  const arm = (afterMs: number): void => {
    if (timer !== undefined || isStopped) return;
    timer = env.setTimer(look, afterMs);
    // It keeps no process alive.
    (timer as { unref?(): void }).unref?.();
  };

  return {
    open,
    opened(name) {
      const hosted = slots.get(name)?.hosted;
      return hosted instanceof Promise ? undefined : hosted;
    },
    keep(name) {
      const slot = slots.get(name);
      if (!slot) return () => {};
      slot.keeps++;
      let isKept = true;
      return () => {
        if (!isKept) return;
        isKept = false;
        slot.keeps--;
        slot.idleSinceMs = undefined;
        arm(lookAgainMs);
      };
    },
    isUsed(name, butKept) {
      const slot = slots.get(name);
      if (!slot) return false;
      return slot.hosted instanceof Promise || isUsed(slot, slot.hosted, butKept);
    },
    take(name, end) {
      const slot = slots.get(name);
      if (!slot) return undefined;
      const { hosted } = slot;
      if (hosted instanceof Promise) return hosted;
      slots.delete(name);
      end(hosted);
      close(slot, hosted);
      return undefined;
    },
    *all() {
      for (const { hosted } of slots.values()) if (!(hosted instanceof Promise)) yield hosted;
    },
    names: () => slots.keys(),
    get size() {
      return slots.size;
    },
    stop() {
      isStopped = true;
      if (timer !== undefined) env.clearTimer(timer);
      timer = undefined;
    },
    async runDue() {
      const run = async ({ name, hosted }: Slot): Promise<void> => {
        if (hosted instanceof Promise || !hosted.runDue || !hosted.isDue?.()) return;
        if (await inTime(name, hosted.runDue())) return;
        report(new SyncError("timeout", `What was due had not ended after ${dueMs} ms: it was left behind.`), name);
      };
      await Promise.all([...slots.values()].map(run));
    },
  };
}

const isPattern = ({ name, resolved }: Slot): boolean => resolved.declaration.pattern !== name;
