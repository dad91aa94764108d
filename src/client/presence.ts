/**
 * `presence(client, ref, data)`: this client as a member of a room, and who else is there.
 *
 * Always: a handle with data is a member from the call to its `close`, and back after every reconnect; one without only looks, while
 * somebody listens. What is set is shown in `self` at once; what did not change stays `===`.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE26.
 */
import { type ChannelEvents, type RefOrName, type RoomShape, topicOf } from "../core/definitions.ts";
import type { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { InputOf, OutputOf } from "../core/schema.ts";
import type { Readable, Unsubscribe } from "../core/store.ts";
import { type Member as AnyMember, type MemberStatus, userIdOf } from "../kind/presence.ts";
import { coreOf } from "./client.ts";
import type { TopicStatus } from "./held.ts";
import { roomOf } from "./room.ts";

export type { MemberStatus } from "../kind/presence.ts";

/** One connection's part of a room: a person with three tabs is three members and one user. */
export type Member<Data = unknown> = AnyMember<Data, User>;

/** A person, in all of its tabs. */
export interface RoomUser<Data = unknown> {
  readonly user: User;
  /** `online` if one of its members is; `offline`: it was here and is gone. */
  readonly status: MemberStatus | "offline";
  readonly members: readonly Member<Data>[];
  readonly lastSeenMs: number;
}

/** This client's own part. */
export interface Self<Data = unknown> {
  /** Undefined until the server has issued one. */
  readonly id: string | undefined;
  readonly data: Data;
}

/** What somebody here broadcast. */
export interface RoomMessage<Data = unknown, EventData = unknown> {
  readonly event: string;
  readonly data: EventData;
  /** Who it was; undefined: the server, or somebody who is not told here. */
  readonly from: Member<Data> | undefined;
}

export interface PresenceOptions {
  /** Without a touch for so long, this client is `away`; as it is while its page is hidden. Default 5 minutes. */
  readonly idleMs?: number;
}

/** A client's handle of one room. */
export interface Presence<Data = unknown, Input = Data, E extends ChannelEvents = ChannelEvents> {
  readonly topic: string;
  readonly self: Readable<Self<Data>>;
  /** Everybody but this client. */
  readonly others: Readable<readonly Member<Data>[]>;
  /** Everybody, this client as the server has it. */
  readonly members: Readable<readonly Member<Data>[]>;
  /** Everybody by person, and who was here lately. */
  readonly users: Readable<readonly RoomUser<Data>[]>;
  /** The view is out of date: the line is down, or the first of it is not here yet. */
  readonly stale: Readable<boolean>;
  readonly status: Readable<TopicStatus>;
  /** Why the server refused this room, or the newest of what this client wanted to show in it; undefined once it accepted something. */
  readonly error: Readable<SyncError | undefined>;
  /** Merges into this client's part: at once here, gathered and told up to ten times a second. A key that is undefined is taken out. */
  set(patch: Partial<Input>): void;
  /** One of the others, or this client; undefined while it is not here. */
  member(id: string): Readable<Member<Data> | undefined>;
  user(id: string): Readable<RoomUser<Data> | undefined>;
  /**
   * To everybody who is here now, this client not included. `lossy`: dropped rather than queued for whoever cannot read so fast, the
   * newest of a turn alone. False: this client is not in the room now, and nothing was sent.
   */
  broadcast<N extends Extract<keyof E, string>>(event: N, data: InputOf<E[N]>, options?: { readonly lossy?: boolean }): boolean;
  /** Calls `run` for each such event that somebody else broadcast. */
  on<N extends Extract<keyof E, string>>(event: N, run: (message: RoomMessage<Data, OutputOf<E[N]>>) => void): Unsubscribe;
  /** Leaves, if this handle joined. Safe twice. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Joins the room with that data, or without any, only looks. Two handles of one room share its subscription and this client's member. */
export function presence<D, I, E extends ChannelEvents>(
  client: object,
  ref: RefOrName<"presence", RoomShape<D, I, E>>,
  data?: NoInfer<I>,
  { idleMs = 300_000 }: PresenceOptions = {},
): Presence<D, I, E> {
  const room = roomOf(coreOf(client), topicOf(ref));
  const { state, held, computed, id } = room;
  const leave = data === undefined ? undefined : room.join(data as never, idleMs);
  const open = new Set<Unsubscribe>();

  const everybody = (): readonly Member<D>[] => state.members as readonly Member<D>[];
  const withoutSelf = keeping((members: readonly Member<D>[]) => members.filter((member) => !room.isOwn(member.id)));
  const byUser = groups<D>();
  const users = (): readonly RoomUser<D>[] => byUser(everybody(), state);
  let self: Self<D> | undefined;

  const handle: Presence<D, I, E> = {
    topic: room.topic,
    self: computed(() => {
      const now = { id: id.get(), data: room.data.get() as D };
      if (!self || self.id !== now.id || self.data !== now.data) self = now;
      return self;
    }),
    others: computed(() => withoutSelf(everybody())),
    members: computed(everybody),
    users: computed(users),
    stale: computed(() => held.status.get() !== "live"),
    status: held.status,
    error: computed(() => held.error ?? room.refused.get()),
    set: (patch) => room.set(patch),
    member: (of) => computed(() => state.byId.get(of) as Member<D> | undefined),
    user: (of) => computed(() => users().find(({ user }) => userIdOf(user) === of)),
    broadcast: (event, value, { lossy = false } = {}) => room.tell(event, value, lossy),
    on(event, run) {
      const stop = room.onTold((told) => {
        if (told.event !== event || (told.from !== null && room.isOwn(told.from))) return;
        const from = told.from === null ? undefined : (state.byId.get(told.from) as Member<D> | undefined);
        run({ event, data: told.data as never, from });
      });
      open.add(stop);
      return () => {
        open.delete(stop);
        stop();
      };
    },
    close() {
      for (const stop of open) stop();
      open.clear();
      leave?.();
    },
    [Symbol.dispose]: () => handle.close(),
  };
  return handle;
}

/** What `make` makes; the same array as before where all in it are the same. */
export function keeping<T, A extends unknown[]>(make: (...args: A) => readonly T[]): (...args: A) => readonly T[] {
  let kept: readonly T[] = [];
  return (...args) => {
    const next = make(...args);
    if (next.length !== kept.length || next.some((each, index) => each !== kept[index])) kept = next;
    return kept;
  };
}

const ranks: readonly RoomUser["status"][] = ["online", "away", "reconnecting", "offline"];

/** Members by their users; a user whose members are the same is the same. */
function groups<D>(): (
  members: readonly Member<D>[],
  state: { readonly gone: ReadonlyMap<string, unknown>; readonly version: number },
) => readonly RoomUser<D>[] {
  let before = new Map<string, RoomUser<D>>();
  let version = -1;
  let list: readonly RoomUser<D>[] = [];
  const keep = keeping((users: readonly RoomUser<D>[]) => users);
  return (members, state) => {
    if (state.version === version) return list;
    version = state.version;
    const byId = new Map<string, Member<D>[]>();
    for (const member of members) {
      const id = userIdOf(member.user) ?? member.id;
      const own = byId.get(id);
      if (own) own.push(member);
      else byId.set(id, [member]);
    }
    const next = new Map<string, RoomUser<D>>();
    const add = (id: string, user: User, own: readonly Member<D>[], lastSeenMs: number): void => {
      const old = before.get(id);
      const isSame = old && old.lastSeenMs === lastSeenMs && old.members.length === own.length;
      if (isSame && own.every((member, index) => member === old.members[index])) return void next.set(id, old);
      const rank = Math.min(ranks.length - 1, ...own.map(({ status }) => ranks.indexOf(status)));
      next.set(id, { user, status: ranks[rank] as MemberStatus, members: own, lastSeenMs });
    };
    for (const [id, own] of byId) {
      add(id, (own[0] as Member<D>).user, own, Math.max(...own.map(({ lastSeenMs }) => lastSeenMs)));
    }
    for (const [id, gone] of state.gone as ReadonlyMap<string, { readonly user: User; readonly lastSeenMs: number }>) {
      if (!next.has(id)) add(id, gone.user, [], gone.lastSeenMs);
    }
    before = next;
    list = keep([...next.values()]);
    return list;
  };
}
