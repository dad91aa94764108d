/**
 * The state of a shared topic: a tree of registers, and what entries are told relative to.
 *
 * An entry is small: its time is the difference to the entry before it in the log, and a node is a number from its second entry on.
 * So a state is what the entries up to one offset add up to, in their order, and only the next entry can be read with it.
 * Always: the same entries make the same state; an entry that cannot be read changes nothing.
 * Rules: docs/protocol/shared.md SHARED1-SHARED5.
 */
import { SyncError } from "../core/errors.ts";
import { compareStamps, firstStamp, maxCount, type Stamp } from "../core/hlc.ts";
import { readChanges, writeChanges } from "./changes.ts";
import { type Assignment, type Keys, nothing, Registers } from "./registers.ts";

/** `time`: ms since the entry before, with the count where there is one. `node`: a name, or the number of one. */
export type SharedEntry = readonly [
  time: number | readonly [ms: number, count: number],
  node: string | number,
  ...changes: unknown[],
];

/** A register: its value is missing where it says that nothing is there. */
type Row = readonly [path: Keys, ms: number, count: number, node: string, value?: unknown];

export type SharedSnapshot = readonly [
  rows: readonly Row[],
  lastMs: number,
  newest: readonly [ms: number, count: number],
  nodes: readonly string[],
  nextNode: number,
  compactedBefore: number,
];

/** An entry as it was read. */
export interface Applied {
  readonly stamp: Stamp;
  readonly changes: readonly Assignment[];
}

/** Names of nodes that have numbers; the one that got its number first loses it to the next. */
const maxNodes = 128;
const maxNodeLength = 64;

export class SharedTree {
  registers: Registers;
  /** The newest stamp of all entries. */
  newest: Stamp = firstStamp;
  /** Of the entry before. */
  #lastMs = 0;
  #nodes: string[] = [];
  #nextNode = 0;
  readonly #initial: unknown;

  /** `initial`: what stands where nothing was assigned; undefined: as a snapshot will have it. */
  constructor(initial: unknown) {
    this.#initial = initial;
    this.registers = new Registers(initial, firstStamp);
  }

  get value(): unknown {
    return this.registers.value;
  }

  /** The entry that is told next. */
  write(stamp: Stamp, changes: readonly Assignment[]): SharedEntry {
    const ms = stamp.ms - this.#lastMs;
    const known = this.#nodes.indexOf(stamp.node);
    const head = [stamp.count ? [ms, stamp.count] : ms, known < 0 ? stamp.node : known];
    return writeChanges(head, changes) as unknown as SharedEntry;
  }

  /** Throws SyncError `invalid`. */
  apply(entry: unknown): Applied {
    if (!Array.isArray(entry)) throw bad();
    const [time, node] = entry as [unknown, unknown];
    const [since, count] = Array.isArray(time) ? (time as unknown[]) : [time, 0];
    const ms = this.#lastMs + (since as number);
    const name = typeof node === "number" ? this.#nodes[node] : node;
    if (!isTime(ms) || !isCount(count) || typeof name !== "string" || name.length > maxNodeLength) throw bad();
    const changes = readChanges(entry, 2);
    const stamp = { ms, count, node: name };
    this.#lastMs = ms;
    if (typeof node === "string" && !this.#nodes.includes(node)) {
      this.#nodes[this.#nextNode] = node;
      this.#nextNode = (this.#nextNode + 1) % maxNodes;
    }
    if (compareStamps(stamp, this.newest) > 0) this.newest = stamp;
    for (const change of changes) this.registers.assign(change, stamp);
    return { stamp, changes };
  }

  snapshot(): SharedSnapshot {
    const rows = this.registers.list().map(([path, { ms, count, node }, value]): Row => {
      return value === nothing ? [path, ms, count, node] : [path, ms, count, node, value];
    });
    const { ms, count } = this.newest;
    return [rows, this.#lastMs, [ms, count], [...this.#nodes], this.#nextNode, this.registers.compactedBefore];
  }

  /** Throws SyncError `invalid`. */
  load(snapshot: unknown): void {
    if (!isSnapshot(snapshot)) throw bad();
    const [rows, lastMs, [ms, count], nodes, nextNode, compactedBefore] = snapshot;
    const registers = new Registers(this.#initial ?? rows[0]?.[4] ?? null, firstStamp);
    registers.join(
      rows.map((row) => [row[0], { ms: row[1], count: row[2], node: row[3] }, row.length > 4 ? row[4] : nothing] as const),
    );
    registers.compactedBefore = compactedBefore;
    this.registers = registers;
    this.newest = { ms, count, node: "" };
    this.#lastMs = lastMs;
    this.#nodes = [...nodes];
    this.#nextNode = nextNode;
  }
}

const isTime = (ms: unknown): ms is number => Number.isSafeInteger(ms) && (ms as number) >= 0;
const isCount = (count: unknown): count is number => isTime(count) && count < maxCount;
const bad = (): SyncError => new SyncError("invalid", "Not of a shared topic.");

/** The shape alone: what is in it is the server's own. */
function isSnapshot(value: unknown): value is SharedSnapshot {
  return Array.isArray(value) && value.length === 6 && [0, 2, 3].every((at) => Array.isArray(value[at]));
}
