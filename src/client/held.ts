/**
 * One topic that an application holds: a replica, its position, and what keeps the two right.
 *
 * Always: entries are applied once each and in order, or the topic is subscribed again; what is not the next
 * entry, snapshot part or epoch is never applied; while a snapshot is on its way the old value stays, in one piece.
 * Rules: docs/protocol.md SUB1-SUB9.
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
  /** Of the last entry applied. */
  readonly offset: number;
  /** Calls `run` after the replica changed. */
  listen(run: (cause: Cause) => void): () => void;
  onGap(run: (gap: Gap) => void): () => void;
  /** Calls `run` whenever the server accepted a subscription. */
  onNamed(run: () => void): () => void;
  /** Keeps it subscribed until called back. `read: false`: only to write. */
  use(read?: boolean): () => void;
  /** Reads again from after `offset`. */
  rewind(offset: number): void;
  /** What to subscribe with; nothing where nobody uses it. */
  item(): unknown;
  /** The answer to that. */
  answered(value: unknown): void;
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
  let users = 0;
  let readers = 0;
  let linger: Timer | undefined;
  /** Parts of a snapshot on its way; undefined while none is awaited. */
  let parts: (string | Uint8Array)[] | undefined;
  let length = 0;
  /** The position may be said: the replica is at it. */
  let known = false;
  /** The subscription on this line is for reading. */
  let reading = false;
  let failures = 0;

  const tell = <A>(set: Set<(fact: A) => void>, fact: A): void => {
    try {
      callAll(set, fact);
    } catch (thrown) {
      host.report(thrown, topic);
    }
  };

  const name = (next: number): void => {
    const before = id;
    id = next;
    host.named(held, next, before);
  };

  const refuse = (why: SyncError, to: TopicStatus = "refused"): void => {
    error = why;
    status.set(to);
  };

  const release = (): void => {
    linger = undefined;
    if (id && host.ready()) host.unsubscribe(id);
    name(0);
    reading = false;
    parts = undefined;
    status.set("idle");
    host.idle(held, true);
  };

  const again = (): void => {
    if (id) host.unsubscribe(id);
    name(0);
    parts = undefined;
    host.want(held);
  };

  /** What comes next does not follow from what is here. */
  const jump = (at: Since): void => {
    const gap = at.epoch === epoch ? { from: offset + 1, to: at.offset } : { from: 0, to: 0 };
    epoch = at.epoch;
    if (kind !== "channel") {
      parts = [];
      length = 0;
      known = false;
      return;
    }
    offset = at.offset;
    known = true;
    status.set("live");
    tell(gapListeners, gap);
  };

  const onEntries = (first: number, entries: readonly unknown[]): void => {
    // A hole, or entries where a snapshot is due.
    if (parts || first > offset + 1) return again();
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
    tell(listeners, "entries");
  };

  const onPart = (at: number, part: number, last: boolean, chunk: string | Uint8Array): void => {
    if (!parts || part !== parts.length || (length += chunk.length) > host.maxSnapshotLength) return again();
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
    status.set("live");
    tell(listeners, "snapshot");
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
    get offset() {
      return offset;
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
      if (read && readers++ === 0 && status.get() === "idle") status.set(known ? "stale" : "loading");
      if (!id || (read && !reading)) host.want(held);
      return () => {
        if (!used) return;
        used = false;
        if (read) readers--;
        if (--users === 0) linger = env.setTimer(release, host.lingerMs);
      };
    },
    rewind(to) {
      offset = to;
      known = true;
      if (id) again();
    },
    item() {
      if (!users) return undefined;
      reading = readers > 0;
      return { topic, kind, since: known ? [epoch, offset] : null, read: reading };
    },
    answered(value) {
      const answer = readSubscribed(value);
      if (!answer || "error" in answer) return refuse(fromWireError(answer?.error));
      // Released meanwhile.
      if (!users) return host.unsubscribe(answer.id);
      const { at } = answer;
      error = undefined;
      name(answer.id);
      if (!reading) {
        // Wanted for reading since.
        if (readers) host.want(held);
      } else if (answer.recovered) {
        epoch = at.epoch;
        if (!known) offset = at.offset;
        known = true;
        status.set("live");
      } else jump(at);
      tell(namedListeners as Set<(fact: undefined) => void>, undefined);
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
          parts = undefined;
          replica.clear();
          if (second === "deleted") refuse(new SyncError("deleted"), "deleted");
          else refuse(new SyncError("forbidden"));
          tell(listeners, "cleared");
          return true;
        default:
          return false;
      }
    },
    position: () => (id && reading && !parts ? [id, offset] : undefined),
    compare(sent) {
      // All that was sent up to the server's answer has arrived: what is missing now will not come.
      if (!parts && offset < sent) again();
    },
    lost() {
      id = failures = 0;
      reading = false;
      parts = undefined;
      if (status.get() === "live") status.set("stale");
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
