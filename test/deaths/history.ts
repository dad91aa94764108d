/**
 * What was written, acknowledged and told in all lives of a server, and what is wrong with it.
 *
 * A topic is one log, so the judgement is a walk over it: what was acknowledged is there once, at its place, in the order of its
 * client, and behind all that was acknowledged before it was made; what a reader was told is what is there.
 * Always: under `relaxed` a crash may take back the end of a life, acknowledged or not, and nothing else.
 */
import type { Durability } from "../../src/topic/log.ts";

/** One write of one client, by its name `client.n`. */
export interface Write {
  readonly name: string;
  readonly client: string;
  readonly n: number;
  /** In which life it was made, and the newest offset that any client had an acknowledgement of by then. */
  readonly madeIn: number;
  readonly behind: number;
  /** It was under way when a life ended. */
  resent: boolean;
  /** The life in which it was acknowledged; undefined: it has no answer. */
  ackedIn?: number;
  /** When; performance.now(). */
  ackedMs?: number;
  offset?: number | undefined;
  /** Code of its rejection. */
  error?: string;
}

export interface History {
  readonly durability: Durability;
  readonly writes: readonly Write[];
  /** By life: what readers were told, by offset. */
  readonly told: ReadonlyMap<number, ReadonlyMap<number, string>>;
  /** Lives that ended by SIGKILL. */
  readonly crashed: ReadonlySet<number>;
  /** Names from offset 1 on. */
  readonly log: readonly string[];
}

export interface Verdict {
  readonly faults: readonly string[];
  /** Acknowledged and taken back, which `relaxed` allows. */
  readonly lost: readonly Write[];
}

/** Rejections that say for certain that it was not stored. */
const refusals = new Set(["backpressure"]);

export function judge({ durability, writes, told, crashed, log }: History): Verdict {
  const faults: string[] = [];
  const offsets = new Map<string, number>();
  for (const [index, name] of log.entries()) {
    const twice = offsets.get(name);
    if (twice !== undefined) faults.push(`${name} is stored twice, at ${twice} and ${index + 1}`);
    offsets.set(name, index + 1);
  }

  const newest = new Map<string, number>();
  const byName = new Map(writes.map((write) => [write.name, write]));
  for (const [index, name] of log.entries()) {
    const write = byName.get(name);
    if (!write) {
      faults.push(`${name} at ${index + 1} was never written`);
      continue;
    }
    if (write.n < (newest.get(write.client) ?? 0)) faults.push(`${name} at ${index + 1} is out of its client's order`);
    newest.set(write.client, write.n);
  }

  /** By life: offsets that were known then and hold something else now, and those that hold the same. */
  const lives = new Map<number, { lost: number[]; kept: number[] }>();
  const knew = (life: number, offset: number, name: string): boolean => {
    const facts = lives.get(life) ?? { lost: [], kept: [] };
    lives.set(life, facts);
    const isKept = log[offset - 1] === name;
    (isKept ? facts.kept : facts.lost).push(offset);
    return isKept;
  };

  const lost: Write[] = [];
  for (const write of writes) {
    const { name, madeIn, behind, ackedIn, offset, error } = write;
    const stored = offsets.get(name);
    if (error !== undefined && !refusals.has(error)) faults.push(`${name} has an unknown outcome: ${error}`);
    if (error !== undefined && stored !== undefined) faults.push(`${name} was rejected (${error}) and is stored at ${stored}`);
    if (ackedIn === undefined) {
      if (error === undefined) faults.push(`${name} was never answered`);
      continue;
    }
    const at = offset ?? stored;
    if (at === undefined) {
      faults.push(`${name} was acknowledged, without a place, and is not stored`);
      continue;
    }
    if (stored !== undefined && stored !== at) faults.push(`${name} was acknowledged at ${at} and is stored at ${stored}`);
    if (!knew(ackedIn, at, name)) {
      lost.push(write);
      if (durability === "strict") faults.push(`${name} was acknowledged at ${at} and is lost`);
    }
    // Offsets of another life may have been given anew.
    if (at <= behind && (durability === "strict" || madeIn === ackedIn)) {
      faults.push(`${name} at ${at} was made when ${behind} was stored already`);
    }
  }
  for (const [life, entries] of told) {
    for (const [offset, name] of entries) {
      if (!knew(life, offset, name) && durability === "strict") faults.push(`${name} was told at ${offset} and is lost`);
    }
  }
  for (const [life, { lost: gone, kept }] of lives) {
    if (!gone.length) continue;
    const first = gone.reduce((least, offset) => Math.min(least, offset));
    const last = kept.reduce((most, offset) => Math.max(most, offset), 0);
    if (first <= last) faults.push(`life ${life} lost ${first}, and kept ${last}`);
    if (!crashed.has(life)) faults.push(`life ${life} ended cleanly, and lost ${first}`);
  }
  return { faults, lost };
}
