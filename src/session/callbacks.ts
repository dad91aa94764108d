/**
 * The replies a client waits for.
 *
 * Always: each callback is settled exactly once, by a reply, its timeout, or the end of the line; a reply
 * with an id that nobody waits for is counted and otherwise ignored.
 * Rules: docs/protocol.md CALL1-CALL7.
 */
import { type Env, randomHex, type Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";

export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: SyncError };

export interface Callbacks {
  /** An id for the wire; `settle` is called once, later. */
  open(timeoutMs: number, settle: (outcome: Outcome) => void): string;
  /** False: nobody waits for that id. */
  reply(id: string, value: unknown): boolean;
  fail(id: string, error: SyncError): void;
  /** Somebody still waits for it. */
  waits(id: string): boolean;
  /** Settles all but `kept` as failed with `error`. */
  failAll(error: SyncError, kept?: { has(id: string): boolean }): void;
  readonly size: number;
  /** Replies that came too late or were never asked for. */
  readonly unknownReplies: number;
}

export function createCallbacks(env: Env): Callbacks {
  const waiting = new Map<string, { settle: (outcome: Outcome) => void; timer: Timer }>();
  let unknownReplies = 0;
  const finish = (id: string, outcome: Outcome): boolean => {
    const callback = waiting.get(id);
    if (!callback) return false;
    waiting.delete(id);
    env.clearTimer(callback.timer);
    callback.settle(outcome);
    return true;
  };
  const fail = (id: string, error: SyncError): void => void finish(id, { ok: false, error });
  return {
    open(timeoutMs, settle) {
      let id: string;
      do id = randomHex(env, 3);
      while (waiting.has(id));
      const timer = env.setTimer(() => fail(id, new SyncError("timeout", `No reply within ${timeoutMs} ms.`)), timeoutMs);
      waiting.set(id, { settle, timer });
      return id;
    },
    reply(id, value) {
      const known = finish(id, { ok: true, value });
      if (!known) unknownReplies++;
      return known;
    },
    fail,
    waits: (id) => waiting.has(id),
    failAll(error, kept) {
      for (const id of [...waiting.keys()]) if (!kept?.has(id)) fail(id, error);
    },
    get size() {
      return waiting.size;
    },
    get unknownReplies() {
      return unknownReplies;
    },
  };
}
