/**
 * What some readers are shown in the place of a value: what a function makes of it, an older version or a part. Entry for entry, so that
 * offsets mean the same to all readers.
 *
 * Always: each entry gives one; where the function throws, or nothing of it changes, one that changes nothing. The next one starts
 * from what readers have.
 * Rules: docs/protocol/versions.md VERSION3-VERSION5, GRANT9.
 */
import { compareStamps, maxAheadMs, maxCount, type Stamp } from "../core/hlc.ts";
import { differencesBetween } from "./changes.ts";
import { diff } from "./diff.ts";
import type { Snapshot } from "./kind.ts";
import type { StoreEntry } from "./mutation.ts";
import { applyPatch, type Steps } from "./patch.ts";
import { type SharedEntry, SharedTree } from "./shared-tree.ts";

/** Throws where it cannot. */
export type Project = (value: unknown) => unknown;

export interface Projector {
  /** What readers have by now. */
  snapshot(): Snapshot;
  /** What the next entry is to them. */
  entry(entry: unknown): unknown;
}

/** Begins with a snapshot, the state at some offset; throws what `project` throws there. */
export type CreateProjector = (state: Snapshot, project: Project, report: (error: unknown) => void) => Projector;

/** Of a kind whose entries are patches. */
export const patchProjector: CreateProjector = (state, project, report) => {
  const next = following(project, report);
  let whole: unknown = state;
  let shown = project(whole);
  return {
    snapshot: () => shown,
    entry(steps) {
      whole = applyPatch(whole, steps as Steps);
      const before = shown;
      shown = next(whole, before);
      return diff(before, shown);
    },
  };
};

export const storeProjector: CreateProjector = (state, project, report) => {
  const patches = patchProjector(state, project, report);
  return {
    snapshot: patches.snapshot,
    entry(entry) {
      const [steps, id] = entry as StoreEntry;
      return [patches.entry(steps), id];
    },
  };
};

/** Of a shared tree; deletions that are older than `forgetMs` are forgotten now and then. */
export function sharedProjector(forgetMs: number): CreateProjector {
  return (state, project, report) => {
    const next = following(project, report);
    const whole = new SharedTree(undefined);
    whole.load(state);
    let value = project(whole.value);
    const shown = new SharedTree(value);
    let told = 0;
    return {
      snapshot: () => shown.snapshot(),
      entry(entry) {
        const { stamp } = whole.apply(entry);
        const before = value;
        value = next(whole.value, before);
        const made = shown.write(laterOf(stamp, shown.newest), differencesBetween(before, value));
        shown.apply(made);
        // Not earlier than the server itself does, whatever clock made the stamp.
        const forgottenMs = stamp.ms - forgetMs - maxAheadMs;
        if (++told % forgetEvery === 0) for (const { registers } of [whole, shown]) registers.compact(forgottenMs);
        return made satisfies SharedEntry;
      },
    };
  };
}

const forgetEvery = 1000;

/** What counts in the tree may be older than what stands at its place here: two paths there may be one here. */
function laterOf(stamp: Stamp, newest: Stamp): Stamp {
  const { node } = stamp;
  if (compareStamps(stamp, newest) > 0) return stamp;
  return newest.count + 1 < maxCount ? { ms: newest.ms, count: newest.count + 1, node } : { ms: newest.ms + 1, count: 0, node };
}

/** What the value is to readers; where that cannot be said, what they have. */
function following(project: Project, report: (error: unknown) => void): (value: unknown, before: unknown) => unknown {
  return (value, before) => {
    try {
      return project(value);
    } catch (error) {
      report(error);
      return before;
    }
  };
}
