/**
 * Undo and redo of what this client changed: in one topic, or in several with one history.
 *
 * Of a shared tree a step remembers what stood at each path before and after. To undo it is to write what stood before, wherever what
 * stands there now is still what the step left. Of a store it remembers the call; what takes that back its definition says. What
 * somebody else changed since is skipped, and the answer says so.
 * Always: at most `limit` steps, the oldest are forgotten; what is written anew ends what could be redone.
 * Rules: docs/protocol/shared.md UNDO1-UNDO12.
 */
import { createStore, type Readable } from "../core/store.ts";
import { mergeChanges } from "../kind/changes.ts";
import { isPlain } from "../kind/patch.ts";
import { type Assignment, type Keys, type Made, put, read } from "../kind/registers.ts";
import { isSame } from "../kind/same.ts";

/** What undoing did. */
export interface Undone {
  /** Paths that are as they were. */
  readonly changed: readonly TopicPath[];
  /** Paths that somebody else changed since: they were left alone. */
  readonly skipped: readonly TopicPath[];
}

export interface TopicPath {
  readonly topic: string;
  /** In a shared tree; of a store it is empty. */
  readonly path: readonly string[];
  /** The call of a store. */
  readonly mutation?: string;
}

export interface UndoHistory {
  /** Undefined: there was nothing to undo. */
  undo(): Undone | undefined;
  redo(): Undone | undefined;
  readonly canUndo: Readable<boolean>;
  readonly canRedo: Readable<boolean>;
  /** What is written until `resume` is one step. */
  pause(): void;
  resume(): void;
  /** What `run` writes is of that group: with what is written in it next, it is one step. */
  group<T>(name: string, run: () => T): T;
  /** Forgets everything. */
  clear(): void;
}

/** Something that can be undone in. */
export interface UndoTarget {
  readonly topic: string;
  value(): unknown;
  write(changes: readonly Assignment[]): void;
}

/** Something that was done as a whole, and knows how to take itself back. False: it left that alone. */
export interface UndoAct {
  readonly topic: string;
  readonly mutation: string;
  undo(): boolean;
  redo(): boolean;
}

/** How it is recorded. */
export interface RecordOptions {
  /** Those of one group, one after the other, are one step. */
  readonly group?: string | undefined;
  /** It was part of a batch: the step is undone in one. */
  readonly together?: ((run: () => void) => void) | undefined;
}

/** As the kinds use it. */
export interface Recorder extends UndoHistory {
  /** What is written now belongs to that group. */
  readonly groupNow: string | undefined;
  /** `changes` were written over `before`. */
  record(target: UndoTarget, before: unknown, changes: readonly Assignment[], options?: RecordOptions): void;
  recordAct(act: UndoAct, options?: RecordOptions): void;
}

type Change = PathChange | ActChange;

interface ActChange {
  readonly act: UndoAct;
  /** Else it was undone, and can be redone. */
  readonly isDone: boolean;
}

interface PathChange {
  readonly target: UndoTarget;
  readonly path: Keys;
  readonly before: unknown;
  readonly after: unknown;
}

interface Step extends RecordOptions {
  readonly changes: readonly Change[];
}

export interface UndoHistoryOptions {
  /** Steps that can be undone. Default 100. */
  readonly limit?: number;
}

/** A history of its own: give it to several topics, and it undoes in the order in which they were written. */
export function createUndoHistory({ limit = 100 }: UndoHistoryOptions = {}): UndoHistory {
  let done: readonly Step[] = [];
  let undone: readonly Step[] = [];
  /** What is written becomes part of the newest step; `start` where there is none yet. */
  let gathering: "start" | "on" | undefined;
  let groupNow: string | undefined;
  const canUndo = createStore(false);
  const canRedo = createStore(false);

  const become = (nextDone: readonly Step[], nextUndone: readonly Step[]): void => {
    done = nextDone.slice(-limit);
    undone = nextUndone;
    canUndo.set(done.length > 0);
    canRedo.set(undone.length > 0);
  };

  const revert = (changes: readonly Change[]): { readonly reverted: Change[]; readonly answer: Undone } => {
    const works = new Map<UndoTarget, { value: unknown; readonly made: Made; readonly writes: Assignment[] }>();
    const reverted: Change[] = [];
    const changed: TopicPath[] = [];
    const skipped: TopicPath[] = [];
    for (const change of changes) {
      if ("act" in change) {
        const { act, isDone } = change;
        const { topic, mutation } = act;
        const isReverted = isDone ? act.undo() : act.redo();
        if (isReverted) reverted.push({ act, isDone: !isDone });
        (isReverted ? changed : skipped).push({ topic, path: [], mutation });
        continue;
      }
      const { target, path, before, after } = change;
      const work = works.get(target) ?? { value: target.value(), made: new Set(), writes: [] };
      works.set(target, work);
      if (isSame(read(work.value, path), after)) {
        work.value = put(work.value, path, before, work.made);
        work.writes.push({ path, value: before });
        reverted.push({ target, path, before: after, after: before });
        changed.push({ topic: target.topic, path });
      } else skipped.push({ topic: target.topic, path });
    }
    for (const [target, { writes }] of works) if (writes.length) target.write(mergeChanges([], writes));
    return { reverted, answer: { changed, skipped } };
  };

  /** Takes a step back; what it did can be taken back in turn. */
  const takeBack = (step: Step | undefined, then: (again: readonly Step[]) => void): Undone | undefined => {
    if (!step) return undefined;
    gathering = undefined;
    const { together = (run) => run() } = step;
    let result: ReturnType<typeof revert> | undefined;
    together(() => {
      result = revert([...step.changes].reverse());
    });
    const { reverted = [], answer } = result ?? {};
    then(reverted.length ? [{ together: step.together, changes: reverted }] : []);
    return answer;
  };

  const add = (changes: readonly Change[], { group, together }: RecordOptions): void => {
    if (!changes.length) return;
    const last = done.at(-1);
    const joins = last && (gathering === "on" || (!gathering && group !== undefined && last.group === group && !undone.length));
    if (gathering) gathering = "on";
    if (joins) {
      const step = { group, together: last.together ?? together, changes: joinAll(last.changes, changes) };
      become([...done.slice(0, -1), step], []);
    } else become([...done, { group, together, changes }], []);
  };

  const recorder: Recorder = {
    undo: () => takeBack(done.at(-1), (again) => become(done.slice(0, -1), [...undone, ...again])),
    redo: () => takeBack(undone.at(-1), (again) => become([...done, ...again], undone.slice(0, -1))),
    canUndo,
    canRedo,
    pause() {
      gathering ??= "start";
    },
    resume() {
      gathering = undefined;
    },
    clear: () => become([], []),
    group(name, run) {
      const outer = groupNow;
      groupNow = name;
      try {
        return run();
      } finally {
        groupNow = outer;
      }
    },
    get groupNow() {
      return groupNow;
    },
    record: (target, before, writes, options = {}) => add(changesOf(target, before, writes), options),
    recordAct: (act, options = {}) => add([{ act, isDone: true }], options),
  };
  return recorder;
}

/** What was written, at paths that can be put back: what had to become an object for it is replaced as a whole. */
function changesOf(target: UndoTarget, before: unknown, writes: readonly Assignment[]): readonly PathChange[] {
  /** What replaces them. */
  const anew = new Map<string, unknown>();
  const whole = mergeChanges([], writes).map(({ path, value }) => {
    const end = path.findIndex((_, depth) => !isPlain(read(before, path.slice(0, depth + 1))));
    if (end < 0 || end === path.length - 1) return { path, value };
    const top = path.slice(0, end + 1);
    const key = JSON.stringify(top);
    anew.set(key, put(anew.get(key), path.slice(top.length), value));
    return { path: top, value: anew.get(key) };
  });
  return mergeChanges([], whole)
    .map(({ path, value }) => ({ target, path, before: read(before, path), after: value }))
    .filter((change) => !isSame(change.before, change.after));
}

/** The same path again is one change, unless another one came between that went through it. */
function joinAll(changes: readonly Change[], added: readonly Change[]): readonly Change[] {
  const joined: Change[] = [];
  const places = new Map<UndoTarget, Places>();
  const add = (change: Change): void => {
    if (!("act" in change)) {
      const { target, path } = change;
      const place = places.get(target) ?? new Places();
      places.set(target, place);
      place.add(path, joined.length);
    }
    joined.push(change);
  };
  for (const change of changes) add(change);
  for (const change of added) {
    const at = "act" in change ? -1 : (places.get(change.target)?.lastThrough(change.path) ?? -1);
    const last = joined[at];
    if (last && !("act" in last) && !("act" in change) && last.path.length === change.path.length)
      joined[at] = { ...last, after: change.after };
    else add(change);
  }
  return joined;
}

/** Where the last change stands that a path goes through, or that went through it. */
class Places {
  readonly #at = new Map<string, number>();
  readonly #beneath = new Map<string, number>();

  add(path: Keys, index: number): void {
    for (const key of topsOf(path)) this.#beneath.set(key, index);
    this.#at.set(JSON.stringify(path), index);
  }
  lastThrough(path: Keys): number {
    return Math.max(this.#beneath.get(JSON.stringify(path)) ?? -1, ...topsOf(path).map((key) => this.#at.get(key) ?? -1));
  }
}

/** The path, and those above it. */
const topsOf = (path: Keys): string[] => [...path, ""].map((_, length) => JSON.stringify(path.slice(0, length)));
