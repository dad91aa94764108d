/**
 * What a client writes that has an older version, as this version has it.
 *
 * A shared tree: the paths are assigned in the value as that version has it, and what differs when that is brought up again is the write.
 * So it touches what it touched there, and nothing that the older version does not know.
 * Always: what there is no way for is refused as `version`, and changes nothing.
 * Rules: docs/protocol/versions.md VERSION6-VERSION8.
 */
import { versionError } from "../core/versions.ts";
import { differencesBetween, readChanges } from "./changes.ts";
import { allOf, type Call, callsOf, readCall, versionOfCall } from "./mutation.ts";
import { putAll } from "./registers.ts";
import { type SharedOp, sharedOp, versionOfOp } from "./shared.ts";
import type { Versions } from "./versions.ts";

/** A write of a client with that version can be taken. */
export const takesSharedOp = (versions: Versions, version: number): boolean =>
  versions.has("up", version) && versions.has("down", version);

/** `value`: what the write comes upon. Throws SyncError. */
export function presentSharedOp(versions: Versions, op: unknown, value: unknown): SharedOp {
  const have = versionOfOp(op);
  const need = versions.version;
  if (!Array.isArray(op)) return op as SharedOp;
  const [ms, mark, ...changes] = op as unknown[];
  const plain = (have > 1 ? [ms, (mark as unknown[])[0], ...changes] : op) as unknown as SharedOp;
  if (have === need) return plain;
  if (have > need || !takesSharedOp(versions, have)) throw versionError("A write", { have, need });
  const before = versions.down(value, have);
  const after = putAll(before, readChanges(plain, 2));
  const [, count] = plain;
  if (typeof ms !== "number" || typeof count !== "number") return plain;
  return sharedOp({ ms, count, node: "" }, differencesBetween(versions.up(before, have), versions.up(after, have)));
}

/** The same mutations, unless a migration says others; what is no longer there is `version`. */
export function presentCall(versions: Versions, op: unknown, mutations: ReadonlyMap<string, unknown>): unknown {
  const have = versionOfCall(op);
  const need = versions.version;
  if (have === need) return op;
  if (have > need) throw versionError("A call", { have, need });
  const one = ([mutation, input, id]: Call): Call => {
    const call = versions.call({ mutation, input }, have);
    if (mutations.has(call.mutation)) return [call.mutation, call.input ?? null, id];
    throw versionError(`Mutation "${mutation}"`, { have, need });
  };
  const call = readCall(op);
  return call[0] === allOf ? [allOf, callsOf(call).map(one), call[2]] : one(call);
}
