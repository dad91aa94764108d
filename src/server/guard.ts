/**
 * The application's code as the server calls it: hooks, and `onError` for what has no caller to tell.
 *
 * Always: a hook that throws, and an error handler that does, harms nobody; of what is thrown on the way to an answer, the other side is
 * told no more than a code, and `onError` has the error itself.
 * Rules: docs/protocol.md HOOK1.
 */
import { isSyncError } from "../core/errors.ts";

export interface Guard {
  /** For what has no caller to tell. */
  report(error: unknown, where: string): void;
  /** Calls a hook; what it throws is reported under its name. */
  callHook(hook: () => void, where: string): void;
}

const toConsole: Guard["report"] = (error, where) => console.error(`sente-sync: ${where}:`, error);

export function createGuard(onError: Guard["report"] = toConsole): Guard {
  const report: Guard["report"] = (error, where) => {
    try {
      onError(error, where);
    } catch {
      // An error handler that throws has nobody left to tell.
    }
  };
  return {
    report,
    callHook(hook, where) {
      try {
        hook();
      } catch (error) {
        report(error, where);
      }
    },
  };
}

/** Somebody's mistake, and no answer: a SyncError is one, unless a migration that threw made it. */
export function isDefect(error: unknown): boolean {
  return !isSyncError(error) || error.code === "migration-failed";
}

/** For what becomes an error of another code further up: what `run` throws by mistake is reported, and thrown on. */
export function watched<T>(report: (error: unknown) => void, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (isDefect(error)) report(error);
    throw error;
  }
}
