/**
 * The hooks that are told of changes to one document, once it is quiet.
 *
 * Always: each is told of all that was stored, in order, and once of each; it is called again when it has ended, whatever became of that;
 * one that hangs keeps no other from being called.
 * Rules: docs/protocol/doc.md DOC15, DOC55, DOC56.
 */
import type { Env } from "../../core/env.ts";
import { debounce } from "./debounce.ts";

/** Takes updates that were stored since it was called last. */
export type ChangeHook = (updates: readonly Uint8Array[]) => void | Promise<void>;

export interface ChangeHooks {
  stored(update: Uint8Array): void;
  /** One is due, or runs. */
  readonly isDue: boolean;
  /** Calls those that are due now; resolves when nothing is due any more. */
  flush(): Promise<void>;
  cancel(): void;
}

export interface ChangeHooksOptions {
  readonly debounceMs: number;
  readonly maxDebounceMs: number;
  /** All of the document, as one update. */
  whole(): Uint8Array;
  report(error: unknown): void;
}

/** Updates that wait for one hook: beyond it they become one that has all of them. */
const maxUpdates = 10_000;

export function changeHooks(
  env: Env,
  hooks: readonly ChangeHook[],
  { debounceMs, maxDebounceMs, whole, report }: ChangeHooksOptions,
): ChangeHooks {
  const all = hooks.map((hook) => {
    let updates: Uint8Array[] = [];
    const telling = debounce(env, debounceMs, maxDebounceMs, async () => {
      const since = updates;
      updates = [];
      try {
        await hook(since);
      } catch (error) {
        report(error);
      }
    });
    const stored = (update: Uint8Array): void => {
      if (updates.length < maxUpdates) updates.push(update);
      else updates = [whole()];
      telling.ask();
    };
    return { stored, telling };
  });
  return {
    stored(update) {
      for (const { stored } of all) stored(update);
    },
    get isDue() {
      return all.some(({ telling }) => telling.isDue);
    },
    flush: async () => void (await Promise.all(all.map(({ telling }) => telling.flush()))),
    cancel() {
      for (const { telling } of all) telling.cancel();
    },
  };
}
