/**
 * Presence as hooks: this client's part of a room, and the others'.
 *
 * Always: a client is a member while a component is mounted that calls `useMyPresence`, and one member however many do; the others only
 * look. A component renders again only when what it selected changed.
 * Rules: docs/guides/presence.md.
 */
import { useCallback, useEffect, useMemo } from "react";
import type { ChannelEvents, InputOf, OutputOf, Ref, RoomShape } from "sente-sync";
import {
  type Member,
  type Presence,
  type PresenceOptions,
  presence,
  type RoomMessage,
  type RoomUser,
  type Self,
} from "sente-sync/client";
import { useLatest } from "../latest.ts";
import { useClient } from "../provider.ts";
import { sameItems, useReadable } from "./readable.ts";

export type RoomRef<D, I, E extends ChannelEvents = ChannelEvents> = Ref<"presence", RoomShape<D, I, E>>;

const nobody: readonly never[] = [];
const same = <T>(value: T): T => value;
const noSelf: Self<never> = { id: undefined, data: {} as never };

/** A handle that only looks. */
export function useRoom<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>): Presence<D, I, E> {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  return useMemo(() => presence(client, ref), [client, ref.topic]);
}

/** Makes this client a member of the room while mounted, with that data to begin with; its data, and how to change it. */
export function useMyPresence<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  initial: NoInfer<I>,
  options?: PresenceOptions,
): [data: D, update: (patch: Partial<I>) => void] {
  const client = useClient();
  const room = useRoom(ref);
  const latest = useLatest({ initial, options, ref });
  const { topic } = ref;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  useEffect(() => {
    const now = latest.current;
    const joined = presence(client, now.ref, now.initial, now.options);
    return joined.close;
  }, [client, topic, latest]);
  const self = useReadable(room.self, noSelf as Self<D>, same);
  // Until it joined, what it will join with.
  const data = Object.keys(self.data as object).length ? self.data : (initial as unknown as D);
  return [data, room.set];
}

/** How to change this client's data; it renders nothing again. */
export function useUpdateMyPresence<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>): (patch: Partial<I>) => void {
  return useRoom(ref).set;
}

/** This client's part, or what `select` takes from it. */
export function useSelf<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>): Self<D>;
export function useSelf<D, I, E extends ChannelEvents, R>(
  ref: RoomRef<D, I, E>,
  select: (self: Self<D>) => R,
  isEqual?: (one: R, other: R) => boolean,
): R;
export function useSelf<D, I, E extends ChannelEvents, R>(
  ref: RoomRef<D, I, E>,
  select: (self: Self<D>) => R = same as never,
  isEqual?: (one: R, other: R) => boolean,
): R {
  return useReadable(useRoom(ref).self, noSelf as Self<D>, select, isEqual);
}

/** Everybody else, or what `select` takes from them. */
export function useOthers<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>): readonly Member<D>[];
export function useOthers<D, I, E extends ChannelEvents, R>(
  ref: RoomRef<D, I, E>,
  select: (others: readonly Member<D>[]) => R,
  isEqual?: (one: R, other: R) => boolean,
): R;
export function useOthers<D, I, E extends ChannelEvents, R>(
  ref: RoomRef<D, I, E>,
  select: (others: readonly Member<D>[]) => R = same as never,
  isEqual?: (one: R, other: R) => boolean,
): R {
  return useReadable(useRoom(ref).others, nobody as readonly Member<D>[], select, isEqual);
}

/** One member, or what `select` takes from it; undefined while it is not here. */
export function useOther<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>, id: string): Member<D> | undefined;
export function useOther<D, I, E extends ChannelEvents, R>(
  ref: RoomRef<D, I, E>,
  id: string,
  select: (member: Member<D>) => R,
  isEqual?: (one: R | undefined, other: R | undefined) => boolean,
): R | undefined;
export function useOther<D, I, E extends ChannelEvents, R>(
  ref: RoomRef<D, I, E>,
  id: string,
  select: (member: Member<D>) => R = same as never,
  isEqual?: (one: R | undefined, other: R | undefined) => boolean,
): R | undefined {
  const room = useRoom(ref);
  const member = useMemo(() => room.member(id), [room, id]);
  const selected = useCallback((each: Member<D> | undefined) => (each ? select(each) : undefined), [select]);
  return useReadable<Member<D> | undefined, R | undefined>(member, undefined, selected, isEqual);
}

/** Ids of the others with what `select` takes from each; it renders again when somebody comes or goes, or one of the results changed. */
export function useOthersMapped<D, I, E extends ChannelEvents, R>(
  ref: RoomRef<D, I, E>,
  select: (member: Member<D>) => R,
  isEqual: (one: R, other: R) => boolean = Object.is,
): readonly (readonly [id: string, result: R])[] {
  type Pairs = readonly (readonly [id: string, result: R])[];
  const selected = useCallback(
    (others: readonly Member<D>[]): Pairs => others.map((member) => [member.id, select(member)] as const),
    [select],
  );
  const equal = useCallback(
    (one: Pairs, other: Pairs): boolean =>
      one.length === other.length &&
      one.every(([id, result], index) => id === other[index]?.[0] && isEqual(result, other[index][1])),
    [isEqual],
  );
  return useOthers(ref, selected, equal);
}

/** Everybody by person, and who was here lately. */
export function useRoomUsers<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>): readonly RoomUser<D>[] {
  return useReadable(useRoom(ref).users, nobody as readonly RoomUser<D>[], same, sameItems as never);
}

/** The view is out of date: the line is down, or nobody is known yet. */
export function useStale<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>): boolean {
  return useReadable(useRoom(ref).stale, true, same);
}

/** Broadcasts to who is here now. */
export function useBroadcastEvent<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
): <N extends Extract<keyof E, string>>(event: N, data: InputOf<E[N]>, options?: { readonly lossy?: boolean }) => boolean {
  return useRoom(ref).broadcast;
}

/** Calls the latest `run` for each such event that somebody else broadcast. */
export function useEventListener<D, I, E extends ChannelEvents, N extends Extract<keyof E, string>>(
  ref: RoomRef<D, I, E>,
  event: N,
  run: (message: RoomMessage<D, OutputOf<E[N]>>) => void,
): void {
  const room = useRoom(ref);
  const latest = useLatest(run);
  useEffect(() => room.on(event, (message) => latest.current(message)), [room, event, latest]);
}
