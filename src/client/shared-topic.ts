/**
 * One shared tree as a client holds it: what the server confirmed, and on top of it what was written here and has no answer yet.
 *
 * A write is shown at once, where its stamp would count. What is pending is laid over the confirmed tree once per frame received.
 * A client that does not know the server's time leaves the stamp to the server; so does every write behind such a one, for the
 * server stamps it later.
 * Always: writes of one topic are stamped and sent in the order in which they were made; one that is rejected leaves the screen alone.
 * Rules: docs/protocol/shared.md SHARED14-SHARED24.
 */
import type { Timer } from "../core/env.ts";
import { compareStamps, firstStamp, maxCount, type Stamp } from "../core/hlc.ts";
import { addTo, callAll, type Unsubscribe } from "../core/store.ts";
import { isBelow, mergeChanges } from "../kind/changes.ts";
import { type Assignment, nothing, Registers } from "../kind/registers.ts";
import { keepSame } from "../kind/same.ts";
import { createSharedReplica, overlay, type SharedReplica, sharedOp } from "../kind/shared.ts";
import type { KindCore } from "./client.ts";
import type { Held } from "./held.ts";
import { type Durability, type Receipt, ReceiptState, type ReceiptStatus } from "./receipt.ts";
import { clockOf } from "./shared-clock.ts";
import { type Change, tellLocal } from "./value-handle.ts";
import { writesOf } from "./writes.ts";

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
  /** What a recipe starts from. */
  base(): unknown;
  /** `coalesceMs`: becomes one write with those that follow within that time. */
  write(changes: readonly Assignment[], coalesceMs: number): Receipt;
  onConflict(run: (conflict: Conflict) => void): Unsubscribe;
}

interface Pending {
  /** Undefined: the server says when. */
  stamp: Stamp | undefined;
  changes: readonly Assignment[];
}

/** Where a write stands whose stamp is not known: behind all others. */
const lastStamp: Stamp = { ms: Number.MAX_SAFE_INTEGER, count: maxCount, node: "" };

const topics = new WeakMap<Held, SharedTopic>();

/** The one of that name. `initial` stands until there is a value. */
export function sharedTopic(core: KindCore, topic: string, initial: unknown): SharedTopic {
  const held = core.hold(topic, "shared", createSharedReplica);
  let shared = topics.get(held);
  if (!shared) {
    shared = createSharedTopic(core, topic, held, initial);
    topics.set(held, shared);
  }
  return shared;
}

function createSharedTopic(core: KindCore, topic: string, held: Held, initial: unknown): SharedTopic {
  const clock = clockOf(core);
  const replica = held.replica as SharedReplica;
  const local = new Set<(change: Change) => void>();
  const conflictListeners = new Set<(conflict: Conflict) => void>();
  /** In the order in which they were made. */
  let pending: Pending[] = [];
  /** The last one, where it still takes more in. */
  let open: { readonly write: Pending; readonly receipt: MergedReceipt; readonly timer: Timer } | undefined;
  let shown: unknown;
  /** Parts of what is shown are other objects than those of the tree, and as good. */
  let isApart = false;
  let conflicts: Conflict[] = [];
  let release: (() => void) | undefined;

  const refresh = (): void => {
    const { tree } = replica;
    if (!tree && !pending.length) {
      shown = undefined;
      return;
    }
    const registers = tree?.registers ?? new Registers(initial, firstStamp);
    const next = pending.reduce(
      (value, { stamp = lastStamp, changes }) => overlay(registers, value, stamp, changes),
      registers.value,
    );
    shown = isApart ? keepSame(shown, next) : next;
    isApart = pending.length > 0 || shown !== registers.value;
  };

  /** Something was written here, or taken back. */
  const changed = (): void => {
    const before = shown;
    refresh();
    if (pending.length) release ??= held.use();
    else {
      release?.();
      release = undefined;
    }
    if (!Object.is(shown, before)) tellLocal(core, topic, local);
  };

  const send = (write: Pending): Receipt => {
    const isBehindUnknown = pending.some((other) => other !== write && (other.stamp?.ms ?? 1 / 0) > clock.latestMs);
    write.stamp = clock.isKnown && !isBehindUnknown ? clock.next() : undefined;
    // Stamped on arrival, it would count anew each time that it arrives.
    const options = { idempotent: write.stamp !== undefined };
    const receipt = writesOf(core).writer(topic, "shared", held).write(sharedOp(write.stamp, write.changes), options);
    const settled = (): void => {
      pending = pending.filter((other) => other !== write);
      changed();
    };
    receipt.stored.then(settled, settled);
    return receipt;
  };

  const flush = (): void => {
    if (!open) return;
    const { write, receipt, timer } = open;
    open = undefined;
    core.env.clearTimer(timer);
    receipt.become(send(write));
  };

  const add = (changes: readonly Assignment[]): Pending => {
    const write = { stamp: undefined, changes };
    pending.push(write);
    return write;
  };

  replica.heard = ({ stamp, changes }) => {
    clock.see(stamp);
    if (!conflictListeners.size || clock.isOwn(stamp.node)) return;
    for (const { stamp: own = lastStamp, changes: mine } of pending) {
      conflicts.push(...conflictsOf(mine, own, changes, stamp));
    }
  };
  held.listen(() => {
    const { tree } = replica;
    if (tree) clock.see(tree.newest);
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
    lost: (isOver) => isOver && flush(),
  });
  refresh();

  return {
    held,
    local,
    get: () => shown,
    base: () => shown ?? initial,
    write(changes, coalesceMs) {
      if (!changes.length) {
        const receipt = new ReceiptState();
        receipt.settle(undefined);
        return receipt;
      }
      if (coalesceMs > 0 && open) {
        open.write.changes = mergeChanges(open.write.changes, changes);
        changed();
        return open.receipt;
      }
      flush();
      const write = add(changes);
      let receipt: Receipt;
      if (coalesceMs > 0) {
        open = { write, receipt: new MergedReceipt(), timer: core.env.setTimer(flush, coalesceMs) };
        receipt = open.receipt;
      } else receipt = send(write);
      changed();
      return receipt;
    },
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

/** Of a write that takes more in for a while: it is given to the outbox after that. */
class MergedReceipt implements Receipt {
  #inner: Receipt | undefined;
  #stored: Promise<void> | undefined;
  #begin: ((stored: Promise<void>) => void) | undefined;

  get status(): ReceiptStatus {
    return this.#inner?.status ?? "local";
  }
  get offset(): number | undefined {
    return this.#inner?.offset;
  }
  get durability(): Durability | undefined {
    return this.#inner?.durability;
  }
  get stored(): Promise<void> {
    this.#stored ??= this.#inner?.stored ?? new Promise((resolve) => (this.#begin = resolve));
    return this.#stored;
  }
  become(inner: Receipt): void {
    this.#inner = inner;
    this.#begin?.(inner.stored);
  }
}
