/**
 * What a document begins with, where nothing of it is stored: asked of the application, in time, and looked into before it is taken.
 *
 * Always: what could not be had says so with an error after which one may try again, and nothing is left of the attempt; what came too
 * late is thrown away; a document never begins with what Yjs could not integrate.
 * Rules: docs/protocol/doc.md DOC16, DOC57, DOC58.
 */
import type { Env } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import { judgeUpdate } from "../../kind/doc/judge.ts";
import { noLimits } from "../../kind/doc/update.ts";

export interface FirstOptions {
  readonly name: string;
  readonly timeoutMs: number;
  /** Of what went wrong readers are told nothing. */
  report(error: unknown): void;
}

type First = Uint8Array | undefined;

/** Rejects with SyncError `loading`. */
export async function firstUpdate(env: Env, ask: () => First | Promise<First>, options: FirstOptions): Promise<First> {
  const { name, timeoutMs, report } = options;
  try {
    const first = await inTime(env, ask, timeoutMs);
    if (first === undefined) return undefined;
    // It may be another's: a database, or a server that answered a webhook.
    const { added, deletes } = judgeUpdate(first, new Map(), noLimits, Number.POSITIVE_INFINITY);
    return added.size || deletes ? first : undefined;
  } catch (error) {
    report(error);
    throw new SyncError("loading", `"${name}" could not be loaded now: try again.`, { cause: error });
  }
}

function inTime(env: Env, ask: () => First | Promise<First>, timeoutMs: number): Promise<First> {
  return new Promise((resolve, reject) => {
    const timer = env.setTimer(() => reject(new SyncError("timeout", `It took longer than ${timeoutMs} ms to load.`)), timeoutMs);
    Promise.resolve()
      .then(ask)
      .finally(() => env.clearTimer(timer))
      .then(resolve, reject);
  });
}
