/**
 * Consumer groups: which events of a channel are done. The state says it for each, in few words: all up to `base`, and ranges
 * beyond; and how often those that failed were tried.
 *
 * Always: what is settled (done, dead, passed) stays settled within an epoch of the channel; a new epoch begins anew.
 * Rules: docs/protocol/channels.md GROUP6-GROUP12.
 */
import { SyncError } from "../core/errors.ts";

export type GroupOp = readonly ["done", offset: number] | readonly ["failed", offset: number, reason: string];

/** `begin`: the channel's epoch, and the last offset that is not the group's. `passed`: up to there it is no longer kept. */
export type GroupEntry =
  | readonly ["begin", epoch: string, base: number]
  | readonly ["done", offset: number]
  | readonly ["failed" | "dead", offset: number, attempts: number, reason: string]
  | readonly ["passed", to: number];

type Range = readonly [from: number, to: number];
export type GroupSnapshot = readonly [
  epoch: string,
  base: number,
  ranges: readonly Range[],
  attempts: readonly (readonly [offset: number, attempts: number])[],
];

const maxReasonLength = 256;

export interface GroupAuthority {
  readonly epoch: string;
  /** All up to here are settled. */
  readonly base: number;
  isSettled(offset: number): boolean;
  /** How many up to `to` are not settled. */
  open(to: number): number;
  /** How often it failed. */
  attempts(offset: number): number;
  /** Throws SyncError `conflict` for what is settled. */
  decide(op: GroupOp): GroupEntry;
  apply(entry: GroupEntry): void;
  snapshot(): GroupSnapshot;
  load(snapshot: GroupSnapshot | undefined): void;
}

export function createGroupAuthority({ maxAttempts }: { readonly maxAttempts: number }): GroupAuthority {
  let epoch = "";
  let base = 0;
  /** In order, with holes between them. */
  let ranges: readonly Range[] = [];
  let attempts = new Map<number, number>();

  const isSettled = (offset: number): boolean => offset <= base || ranges.some(([from, to]) => from <= offset && offset <= to);

  const settle = (from: number, to: number): void => {
    const apart = ranges.filter(([first, last]) => last + 1 < from || first > to + 1);
    const joined = ranges.filter((range) => !apart.includes(range));
    const whole: Range = [Math.min(from, ...joined.map(([first]) => first)), Math.max(to, ...joined.map(([, last]) => last))];
    const [next, ...later] = [...apart, whole].sort(([one], [other]) => one - other);
    if (next && next[0] <= base + 1) {
      base = Math.max(base, next[1]);
      ranges = later;
    } else ranges = next ? [next, ...later] : [];
    for (const offset of attempts.keys()) if (offset >= from && offset <= to) attempts.delete(offset);
  };

  return {
    get epoch() {
      return epoch;
    },
    get base() {
      return base;
    },
    isSettled,
    open: (to) =>
      ranges.reduce((open, [first, last]) => open - Math.max(0, Math.min(last, to) - first + 1), Math.max(0, to - base)),
    attempts: (offset) => attempts.get(offset) ?? 0,
    decide([what, offset, reason = ""]) {
      if (isSettled(offset)) throw new SyncError("conflict", `Event ${offset} is settled already.`);
      if (what === "done") return ["done", offset];
      const count = (attempts.get(offset) ?? 0) + 1;
      return [count >= maxAttempts ? "dead" : "failed", offset, count, reason.slice(0, maxReasonLength)];
    },
    apply(entry) {
      switch (entry[0]) {
        case "begin":
          [, epoch, base] = entry;
          ranges = [];
          attempts = new Map();
          break;
        case "failed":
          attempts.set(entry[1], entry[2]);
          break;
        case "passed":
          if (entry[1] > base) settle(base + 1, entry[1]);
          break;
        default:
          settle(entry[1], entry[1]);
      }
    },
    snapshot: () => [epoch, base, ranges, [...attempts]],
    load(snapshot) {
      let tried: GroupSnapshot[3];
      [epoch, base, ranges, tried] = snapshot ?? ["", 0, [], []];
      attempts = new Map(tried);
    },
  };
}

/** What a consumer wrote; throws SyncError `invalid`. */
export function readGroupOp(op: unknown): GroupOp {
  const [what, offset, reason = ""] = Array.isArray(op) ? (op as unknown[]) : [];
  if ((what !== "done" && what !== "failed") || !Number.isSafeInteger(offset) || typeof reason !== "string") {
    throw new SyncError("invalid", "A group takes [done offset] and [failed offset reason].");
  }
  return what === "done" ? ["done", offset as number] : ["failed", offset as number, reason];
}
