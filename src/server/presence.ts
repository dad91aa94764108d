/**
 * `presence(sync, ref)` on the server: who is in a room now, and what each of them shows of itself.
 *
 * Always: nothing of it is stored or logged; a member's id is the server's word, and its data passed schema, hook and limits.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE26, NEAR1-NEAR6, PRESENTER1-PRESENTER8.
 */
import type { ChannelEvents, Pattern, Ref, RoomShape } from "../core/definitions.ts";
import { toRef } from "../core/definitions.ts";
import type { User } from "../core/register.ts";
import type { InputOf, Schema } from "../core/schema.ts";
import type { Readable } from "../core/store.ts";
import type { Member } from "../kind/presence.ts";
import { coreOf } from "./core.ts";
import { declareKind, type Family, optionsOf, type ParamValues } from "./family.ts";
import type { Authorize } from "./grants.ts";
import type { Hosted } from "./hosted.ts";
import type { MemberUpdate } from "./presence-checks.ts";
import type { PresenterOptions } from "./presence-director.ts";
import { defaultPresenceLimits, type PresenceCounters, type PresenceLimits } from "./presence-limits.ts";
import type { Cells, NearOptions } from "./presence-near.ts";
import { Room } from "./presence-room.ts";

export interface ServerRoomOptions<Data = unknown, P extends ParamValues = ParamValues> {
  /** Asked for `read`, and for `presence`: to be a member. */
  readonly authorize?: Authorize;
  /**
   * Called with what a member wants to show, before anybody sees it: what it returns is shown instead. Throws SyncError to refuse;
   * whoever asked is told.
   */
  readonly onUpdate?: (update: {
    /** Undefined while it joins. */
    readonly id: string | undefined;
    readonly user: User;
    readonly data: Data;
    /** As it was; undefined while it joins. */
    readonly before: Data | undefined;
    readonly params: P;
  }) => Data | void;
  /** How long a member is waited for whose line was lost. Default 5 000. */
  readonly graceMs?: number;
  readonly limits?: Partial<PresenceLimits>;
  /** Members are told by area, to those who look there: for rooms of thousands. */
  readonly near?: NearOptions<Data>;
  /** Who may present, and who is next. */
  readonly presenter?: PresenterOptions;
}

/** A server's handle of one room. */
export interface ServerRoom<Data = unknown, E extends ChannelEvents = ChannelEvents, Stage = unknown> {
  readonly topic: string;
  /** Everybody in it; told at the end of the turn in which that changed. */
  readonly members: Readable<readonly Member<Data, User>[]>;
  readonly counters: Readonly<PresenceCounters>;
  /** To all who are here now; `from` is null to them. Throws SyncError `invalid` for what its schema refuses. */
  broadcast<N extends Extract<keyof E, string>>(event: N, data: InputOf<E[N]>, options?: { readonly lossy?: boolean }): void;
  readonly stage: {
    /** Id of the member that presents. */
    readonly presenter: string | null;
    readonly value: Stage | null;
  };
  /** Lets that member present; null: nobody. Throws SyncError `not-found` for who is not here. */
  setPresenter(id: string | null): void;
  /** Shows something, whoever presents. */
  show(value: Stage): void;
}

export function presence<D, I, E extends ChannelEvents, S, P extends ParamValues>(
  server: object,
  pattern: Pattern<"presence", RoomShape<D, I, E, S>, P>,
  options?: ServerRoomOptions<D, P>,
): Family<ServerRoom<D, E, S>, P>;
export function presence<D, I, E extends ChannelEvents, S>(
  server: object,
  ref: Ref<"presence", RoomShape<D, I, E, S>>,
  options?: ServerRoomOptions<D>,
): ServerRoom<D, E, S>;
export function presence(server: object, name: string, options?: ServerRoomOptions): ServerRoom;
export function presence(
  server: object,
  target: Ref<"presence"> | Pattern<"presence", unknown, never> | string,
  given: object = {},
): object {
  const options = given as ServerRoomOptions;
  const core = coreOf(server);
  const { schema, events, stage } = optionsOf(target) as { schema?: Schema; events?: ChannelEvents; stage?: Schema };
  const rooms = new Map<string, Room>();
  const near = options.near;
  const host = (name: string, params: ParamValues, onHandle: (handle: ServerRoom) => void): Hosted => {
    const room = new Room(core, name, {
      params,
      schema,
      events: events && new Map(Object.entries(events)),
      stage,
      onUpdate: options.onUpdate as ((update: MemberUpdate) => unknown) | undefined,
      graceMs: options.graceMs ?? 5000,
      limits: { ...defaultPresenceLimits, ...options.limits },
      near,
      presenter: options.presenter,
    });
    rooms.set(name, room);
    onHandle(handleOf(room));
    return {
      topic: room.main.topic,
      ask: (connection, subscription, request) => room.ask(connection, subscription, request),
      isEmpty: () => room.isEmpty,
      close() {
        room.close();
        rooms.delete(name);
      },
    };
  };
  const declaration = { authorize: options.authorize, writeAction: "presence" } as const;
  if (near) {
    const { pattern } = toRef("presence", target as Ref | string);
    core.topics.declare({
      ...declaration,
      kind: "presence",
      pattern: `${pattern}/@near/:cell`,
      companionOf: pattern,
      isDerived: true,
      async host(name, { cell = "" }) {
        const parent = name.slice(0, name.lastIndexOf("/@near/"));
        await core.topics.open(parent);
        const { cells } = rooms.get(parent) as Room;
        return (cells as Cells).open(cell, name);
      },
    });
  }
  return declareKind<ServerRoom>(core, "presence", target, declaration, host);
}

function handleOf(room: Room): ServerRoom {
  /** Throws SyncError `closed` where it was let go, or deleted. */
  const open = (): Room => {
    room.main.topic.checkOpen();
    return room;
  };
  return {
    topic: room.name,
    members: room.store as Readable<readonly Member<unknown, User>[]>,
    counters: room.counters,
    broadcast: (event, data, { lossy = false } = {}) => open().tell(undefined, event, data, lossy),
    get stage() {
      return room.director.stage;
    },
    setPresenter: (id) => open().director.give(id),
    show: (value) => open().director.show(value),
  };
}
