/**
 * `shared(client, ref)`: a tree that everyone writes, here at once and everywhere soon; the last write of each path wins.
 *
 * Always: as value-handle.ts says; only paths that a recipe changed are written; what is written offline is sent later.
 * Rules: docs/protocol/shared.md SHARED14-SHARED27, UNDO1-UNDO7.
 */
import { type RefOrName, toRef } from "../core/definitions.ts";
import type { ValueAt } from "../core/paths.ts";
import type { Readable, Unsubscribe } from "../core/store.ts";
import { changesBetween, checkPath, deletable, some } from "../kind/changes.ts";
import { type DraftRecipe, draftNext } from "../kind/draft.ts";
import { type Assignment, nothing } from "../kind/registers.ts";
import { recordLater } from "./batch.ts";
import { coreOf } from "./client.ts";
import type { Recorder, UndoHistory, Undone, UndoTarget } from "./history.ts";
import { type ReadOnly, readOnlyOf } from "./read-only.ts";
import type { Receipt } from "./receipt.ts";
import { type Conflict, type SharedTopic, sharedTopic } from "./shared-topic.ts";
import { historyOf } from "./undo-history.ts";
import { type ValueHandle, valueHandle } from "./value-handle.ts";
import { writesOf } from "./writes.ts";

export interface SharedOptions {
  /** What is written within that time becomes one write. Default 0: each is one. */
  readonly coalesceMs?: number;
  /** What the writes of this handle are undone in. Default: that of the topic, which is its own or `undoHistory(…)` of several. */
  readonly history?: UndoHistory;
}

export interface SharedWriteOptions {
  /** Writes of one group, one after the other, are undone together. */
  readonly group?: string;
}

export interface ClientShared<T> extends ValueHandle<T> {
  /** Undefined deletes. */
  set<const P extends readonly string[]>(path: P, value: ValueAt<T, P>, options?: SharedWriteOptions): Receipt;
  delete(path: readonly string[], options?: SharedWriteOptions): Receipt;
  /** Changes a draft, which starts from the definition's `initial` where nothing is there yet. One write; throws what the recipe throws. */
  update(recipe: DraftRecipe<T>, options?: SharedWriteOptions): Receipt;
  undo(): Undone | undefined;
  redo(): Undone | undefined;
  readonly history: UndoHistory;
  /** Why it cannot be written from here: the server has another version. Undefined: it can. */
  readonly readOnly: Readable<ReadOnly | undefined>;
  /** Calls `run` where a write of this client and one of another went through each other. */
  onConflict(run: (conflict: Conflict) => void): Unsubscribe;
}

/** One per topic, so that a step knows which it belongs to. */
const targets = new WeakMap<SharedTopic, UndoTarget>();

export function shared<T>(client: object, ref: RefOrName<"shared", T>, options: SharedOptions = {}): ClientShared<T> {
  const { coalesceMs = 0 } = options;
  const { topic, options: definition, version } = toRef<"shared", T>("shared", ref);
  const { initial = {} } = definition as { readonly initial?: unknown };
  const core = coreOf(client);
  const tree = sharedTopic(core, topic, initial, version);
  const historyNow = (): Recorder => (options.history ?? historyOf(tree.held)) as Recorder;
  const target = targets.get(tree) ?? { topic, value: tree.base, write: (changes) => void tree.write(changes, 0) };
  targets.set(tree, target);

  const writes = writesOf(core);
  const write = (changes: readonly Assignment[], { group }: SharedWriteOptions = {}): Receipt => {
    for (const { path } of changes) checkPath(path);
    const before = tree.base();
    const history = historyNow();
    recordLater(writes, history, group, (how) => history.record(target, before, changes, how));
    return tree.write(changes, coalesceMs);
  };
  const stops = new Set<Unsubscribe>();
  const handle = valueHandle(
    topic,
    tree.held,
    () => tree.get() as T | undefined,
    tree.local,
    () => tree.isKnown,
  );

  const own: Omit<ClientShared<T>, keyof ValueHandle<T> | "history"> = {
    set: (path, value, how) => write([{ path, value: some(value) }], how),
    delete: (path, how) => write([{ path: deletable(path), value: nothing }], how),
    update: (recipe, how) => write(changesBetween(tree.base(), draftNext(tree.base() as T, recipe)), how),
    undo: () => historyNow().undo(),
    redo: () => historyNow().redo(),
    readOnly: readOnlyOf(core, topic, tree.held),
    onConflict(run) {
      const stop = tree.onConflict(run);
      stops.add(stop);
      return stop;
    },
  };
  const end = handle.close;
  const close = (): void => {
    for (const stop of stops) stop();
    end();
  };
  const whole = Object.assign(handle, own, { close });
  return Object.defineProperty(whole, "history", { get: historyNow, enumerable: true }) as ClientShared<T>;
}
