/**
 * The replies a client waits for.
 *
 * Always: each callback is settled exactly once, by a reply, its timeout, or the end of the line; a reply
 * with an id that nobody waits for is ignored.
 * Rules: docs/protocol.md CALL1-CALL7.
 */
import { type Env, randomHex, type Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";

/** `error`: what kept the reply away. */
export type Settle = (error: SyncError | undefined, value?: unknown) => void;

export interface Callbacks {
  readonly size: number;
  /** An id for the wire; `settle` is called once, later. */
  open(timeoutMs: number, settle: Settle): string;
  /** False: nobody waits for that id. */
  settle(id: string, error: SyncError | undefined, value?: unknown): boolean;
  /** Settles all but `kept` with `error`. */
  failAll(error: SyncError, kept?: { has(id: string): boolean }): void;
}

export function createCallbacks(env: Env): Callbacks {
  const waiting = new Map<string, readonly [settle: Settle, timer: Timer]>();
  const settle: Callbacks["settle"] = (id, error, value) => {
    const callback = waiting.get(id);
    if (!callback) return false;
    waiting.delete(id);
    env.clearTimer(callback[1]);
    callback[0](error, value);
    return true;
  };
  return {
    get size() {
      return waiting.size;
    },
    open(timeoutMs, run) {
      let id: string;
      do id = randomHex(env, 3);
      while (waiting.has(id));
      const fail = (): void => void settle(id, new SyncError("timeout", `No reply within ${timeoutMs} ms`));
      waiting.set(id, [run, env.setTimer(fail, timeoutMs)]);
      return id;
    },
    settle,
    failAll(error, kept) {
      for (const id of [...waiting.keys()]) if (!kept?.has(id)) settle(id, error);
    },
  };
}
