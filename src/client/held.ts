/**
 * One topic that an application holds: a replica, its position, and what keeps the two right.
 *
 * Always: entries are applied once each and in order, or the topic is subscribed again; what is not the next
 * entry, snapshot part or epoch is never applied; while a snapshot is on its way the old value stays, in one piece.
 * Rules: docs/protocol.md SUB1-SUB19.
 */
import type { Env, Timer } from "../core/env.ts";
import { fromWireError, SyncError } from "../core/errors.ts";
import { addTo, callAll, createStore, type Readable } from "../core/store.ts";
import type { Replica } from "../kind/kind.ts";
import { isIndex, readSince, readSubscribed, type Since, sync } from "../session/messages/sync.ts";

/**
 * `idle`: nobody uses it. `loading`: no value yet. `live`. `stale`: the line is down, the value may be old.
 * `deleted`, `refused`: see `error`.
 */
export type TopicStatus = "idle" | "loading" | "live" | "stale" | "deleted" | "refused";
/** Why a reader is told. */
export type Cause = "entries" | "snapshot" | "cleared";

/** Entries that are no longer kept: offsets `from` to `to`; both 0 where the epoch changed and nobody can say. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface HeldHost {
  readonly env: Env;
  readonly lingerMs: number;
  readonly maxSnapshotLength: number;
  /** True while subscriptions can be sent. */
  ready(): boolean;
  /** Subscribe this one at the end of the turn. */
  want(held: Held): void;
  unsubscribe(id: number): void;
  /** `id` is this one's on this line; 0: `before` no longer is. */
  named(held: Held, id: number, before: number): void;
  /** Nobody uses it any more. */
  idle(held: Held, isIdle: boolean): void;
  unpack(data: string | Uint8Array): unknown;
  report(error: unknown, where: string): void;
}

export interface Held {
  readonly replica: Replica<unknown, never>;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** The server's id on this line; 0 while it has none. */
  readonly id: number;
  /** The offset that comes next; 0: whichever does. */
  readonly next: number;
  /** Calls `run` after the replica changed. */
  listen(run: (cause: Cause) => void): () => void;
  onGap(run: (gap: Gap) => void): () => void;
  /** Calls `run` whenever the server accepted a subscription. */
  onNamed(run: () => void): () => void;
  /** Keeps it subscribed until called back. `read: false`: only to write. */
  use(read?: boolean): () => void;
  /** Reads again from after `offset`, if it is past that. */
  rewind(offset: number): void;
  /** What to subscribe with, and who is told the answer; nothing where nobody uses it. */
  ask(): { readonly item: unknown; answered(value: unknown): void } | undefined;
  /** Takes a message of this topic; false: unreadable. */
  receive(message: string, data: readonly unknown[]): boolean;
  /** The position to compare with the server's; nothing while it is in motion. */
  position(): [id: number, offset: number] | undefined;
  /** The server says that it sent up to `offset`. */
  compare(offset: number): void;
  /** The line is gone. */
  lost(): void;
  used(): boolean;
  /** Drops the value. */
  forget(): void;
}

/** `start`: a value and its position, as a server rendered them. */
export function createHeld(
  host: HeldHost,
  topic: string,
  kind: string,
  replica: Replica<unknown, never>,
  start?: readonly [position: readonly [string, number], value: unknown],
): Held {
  const { env } = host;
  const status = createStore<TopicStatus>("idle");
  const listeners = new Set<(cause: Cause) => void>();
  const gapListeners = new Set<(gap: Gap) => void>();
  const namedListeners = new Set<() => void>();
  let error: SyncError | undefined;
  let id = 0;
  let epoch: string | null = null;
  let offset = 0;
  /** It was rewound from there. */
  let top = 0;
  let users = 0;
  let readers = 0;
  let linger: Timer | undefined;
  /** Parts of a snapshot on its way; undefined while none is awaited. */
  let parts: (string | Uint8Array)[] | undefined;
  let length = 0;
  /** The position may be said: the replica is at it. */
  let known = false;
  /** What was asked for on this line. 0: nothing, 1: to write, 2: to read. */
  let asked = 0;
  /** Only the newest subscription's answer counts: each takes the place of the one before. */
  let asks = 0;
  let failures = 0;

  /** What a listener throws is no reason not to go on. */
  const attempt = (run: () => void): void => {
    try {
      run();
    } catch (thrown) {
      host.report(thrown, topic);
    }
  };
  const tell = <A>(set: Set<(fact: A) => void>, fact: A): void => attempt(() => callAll(set, fact));
  const become = (next: TopicStatus): void => attempt(() => status.set(next));

  const name = (next: number): void => {
    const before = id;
    id = next;
    host.named(held, next, before);
  };

  /** It is over, at least on this line. */
  const refuse = (why: SyncError, to: TopicStatus = "refused"): void => {
    error = why;
    parts = undefined;
    asked = 0;
    if (id) host.unsubscribe(id);
    name(0);
    become(to);
  };

  const release = (): void => {
    linger = undefined;
    if (id && host.ready()) host.unsubscribe(id);
    name(0);
    asked = 0;
    parts = undefined;
    // Who reads a channel anew reads on from then.
    if (kind === "channel") {
      known = false;
      top = 0;
    }
    become("idle");
    host.idle(held, true);
  };

  const again = (): void => {
    if (id) host.unsubscribe(id);
    name(0);
    asked = 0;
    parts = undefined;
    host.want(held);
  };

  /** What comes next does not follow from what is here. */
  const jump = (at: Since): void => {
    // An offset beyond the server's is one of another epoch.
    const same = at.epoch === (epoch ?? at.epoch) && at.offset > offset;
    const gap = same ? { from: offset + 1, to: at.offset } : { from: 0, to: 0 };
    if (!same) top = 0;
    epoch = at.epoch;
    if (kind !== "channel") {
      parts = [];
      length = 0;
      known = false;
      return;
    }
    offset = at.offset;
    known = true;
    become("live");
    tell(gapListeners, gap);
  };

  const onEntries = (first: number, entries: readonly unknown[]): void => {
    // A hole, or entries where a snapshot is due.
    if (parts || first > offset + 1) return again();
    const before = offset;
    try {
      for (let i = offset + 1 - first; i < entries.length; i++) {
        replica.apply(entries[i] as never, first + i);
        offset = first + i;
      }
    } catch (thrown) {
      host.report(thrown, topic);
      known = false;
      // Twice on one line: another try would go the same way.
      if (failures++) refuse(thrown as SyncError);
      else again();
    }
    if (offset > before) tell(listeners, "entries");
  };

  const onPart = (at: number, part: number, last: boolean, chunk: string | Uint8Array): void => {
    if (!parts || part !== parts.length) return again();
    if ((length += chunk.length) > host.maxSnapshotLength)
      return refuse(new SyncError("too-large", `Over ${host.maxSnapshotLength}`));
    parts.push(chunk);
    if (!last) return;
    const whole = parts;
    parts = undefined;
    try {
      replica.restore(host.unpack(join(whole, length)));
    } catch (thrown) {
      host.report(thrown, topic);
      return refuse(thrown as SyncError);
    }
    offset = at;
    known = true;
    become("live");
    tell(listeners, "snapshot");
  };

  const answered = (value: unknown): void => {
    const answer = readSubscribed(value);
    if (!answer || "error" in answer) return refuse(fromWireError(answer?.error));
    if (!users) {
      // Released meanwhile.
      asked = 0;
      return host.unsubscribe(answer.id);
    }
    const { at } = answer;
    error = undefined;
    name(answer.id);
    if (asked > 1) {
      if (!answer.recovered) jump(at);
      else {
        epoch = at.epoch;
        if (!known) offset = at.offset;
        known = true;
        become("live");
      }
    }
    tell(namedListeners as Set<(fact: undefined) => void>, undefined);
  };

  const held: Held = {
    replica,
    status,
    get error() {
      return error;
    },
    get id() {
      return id;
    },
    get next() {
      return known ? Math.max(offset, top) + 1 : 0;
    },
    listen: (run) => addTo(listeners, run),
    onGap: (run) => addTo(gapListeners, run),
    onNamed: (run) => addTo(namedListeners, run),
    use(read = true) {
      let used = true;
      if (linger !== undefined) env.clearTimer(linger);
      linger = undefined;
      host.idle(held, false);
      users++;
      if (read && readers++ === 0 && status.get() === "idle") become(known ? "stale" : "loading");
      if (asked < (read ? 2 : 1)) host.want(held);
      return () => {
        if (!used) return;
        used = false;
        if (read) readers--;
        if (--users === 0) linger = env.setTimer(release, host.lingerMs);
      };
    },
    rewind(to) {
      if (known && to >= offset) return;
      if (known) top = Math.max(top, offset);
      offset = to;
      known = true;
      if (asked) again();
    },
    ask() {
      if (!users) return undefined;
      asked = readers > 0 ? 2 : 1;
      const nth = ++asks;
      const item = { topic, kind, since: known ? [epoch, offset] : null, read: asked > 1 };
      return { item, answered: (value) => nth === asks && answered(value) };
    },
    receive(message, [, second, third, fourth, fifth]) {
      switch (message) {
        case sync.entries:
          if (!isIndex(second) || !Array.isArray(third)) return false;
          onEntries(second, third);
          return true;
        case sync.snapshot:
          if (!isIndex(second) || !isIndex(third) || (typeof fifth !== "string" && !(fifth instanceof Uint8Array))) return false;
          onPart(second, third, fourth === true, fifth);
          return true;
        case sync.gap: {
          const at = readSince(third);
          if (!isIndex(second) || !at) return false;
          name(second);
          jump(at);
          return true;
        }
        case sync.end:
          name(0);
          offset = 0;
          known = false;
          replica.clear();
          if (second === "deleted") refuse(new SyncError("deleted"), "deleted");
          else refuse(new SyncError("forbidden"));
          tell(listeners, "cleared");
          return true;
        default:
          return false;
      }
    },
    position: () => (id && asked > 1 && !parts ? [id, offset] : undefined),
    compare(sent) {
      // All that was sent up to the server's answer has arrived: what is missing now will not come.
      if (!parts && offset < sent) again();
    },
    lost() {
      id = failures = asked = 0;
      parts = undefined;
      if (status.get() === "live") become("stale");
    },
    used: () => users > 0,
    forget() {
      replica.clear();
      known = false;
    },
  };

  if (start) {
    replica.restore(start[1]);
    [epoch, offset] = start[0];
    known = true;
  }
  return held;
}

function join(parts: readonly (string | Uint8Array)[], length: number): string | Uint8Array {
  if (typeof parts[0] === "string") return parts.join("");
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of parts as readonly Uint8Array[]) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
