/**
 * Shared trees: everyone writes, the last write wins. An operation is `[ms count path value … [deleted paths]]`.
 *
 * The writer stamps, because it knows when it wrote. Who does not know the time (ms 0), or stamps more than a minute ahead of the
 * server, is stamped on arrival: behind all that is there, and before whatever comes later.
 * Always: who wrote is the server's word; what newer assignments cover is not logged; nothing is taken that is older than what
 * compaction forgot.
 * Rules: docs/protocol/shared.md SHARED1-SHARED11. Why stamps are not refused: docs/decisions/0009-a-clock-that-is-ahead.md.
 */
import { SyncError } from "../core/errors.ts";
import { maxAheadMs, maxCount, type Stamp } from "../core/hlc.ts";
import { versionError } from "../core/versions.ts";
import { readChanges, writeChanges } from "./changes.ts";
import type { Authority, Replica, WriteContext } from "./kind.ts";
import { checkAllowed } from "./paths.ts";
import { type Assignment, type Made, nothing, type Registers, read } from "./registers.ts";
import { type Applied, type SharedEntry, SharedTree } from "./shared-tree.ts";

/** Of another version than 1, the count is told with the version. */
export type SharedOp = readonly [ms: number, count: number | readonly [count: number, version: number], ...changes: unknown[]];

export interface SharedOptions {
  readonly initial: unknown;
  /** Assignments that one tree may hold, deletions that are remembered included. Default 100,000. */
  readonly maxRegisters?: number | undefined;
  /** Throws to reject what the state would be. Not asynchronous. */
  readonly check?: ((next: unknown, changes: readonly Assignment[], context: WriteContext) => void) | undefined;
}

export interface SharedAuthority extends Authority<SharedOp, SharedEntry> {
  readonly value: unknown;
  apply(entry: SharedEntry): Applied;
  /** What the first entry of all is: older than whatever anybody wrote. */
  seed(value: unknown): SharedEntry;
  /** Forgets deletions that are older. */
  compact(beforeMs: number): void;
}

const seedStamp: Stamp = { ms: 0, count: 1, node: "" };

/** The operation that assigns; `stamp` undefined: the server is to say when. */
export function sharedOp(stamp: Stamp | undefined, changes: readonly Assignment[], version?: number): SharedOp {
  const count = stamp?.count ?? 0;
  return writeChanges([stamp?.ms ?? 0, version ? [count, version] : count], changes) as unknown as SharedOp;
}

export function createSharedAuthority({ initial, maxRegisters = 100_000, check }: SharedOptions): SharedAuthority {
  const tree = new SharedTree(initial);

  /** Later than all that is there. */
  const stampAt = (nowMs: number, node: string): Stamp => {
    const { ms, count } = tree.newest;
    if (nowMs > ms) return { ms: Math.floor(nowMs), count: 0, node };
    return count + 1 < maxCount ? { ms, count: count + 1, node } : { ms: ms + 1, count: 0, node };
  };

  return {
    get value() {
      return tree.value;
    },
    decide(op, context) {
      const [ms, count] = readOp(op);
      const { registers } = tree;
      const node = context.replica ?? "";
      const isUnknown = ms === 0 || ms > context.nowMs + maxAheadMs;
      const stamp = isUnknown ? stampAt(context.nowMs, node) : { ms, count, node };
      const asked = readChanges(op, 2);
      if (context.paths) checkAllowed(asked, context.paths);
      if (stamp.ms < registers.compactedBefore) throw stale(asked, tree.value);
      const changes = asked.filter(({ path }) => !registers.covering(path, stamp));
      if (!changes.length) return undefined;
      const added = changes.filter(({ path }) => !registers.has(path)).length;
      if (added && registers.size + added > maxRegisters) {
        throw new SyncError("limit", `A shared tree remembers at most ${maxRegisters} assignments.`);
      }
      check?.(overlay(registers, tree.value, stamp, changes), changes, context);
      return tree.write(stamp, changes);
    },
    seed: (value) => tree.write(seedStamp, [{ path: [], value }]),
    apply: (entry) => tree.apply(entry),
    snapshot: () => tree.snapshot(),
    load: (snapshot) => tree.load(snapshot ?? new SharedTree(initial).snapshot()),
    compact: (beforeMs) => tree.registers.compact(beforeMs),
  };
}

/** The value with changes that are not in the tree. `made`: as for `put`. */
export function overlay(
  registers: Registers,
  value: unknown,
  stamp: Stamp,
  changes: readonly Assignment[],
  made: Made = new Set(),
): unknown {
  return changes.reduce((shown, change) => registers.overlay(shown, change, stamp, made), value);
}

/** Of version 1: others are brought to it before. */
function readOp(op: unknown): readonly [ms: number, count: number] {
  const [ms, count] = Array.isArray(op) ? (op as unknown[]) : [];
  if (!isNatural(ms) || !isNatural(count) || count >= maxCount) {
    const have = versionOfOp(op);
    if (have > 1) throw versionError("A write", { have, need: 1 });
    throw new SyncError("invalid", "A shared topic takes [ms count path value …].");
  }
  return op as [number, number];
}

/** The version that its writer had. */
export function versionOfOp(op: unknown): number {
  const mark: unknown = Array.isArray(op) ? op[1] : undefined;
  return Array.isArray(mark) && isNatural(mark[1]) ? mark[1] : 1;
}

const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function stale(changes: readonly Assignment[], value: unknown): SyncError {
  const current = changes.map(({ path }) => {
    const found = read(value, path);
    return found === nothing ? [path] : [path, found];
  });
  return new SyncError("stale", "It was written before what the topic still remembers.", { data: { current } });
}

export interface SharedReplica extends Replica<unknown, SharedEntry> {
  /** Nothing before the first snapshot. */
  readonly tree: SharedTree | undefined;
  /** Told of each entry, once it is applied. */
  heard: ((applied: Applied) => void) | undefined;
}

export function createSharedReplica(): SharedReplica {
  let tree: SharedTree | undefined;
  const replica: SharedReplica = {
    heard: undefined,
    get tree() {
      return tree;
    },
    get value() {
      return tree?.value;
    },
    apply(entry) {
      if (!tree) throw new SyncError("invalid", "An entry before the tree that it changes.");
      const applied = tree.apply(entry);
      replica.heard?.(applied);
    },
    restore(snapshot) {
      const next = new SharedTree(undefined);
      next.load(snapshot);
      tree = next;
    },
    snapshot: () => tree?.snapshot(),
    clear() {
      tree = undefined;
    },
  };
  return replica;
}
