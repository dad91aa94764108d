/**
 * One topic that an application holds: a replica, its position, and what keeps the two right.
 *
 * Always: entries are applied once each and in order, or the topic is subscribed again; what is not the next
 * entry, snapshot part or epoch is never applied; while a snapshot is on its way the old value stays, in one piece.
 * Rules: docs/protocol.md SUB1-SUB20.
 */
import type { Timer } from "../core/env.ts";
import { fromWireError, SyncError } from "../core/errors.ts";
import { addTo, callAll, createStore, type Readable } from "../core/store.ts";
import type { Replica } from "../kind/kind.ts";
import { isIndex, readSince, readSubscribed, type Since } from "../session/messages/sync.ts";
import type { ClientCore } from "./client.ts";

/**
 * `idle`: nobody uses it. `loading`: no value yet. `live`. `stale`: the line is down, or the server cannot read it now; the value may be old.
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

/** The events that go to the topic whose id they begin with. */
export type TopicMessage = "sync/entries" | "sync/snapshot" | "sync/gap" | "sync/end";

/** What all topics of a client share. */
export interface HeldHost extends ClientCore {
  /** Those that have an id on this line. */
  readonly byId: Map<number, Held>;
  /** Those that nobody uses, the longest idle first. */
  readonly idle: Set<Held>;
  /** Subscribe this one at the end of the turn. */
  want(held: Held): void;
}

/** Topics whose values are kept while nobody uses them. */
const maxIdleValues = 256;
/** Where the server says "later": until it is asked again, twice as long each time. */
const firstRetryMs = 1000;
const maxRetryMs = 8000;

export interface Held {
  readonly kind: string;
  /** That of the definition it is used with; nothing: 1. */
  version?: number | undefined;
  /** None where it is only written. */
  replica: Replica<unknown, never> | undefined;
  readonly status: Readable<TopicStatus>;
  readonly error: SyncError | undefined;
  /** The server's id on this line; 0 while it has none. */
  readonly id: number;
  /** The offset that comes next; 0: whichever does. */
  readonly next: number;
  /** Of what is read; null: none was yet. */
  readonly epoch: string | null;
  /** Calls `run` after the replica changed. */
  listen(run: (cause: Cause) => void): () => void;
  onGap(run: (gap: Gap) => void): () => void;
  /** Calls `run` whenever the server accepted a subscription, with its answer. */
  onNamed(run: (answer: unknown) => void): () => void;
  /** Keeps it subscribed until called back. `read: false`: only to write. */
  use(read?: boolean): () => void;
  /** It waits: what this device has of it is looked for. Whoever ends that calls `use`. */
  isWaiting?: boolean;
  /** The replica was filled with what somebody had at that position, before anything was read. */
  begin(epoch: string, offset: number): void;
  /** Reads again from after `offset`, if it is past that. */
  rewind(offset: number): void;
  /** What to subscribe with, and who is told the answer: one pair, or where nobody uses it, none. */
  ask(): (readonly [item: unknown, answered: (value: unknown) => void])[];
  /** Takes a message of this topic; false: unreadable. */
  receive(message: TopicMessage, data: readonly unknown[]): boolean;
  /** The position to compare with the server's: one, or while it is in motion, none. */
  position(): (readonly [id: number, offset: number])[];
  /** The server says that it sent up to `offset`. */
  compare(offset: number): void;
  /** The line is gone. */
  lost(): void;
  /** Drops the value and says so; where it is used, it is read anew. */
  forget(): void;
}

/** `start`: a value and its position, as a server rendered them. */
export function createHeld(
  { env, lingerMs, maxSnapshotLength, unpack, send, attempt, report, byId, idle, want }: HeldHost,
  topic: string,
  kind: string,
  replica: Replica<unknown, never> | undefined,
  start?: readonly [position: readonly [string, number], value: unknown],
): Held {
  const status = createStore<TopicStatus>("idle");
  const listeners = new Set<(cause: Cause) => void>();
  const gapListeners = new Set<(gap: Gap) => void>();
  const namedListeners = new Set<(answer: unknown) => void>();
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
  let retry: Timer | undefined;
  let retryMs = firstRetryMs;

  const tell = <A>(set: Set<(fact: A) => void>, fact: A): void => attempt(() => callAll(set, fact), topic);
  const become = (next: TopicStatus): void => attempt(() => status.set(next), topic);

  const name = (next: number): void => {
    byId.delete(id);
    id = next;
    if (id) byId.set(id, held);
  };

  /** Subscribed no longer. */
  const leave = (): void => {
    if (retry) env.clearTimer(retry);
    retry = undefined;
    if (id) send("sync/unsubscribe", [id]);
    name(0);
    asked = 0;
    parts = undefined;
  };

  /** What it is until the server says more. */
  const rest = (): void => become(readers ? (known ? "stale" : "loading") : "idle");

  const forget = (): void => {
    held.replica?.clear();
    known = false;
    tell(listeners, "cleared");
    if (asked < 2) return;
    rest();
    again();
  };

  /** It is over, at least on this line; `isGone`: and what was read may be seen no longer. */
  const refuse = (why: SyncError, to: TopicStatus = "refused", isGone = asked > 1 && why.code === "forbidden"): void => {
    error = why;
    leave();
    if (isGone) {
      offset = 0;
      forget();
    }
    become(to);
  };

  const again = (): void => {
    leave();
    want(held);
  };

  /** Nothing is over: it is asked for again on this line, and what is written waits. */
  const postpone = (why: SyncError): void => {
    error = why;
    leave();
    retry = env.setTimer(() => {
      retry = undefined;
      if (!asked) want(held);
    }, retryMs);
    retryMs = Math.min(retryMs * 2, maxRetryMs);
    rest();
  };

  const release = (): void => {
    linger = undefined;
    leave();
    // Who reads a channel anew reads on from then.
    if (kind === "channel") {
      known = false;
      top = 0;
    }
    idle.add(held);
    const [oldest] = idle;
    if (oldest && idle.size > maxIdleValues) {
      idle.delete(oldest);
      oldest.forget();
    }
    become("idle");
  };

  /** The replica is right, and at `at`. */
  const settleAt = (at: number): void => {
    offset = at;
    known = true;
    become("live");
  };

  /** What comes next does not follow from what is here. */
  const jump = (at: Since): void => {
    // An offset beyond the server's is one of another epoch.
    const same = at.epoch === (epoch ?? at.epoch) && at.offset > offset;
    const gap = same ? { from: offset + 1, to: at.offset } : { from: 0, to: 0 };
    if (!same) top = 0;
    epoch = at.epoch;
    if (kind === "channel") settleAt(at.offset);
    else {
      parts = [];
      length = 0;
      known = false;
    }
    tell(gapListeners, gap);
  };

  const onEntries = (first: number, entries: readonly unknown[]): void => {
    // A hole, or entries where a snapshot is due.
    if (parts || first > offset + 1) return again();
    const before = offset;
    try {
      for (let i = offset + 1 - first; i < entries.length; i++) {
        held.replica?.apply(entries[i] as never, first + i);
        offset = first + i;
      }
    } catch (thrown) {
      report(thrown, topic);
      known = false;
      // Twice on one line: another try would go the same way.
      if (failures++) refuse(thrown as SyncError);
      else again();
    }
    if (offset > before) tell(listeners, "entries");
  };

  const onPart = (at: number, part: number, last: boolean, chunk: string | Uint8Array): void => {
    if (!parts || part !== parts.length) return again();
    if ((length += chunk.length) > maxSnapshotLength) return refuse(new SyncError("too-large", `Over ${maxSnapshotLength}`));
    parts.push(chunk);
    if (!last) return;
    const whole = parts;
    parts = undefined;
    try {
      held.replica?.restore(unpack(join(whole, length)));
    } catch (thrown) {
      report(thrown, topic);
      return refuse(thrown as SyncError);
    }
    settleAt(at);
    tell(listeners, "snapshot");
  };

  const answered = (value: unknown): void => {
    const answer = readSubscribed(value);
    if ("error" in answer) {
      const why = fromWireError(answer.error);
      return why.retry === "later" ? postpone(why) : refuse(why);
    }
    retryMs = firstRetryMs;
    const { at } = answer;
    name(answer.id);
    // Released meanwhile.
    if (!users) return leave();
    error = undefined;
    if (asked > 1 && !answer.recovered) jump(at);
    else if (asked > 1) {
      epoch = at.epoch;
      settleAt(known ? offset : at.offset);
    }
    tell(namedListeners, value);
  };

  const held: Held = {
    kind,
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
    get epoch() {
      return epoch;
    },
    listen: (run) => addTo(listeners, run),
    onGap: (run) => addTo(gapListeners, run),
    onNamed: (run) => addTo(namedListeners, run),
    use(read = true) {
      let used = true;
      if (linger) env.clearTimer(linger);
      linger = undefined;
      idle.delete(held);
      users++;
      if (read) readers++;
      // Where it was refused or deleted it is asked for anew: it may be there by now.
      if (read && /^idle|ed$/.test(status.get())) {
        error = undefined;
        rest();
      }
      if (asked < (read ? 2 : 1)) want(held);
      return () => {
        if (!used) return;
        used = false;
        if (read) readers--;
        if (--users === 0) linger = env.setTimer(release, lingerMs);
      };
    },
    begin(of, at) {
      epoch = of;
      offset = at;
      known = true;
      rest();
      tell(listeners, "snapshot");
    },
    rewind(to) {
      if (known && to >= offset) return;
      if (known) top = Math.max(top, offset);
      offset = to;
      known = true;
      if (asked) again();
    },
    ask() {
      if (!users || held.isWaiting) return [];
      asked = readers > 0 ? 2 : 1;
      const nth = ++asks;
      const item = { topic, kind, version: held.version, since: known ? [epoch, offset] : null, read: asked > 1 };
      return [[item, (value) => nth === asks && answered(value)]];
    },
    receive(message, [, second, third, fourth, fifth]) {
      if (message === "sync/end") {
        name(0);
        refuse(fromWireError({ code: second }), second === "deleted" ? second : "refused", true);
        return true;
      }
      if (!isIndex(second)) return false;
      if (message === "sync/entries") {
        if (!Array.isArray(third)) return false;
        onEntries(second, third);
      } else if (message === "sync/snapshot") {
        if (!isIndex(third) || (typeof fifth !== "string" && !(fifth instanceof Uint8Array))) return false;
        onPart(second, third, fourth === true, fifth);
      } else {
        const at = readSince(third);
        if (!at) return false;
        name(second);
        jump(at);
      }
      return true;
    },
    position: () => (id && asked > 1 && !parts ? [[id, offset]] : []),
    compare(sent) {
      // All that was sent up to the server's answer has arrived: what is missing now will not come.
      if (!parts && offset < sent) again();
    },
    lost() {
      // The server knows.
      id = failures = 0;
      retryMs = firstRetryMs;
      leave();
      if (status.get() === "live") become("stale");
    },
    forget,
  };

  if (start && replica) {
    replica.restore(start[1]);
    held.begin(...start[0]);
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
