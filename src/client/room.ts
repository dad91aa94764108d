/**
 * One room as a client holds it: who is there, and this client's own part, which is told as often as the server allows.
 *
 * What is set is gathered while an update is under way, and until the next one may go: the line never carries more than one. On a new
 * line all of it is said again, with the key that proves whose member that was.
 * Always: there is one member of a client in a room, however many handles join; what the server refused or rewrote is not what is shown
 * here.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE9, PRESENCE20-PRESENCE26.
 */
import type { Timer } from "../core/env.ts";
import { isSyncError, SyncError } from "../core/errors.ts";
import { addTo, callAll, createStore, type Readable, type Unsubscribe, type Writable } from "../core/store.ts";
import { PresenceState, patched } from "../kind/presence.ts";
import { readErrorReply } from "../session/messages/sente.ts";
import type { KindCore } from "./client.ts";
import type { Held } from "./held.ts";
import { onActivity } from "./presence-activity.ts";

type Data = { readonly [key: string]: unknown };

/** What somebody here told. `from`: a member's id; null: the server. */
export interface Told {
  readonly event: string;
  readonly data: unknown;
  readonly from: string | null;
}

export interface ClientRoom {
  readonly topic: string;
  readonly held: Held;
  readonly state: PresenceState;
  /** What is said of this client: all of it, also what was not sent yet. */
  readonly data: Readable<Data>;
  /** Id of its member; undefined while it has none. */
  readonly id: Readable<string | undefined>;
  /** The member of that id is this client, or was a moment ago. */
  isOwn(id: string): boolean;
  /** Why the last join or update was refused. */
  readonly refused: Writable<SyncError | undefined>;
  /** Tells those who listen to what is computed from it. */
  changed(): void;
  /** A store of what `get` computes from the room. */
  computed<T>(get: () => T): Readable<T>;
  /** Becomes a member, with that data beside what is set already; called back, and when nobody else joined, it leaves. */
  join(data: Data, idleMs: number): () => void;
  set(patch: Data): void;
  /** False: the line is down, or this client is no member, and nothing was sent. */
  tell(event: string, data: unknown, isLossy: boolean): boolean;
  stage(act: string, value?: unknown): Promise<void>;
  onTold(run: (told: Told) => void): Unsubscribe;
}

/** Until the server says how often. */
const defaultEveryMs = 100;
const retryMs = 1000;
/** Before a room that was full is asked again. */
const fullMs = 5000;
/** What may be lost is dropped while so much of it has no answer: it is the line that is slow. */
const maxLossy = 8;

const rooms = new WeakMap<Held, ClientRoom>();

/** The one of that name. */
export function roomOf(core: KindCore, topic: string): ClientRoom {
  const held = core.hold(topic, "presence", () => new PresenceState());
  let room = rooms.get(held);
  if (!room) {
    room = createRoom(core, topic, held);
    rooms.set(held, room);
  }
  return room;
}

function createRoom(core: KindCore, topic: string, held: Held): ClientRoom {
  const { env } = core;
  const state = held.replica as PresenceState;
  const data = createStore<Data>({});
  const id = createStore<string | undefined>(undefined);
  /** Stays when it leaves: the others are told so later. */
  let ownId: string | undefined;
  const refused = createStore<SyncError | undefined>(undefined);
  const changed = new Set<() => void>();
  const toldListeners = new Set<(told: Told) => void>();
  /** As the server has accepted it. */
  let accepted: Data = {};
  /** Keys that were set and not sent. */
  let dirty = new Set<string>();
  let key: string | undefined;
  let everyMs = defaultEveryMs;
  let joiners = 0;
  let end: (() => void) | undefined;
  let isAway = false;
  let saidAway = false;
  /** On this line, or is about to be: a join is under way. */
  let hasAsked = false;
  let isIn = false;
  /** Answers to what was asked before the last `stop` are nobody's any more. */
  let turn = 0;
  /** Broadcasts that may be lost and have no answer. */
  let lossy = 0;
  /** An answer is waited for. */
  let isAsking = false;
  let timer: Timer | undefined;
  let nextMs = 0;

  const attempt = (run: () => void): void => core.attempt(run, topic);
  const tellChanged = (): void => attempt(() => callAll(changed));

  /** Sends a request about this room; it must have an id. */
  const ask = (request: readonly unknown[], settle?: (error: SyncError | undefined, value: unknown) => void): void =>
    core.send(
      "sync/member",
      [held.id, ...request],
      settle && ((failed, value) => settle(failed ?? readErrorReply(value), value)),
    );

  const later = (delayMs: number): void => {
    timer ??= env.setTimer(() => {
      timer = undefined;
      enter();
      flush();
    }, delayMs);
  };

  /** The server's answer to what was sent. */
  const settled = (sent: Data, error: SyncError | undefined, rewritten: unknown): void => {
    isAsking = false;
    if (!error) {
      accepted = (rewritten as Data | null) ?? sent;
      if (rewritten) adopt(accepted);
      attempt(() => refused.set(undefined));
    } else if (isSyncError(error, "rate-limited") || isSyncError(error, "limit")) {
      for (const each of Object.keys(sent)) dirty.add(each);
      nextMs = env.monotonicMs() + retryMs;
    } else if (!isSyncError(error, "closed")) {
      adopt(accepted);
      attempt(() => refused.set(error));
    }
    if (isIn && (dirty.size || isAway !== saidAway)) flush();
  };

  /** What is shown is that, and on top of it what was set meanwhile. */
  const adopt = (base: Data): void => {
    const own = Object.entries(data.get()).filter(([name]) => dirty.has(name));
    const gone = [...dirty].filter((name) => !Object.hasOwn(data.get(), name));
    attempt(() => data.set(patched(base, Object.fromEntries(own), gone) as Data));
    tellChanged();
  };

  const flush = (): void => {
    if (!isIn || isAsking || timer !== undefined) return;
    const waitMs = nextMs - env.monotonicMs();
    if (waitMs > 0) return later(waitMs);
    const sent = data.get();
    const removed = [...dirty].filter((name) => !Object.hasOwn(sent, name));
    const patch = Object.fromEntries(Object.entries(sent).filter(([name]) => dirty.has(name)));
    dirty = new Set();
    saidAway = isAway;
    isAsking = true;
    nextMs = env.monotonicMs() + everyMs;
    const asked = turn;
    const answered = (error: SyncError | undefined, value: unknown): void => {
      if (asked === turn) settled(sent, error, Array.isArray(value) ? value[0] : undefined);
    };
    try {
      ask(["set", patch, removed, isAway], answered);
    } catch (error) {
      // Too large for a frame.
      settled(sent, error as SyncError, undefined);
    }
  };

  /** Says all of it, on this line for the first time. */
  const enter = (): void => {
    if (!joiners || !held.id || hasAsked) return;
    const sent = data.get();
    const asked = turn;
    hasAsked = true;
    dirty = new Set();
    saidAway = isAway;
    isAsking = true;
    nextMs = env.monotonicMs() + everyMs;
    const answered = (error: SyncError | undefined, value: unknown): void => {
      if (asked !== turn) return;
      if (!error && Array.isArray(value)) {
        isIn = true;
        key = value[1] as string;
        everyMs = value[2] as number;
        ownId = value[0] as string;
        attempt(() => id.set(ownId));
      }
      settled(sent, error, Array.isArray(value) ? value[3] : undefined);
      tellChanged();
      if (!error) return;
      hasAsked = false;
      const isFull = error.code === "limit";
      if (isFull) attempt(() => refused.set(error));
      if (isFull || error.retry === "later") later(isFull ? fullMs : retryMs);
    };
    try {
      ask(["join", sent, isAway, key === undefined ? null : [id.get(), key]], answered);
    } catch (error) {
      answered(error as SyncError, undefined);
    }
  };

  const stop = (): void => {
    isIn = isAsking = hasAsked = false;
    turn++;
    lossy = 0;
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
  };

  state.heard = (from, event, told) => attempt(() => callAll(toldListeners, { event, data: told, from }));
  held.listen(tellChanged);
  held.status.listen(tellChanged);
  held.onNamed(() => {
    stop();
    enter();
  });
  core.join({
    receive(event, message) {
      if (event !== "sync/told" || !Array.isArray(message) || message[0] !== held.id || !held.id) return false;
      state.heard?.(message[1] as string | null, message[2] as string, message[3]);
      return true;
    },
    lost: stop,
  });

  return {
    topic,
    held,
    state,
    data,
    id,
    isOwn: (of) => of === ownId,
    refused,
    changed: tellChanged,
    computed(get) {
      const listen = (run: (value: ReturnType<typeof get>) => void): Unsubscribe => {
        let last = get();
        const ends = [
          held.use(),
          addTo(changed, () => {
            const next = get();
            if (Object.is(next, last)) return;
            last = next;
            run(next);
          }),
        ];
        return () => {
          for (const each of ends) each();
        };
      };
      return {
        get,
        listen,
        subscribe(run) {
          run(get());
          return listen(run);
        },
      };
    },
    join(initial, idleMs) {
      const isFirst = joiners++ === 0;
      // Before the first: a new stay begins with what it is given.
      const next = isFirst ? initial : { ...initial, ...data.get() };
      for (const name of Object.keys(next)) if (!isFirst && !Object.hasOwn(data.get(), name)) dirty.add(name);
      if (isFirst) accepted = next;
      attempt(() => data.set(next));
      if (isFirst) {
        const release = held.use();
        const stopActivity = onActivity(env, idleMs, (isActive) => {
          isAway = !isActive;
          flush();
        });
        end = () => {
          if (hasAsked) ask(["leave"]);
          stop();
          key = undefined;
          attempt(() => id.set(undefined));
          stopActivity();
          release();
        };
        enter();
      } else flush();
      tellChanged();
      let isJoined = true;
      return () => {
        if (!isJoined) return;
        isJoined = false;
        if (--joiners) return;
        end?.();
        tellChanged();
      };
    },
    set(patch) {
      const removed = Object.keys(patch).filter((name) => patch[name] === undefined);
      for (const name of Object.keys(patch)) dirty.add(name);
      attempt(() => data.set(patched(data.get(), patch, removed) as Data));
      tellChanged();
      flush();
    },
    tell(event, value, isLossy) {
      if (!isIn || (isLossy && lossy >= maxLossy)) return false;
      if (isLossy) lossy++;
      const asked = turn;
      ask(["tell", event, value, isLossy], (error) => {
        if (asked !== turn) return;
        if (isLossy) lossy--;
        // More of it follows anyway.
        const isNothing = isLossy && error?.code === "rate-limited";
        if (error && !isNothing) attempt(() => refused.set(error));
      });
      return true;
    },
    stage: (act, value = null) =>
      new Promise((resolve, reject) => {
        if (!isIn) return reject(new SyncError("closed", "Not in the room, or its line is down."));
        ask(["stage", act, value], (error) => (error ? reject(error) : resolve()));
      }),
    onTold(run) {
      const ends = [held.use(), addTo(toldListeners, run)];
      return () => {
        for (const each of ends) each();
      };
    },
  };
}
