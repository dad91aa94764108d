/**
 * What a rejected write was, in the words of its kind: for a shared tree where it was and what the server has there, for a store the call.
 *
 * Always: what cannot be read has none of it.
 * Rules: docs/protocol/writes.md OUTBOX19.
 */
import type { SyncError } from "../core/errors.ts";
import { readChanges } from "../kind/changes.ts";
import { type Call, callsOf, readCall } from "../kind/mutation.ts";
import { type Keys, nothing, putAll, read } from "../kind/registers.ts";

/** Of a shared tree. */
export interface RejectedPath {
  /** What it was about: its path, or for several what they have in common. */
  readonly path: Keys;
  /** What the server has there; undefined: nothing, or it is not known. */
  readonly serverValue: unknown;
}

/** Of a store. */
export interface RejectedCall {
  readonly mutation: string;
  readonly input: unknown;
}

/** `serverValue`: of the whole topic, as far as it is here. */
export function whatWas(
  kind: string,
  op: unknown,
  error: SyncError,
  serverValue: () => unknown,
): RejectedPath | RejectedCall | undefined {
  try {
    if (kind === "store") {
      const call = readCall(op);
      const calls = callsOf(call);
      const [mutation, input] = calls.length === 1 ? (calls[0] as Call) : call;
      return { mutation, input };
    }
    if (kind !== "shared") return undefined;
    const path = commonPath(readChanges(op as readonly unknown[], 2).map((change) => change.path));
    const found = read(currentOf(error, serverValue()), path);
    return { path, serverValue: found === nothing ? undefined : found };
  } catch {
    return undefined;
  }
}

/** An answer `stale` says what is there: it is newer than what is here. */
function currentOf({ data }: SyncError, value: unknown): unknown {
  const { current } = (data ?? {}) as { readonly current?: unknown };
  if (!Array.isArray(current)) return value;
  return putAll(
    value,
    (current as [Keys, unknown?][]).map(([path, ...is]) => ({ path, value: is.length ? is[0] : nothing })),
  );
}

function commonPath([first = [], ...others]: readonly Keys[]): Keys {
  const differs = first.findIndex((key, depth) => others.some((other) => other[depth] !== key));
  return differs < 0 ? first : first.slice(0, differs);
}
