/**
 * One shared tree as a client holds it: what the server confirmed, and on top of it what was written here and has no answer yet.
 *
 * A write is shown at once, where its stamp would count. What is pending is laid over the confirmed tree once per frame received.
 * A client that does not know the server's time leaves the stamp to the server; so does every write behind such a one, for the
 * server stamps it later.
 * Always: writes of one topic are stamped and sent in the order in which they were made; one that is rejected leaves the screen alone.
 * Rules: docs/protocol/shared.md SHARED14-SHARED27.
 */
import type { Timer } from "../core/env.ts";
import { compareStamps, firstStamp, maxCount, type Stamp } from "../core/hlc.ts";
import { addTo, callAll, type Unsubscribe } from "../core/store.ts";
import { isBelow, mergeChanges, readChanges } from "../kind/changes.ts";
import { type Assignment, type Keys, type Made, nothing, Registers, read } from "../kind/registers.ts";
import { keepSame, keepSameAt } from "../kind/same.ts";
import { createSharedReplica, overlay, type SharedOp, type SharedReplica, sharedOp, versionOfOp } from "../kind/shared.ts";
import type { SharedTree } from "../kind/shared-tree.ts";
import type { KindCore } from "./client.ts";
import type { Held } from "./held.ts";
import { MergedReceipt, type Receipt, ReceiptState } from "./receipt.ts";
import { clockOf } from "./shared-clock.ts";
import { whenConfirmed } from "./unanswered.ts";
import { type Change, tellLocal } from "./value-handle.ts";
import { type Write, writesOf } from "./writes.ts";

/** A write of this client and one of another, neither of which knew the other. */
export interface Conflict {
  /** The longer of both paths. */
  readonly path: readonly string[];
  /** What was assigned here and there; undefined: deleted. */
  readonly mine: unknown;
  readonly theirs: unknown;
  /** Public id of the other's replica; null: the server. */
  readonly by: string | null;
  /** Which of them counts. */
  readonly kept: "mine" | "theirs";
}

export interface SharedTopic {
  readonly held: Held;
  readonly local: Set<(change: Change) => void>;
  /** With what is pending; undefined while nothing is known or written. */
  get(): unknown;
  /** There is a tree of the server. */
  readonly isKnown: boolean;
  /** What a recipe starts from. */
  base(): unknown;
  /** `coalesceMs`: becomes one write with those that follow within that time. */
  write(changes: readonly Assignment[], coalesceMs: number): Receipt;
  onConflict(run: (conflict: Conflict) => void): Unsubscribe;
}

interface Pending {
  /** Of an earlier page, or from before there was a handle: what comes back of it is nobody else's. */
  readonly isAdopted?: true;
  /** Undefined: the server says when. */
  stamp: Stamp | undefined;
  changes: readonly Assignment[];
}

/** Where a write stands whose stamp is not known: behind all others. */
const lastStamp: Stamp = { ms: Number.MAX_SAFE_INTEGER, count: maxCount, node: "" };

const topics = new WeakMap<Held, SharedTopic>();

/** The one of that name. `initial` stands until there is a value. */
export function sharedTopic(core: KindCore, topic: string, initial: unknown, version?: number): SharedTopic {
  const held = core.hold(topic, "shared", createSharedReplica);
  held.version ??= version;
  let shared = topics.get(held);
  if (!shared) {
    shared = createSharedTopic(core, topic, held, initial);
    topics.set(held, shared);
  }
  return shared;
}

function createSharedTopic(core: KindCore, topic: string, held: Held, initial: unknown): SharedTopic {
  const clock = clockOf(core);
  const writes = writesOf(core);
  const replica = held.replica as SharedReplica;
  const local = new Set<(change: Change) => void>();
  const conflictListeners = new Set<(conflict: Conflict) => void>();
  /** In the order in which they were made. */
  let pending: Pending[] = [];
  /** The last one, where it still takes more in. */
  let open: { readonly write: Pending; readonly receipt: MergedReceipt; readonly timer: Timer } | undefined;
  let shown: unknown;
  /** Where what is shown may not be the tree's: what is pending, and what came since. */
  let touched = new Set<Keys>();
  let lastTree: SharedTree | undefined;
  /** What is shown has a tree of the server in it. */
  let isKnown = false;
  let conflicts: Conflict[] = [];
  let release: (() => void) | undefined;

  const refresh = (): void => {
    const { tree } = replica;
    isKnown = tree !== undefined;
    if (!tree && !pending.length) {
      shown = undefined;
      return;
    }
    const registers = tree?.registers ?? new Registers(initial, firstStamp);
    const made: Made = new Set();
    const overlaid = new Set<Keys>();
    let next = registers.value;
    for (const { stamp = lastStamp, changes } of pending) {
      next = overlay(registers, next, stamp, changes, made);
      for (const { path } of changes) overlaid.add(path);
    }
    const isSameTree = tree !== undefined && tree === lastTree;
    shown = isSameTree ? keepSameAt(shown, next, [...touched, ...overlaid]) : keepSame(shown, next);
    lastTree = tree;
    touched = overlaid;
  };

  /** A write behind all others: over what is shown already. */
  const lay = (changes: readonly Assignment[], stamp: Stamp = lastStamp): void => {
    const { tree } = replica;
    if (!tree || tree !== lastTree) return update();
    const kept = changes.map(({ path, value }) => ({ path, value: keepSame(read(shown, path), value) }));
    shown = overlay(tree.registers, shown, stamp, kept);
    for (const { path } of changes) touched.add(path);
    release ??= held.use();
  };

  /** Something was written here, or taken back. */
  const update = (): void => {
    refresh();
    if (pending.length) release ??= held.use();
    else {
      release?.();
      release = undefined;
    }
  };
  const tell = (): void => tellLocal(core, topic, local);
  const changed = (change = update): void => {
    const before = shown;
    change();
    if (!Object.is(shown, before)) tell();
  };

  const settle = (write: Pending): void => {
    pending = pending.filter((other) => other !== write);
    changed();
  };

  /** From here on it takes nothing more in. */
  const seal = (write: Pending): { readonly op: SharedOp; readonly idempotent: boolean } => {
    const isBehindUnknown = pending.some((other) => other !== write && (other.stamp?.ms ?? 1 / 0) > clock.latestMs);
    write.stamp = clock.isKnown && !isBehindUnknown ? clock.next() : undefined;
    // Stamped on arrival, it would count anew each time that it arrives.
    return { op: sharedOp(write.stamp, write.changes, held.version), idempotent: write.stamp !== undefined };
  };

  const send = (write: Pending): Receipt => {
    const { op, idempotent } = seal(write);
    const receipt = writes.writer(topic, "shared", held).write(op, { idempotent });
    // Refused at once: nobody sees it.
    if (receipt.status === "rejected") pending = pending.filter((other) => other !== write);
    const settled = (): void => settle(write);
    receipt.stored.then(settled, settled);
    return receipt;
  };

  const flush = (): void => {
    if (!open) return;
    const { write, receipt, timer } = open;
    open = undefined;
    core.env.clearTimer(timer);
    receipt.become(send(write));
    writes.addPending(-1);
  };

  const add = (changes: readonly Assignment[]): Pending => {
    const write = { stamp: undefined, changes };
    pending.push(write);
    return write;
  };

  replica.heard = ({ stamp, changes }) => {
    clock.hear(stamp);
    for (const { path } of changes) touched.add(path);
    if (!conflictListeners.size || clock.isOwn(stamp.node)) return;
    if (pending.some((write) => write.isAdopted && write.stamp?.ms === stamp.ms && write.stamp.count === stamp.count)) return;
    for (const { stamp: own = lastStamp, changes: mine, isAdopted } of pending) {
      if (!isAdopted) conflicts.push(...conflictsOf(mine, own, changes, stamp));
    }
  };
  held.listen(() => {
    const { tree } = replica;
    if (tree) clock.hear(tree.newest);
    refresh();
    const due = conflicts;
    conflicts = [];
    for (const conflict of due) core.attempt(() => callAll(conflictListeners, conflict), topic);
  });
  held.onNamed((answer) => {
    const { now } = answer as { readonly now?: unknown };
    if (typeof now === "number") clock.learn(now);
  });
  core.join({
    receive: () => false,
    ending: flush,
    lost: (isOver) => isOver && flush(),
  });
  refresh();

  const beginPart = () => {
    const made = add([]);
    return {
      add(changes: readonly Assignment[]): void {
        made.changes = mergeChanges(made.changes, changes);
        update();
      },
      value: () => shown,
      seal: () => seal(made),
      drop(): void {
        pending = pending.filter((other) => other !== made);
        update();
      },
      tell,
    };
  };

  const write: SharedTopic["write"] = (changes, coalesceMs) => {
    if (!changes.length) {
      const receipt = new ReceiptState();
      receipt.settle(undefined);
      return receipt;
    }
    const { collecting } = writes;
    if (collecting) {
      flush();
      collecting.part(topic, held, beginPart).add(changes);
      return collecting.receipt;
    }
    if (coalesceMs > 0 && open) {
      open.write.changes = mergeChanges(open.write.changes, changes);
      changed(() => lay(changes));
      return open.receipt;
    }
    flush();
    const made = add(changes);
    let receipt: Receipt;
    if (coalesceMs > 0) {
      open = { write: made, receipt: new MergedReceipt(), timer: core.env.setTimer(flush, coalesceMs) };
      writes.addPending(1);
      receipt = open.receipt;
    } else receipt = send(made);
    changed(() => (pending.includes(made) ? lay(changes, made.stamp) : update()));
    return receipt;
  };
  const adopt = ({ op, receipt }: Write): Pending => {
    const [ms, mark] = op as SharedOp;
    const count = typeof mark === "number" ? mark : mark[0];
    const stamp = ms ? { ms, count, node: "" } : undefined;
    if (stamp) clock.see(stamp);
    const adopted: Pending = { stamp, changes: readChanges(op as SharedOp, 2), isAdopted: true };
    whenConfirmed(held, receipt, () => settle(adopted));
    return adopted;
  };
  writes.unanswered.present(topic, {
    adopt(made) {
      const adopted: Pending[] = [];
      // What older code wrote, the server brings to this version.
      const own = made.filter(({ op }) => versionOfOp(op) === (held.version ?? 1));
      for (const each of own) core.attempt(() => adopted.push(adopt(each)), topic);
      const isOwn = pending.findIndex(({ isAdopted }) => !isAdopted);
      pending.splice(isOwn < 0 ? pending.length : isOwn, 0, ...adopted);
      changed();
    },
    again: (op) => write(readChanges(op as SharedOp, 2), 0),
  });

  return {
    held,
    local,
    get: () => shown,
    get isKnown() {
      return isKnown;
    },
    base: () => shown ?? initial,
    write,
    onConflict: (run) => addTo(conflictListeners, run),
  };
}

/** Where two writes went through one another. */
function conflictsOf(mine: readonly Assignment[], own: Stamp, theirs: readonly Assignment[], stamp: Stamp): Conflict[] {
  const found: Conflict[] = [];
  for (const a of mine) {
    for (const b of theirs) {
      if (!isBelow(a.path, b.path) && !isBelow(b.path, a.path)) continue;
      found.push({
        path: a.path.length > b.path.length ? a.path : b.path,
        mine: a.value === nothing ? undefined : a.value,
        theirs: b.value === nothing ? undefined : b.value,
        by: stamp.node || null,
        kept: compareStamps(own, stamp) > 0 ? "mine" : "theirs",
      });
    }
  }
  return found;
}
