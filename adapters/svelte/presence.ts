/**
 * `sente-sync/svelte/presence`: `presence`, `pointer`, `typing`, `follow` and `presenter`, who is in a room and what they do there, as live
 * values; and what draws them.
 *
 * Always: with data this client is a member from the mount of the component to its end; without, it only looks. A frame of the browser is
 * asked for only while a pointer moves.
 * Rules: docs/guides/presence.md.
 */
import type { ChannelEvents, Ref, RoomShape } from "sente-sync";
import {
  derived,
  type Member,
  type Pointer,
  type PointerOptions,
  type Presence,
  type PresenceOptions,
  type Presenter,
  pointers as pointersOf,
  presence as presenceOf,
  presenter as presenterOf,
  type Readable,
  type RoomUser,
  type Self,
} from "sente-sync/client";
import { onDestroy } from "svelte";
import { type AnyClient, withClient } from "./client.ts";
import { createLive, following, type Live, type OrGetter, whileMounted } from "./live.ts";

export { avatarStack, cursors, type PresenceAction } from "./presence-parts.ts";

type RoomRef<D, I, E extends ChannelEvents, S = unknown> = OrGetter<Ref<"presence", RoomShape<D, I, E, S>>>;

/** A room; where a getter names it, always the present one. */
export interface LiveRoom<D, I, E extends ChannelEvents> {
  readonly self: Live<Self<D>>;
  readonly others: Live<readonly Member<D>[]>;
  /** What `select` takes from the others: effects run again only when that changed by `isEqual`. */
  select<R>(select: (others: readonly Member<D>[]) => R, isEqual?: (one: R, other: R) => boolean): Live<R>;
  readonly users: Live<readonly RoomUser<D>[]>;
  readonly stale: Live<boolean>;
  /** `set`, `broadcast`, `on` and the rest, of the room that the ref names now. */
  readonly handle: Presence<D, I, E>;
}

/** The room, of the client given or of the one that `setClient` set. With `data` this client is a member while the component is mounted. */
export function presence<D, I, E extends ChannelEvents>(
  client: AnyClient,
  ref: RoomRef<D, I, E>,
  data?: NoInfer<I>,
  options?: PresenceOptions,
): LiveRoom<D, I, E>;
export function presence<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  data?: NoInfer<I>,
  options?: PresenceOptions,
): LiveRoom<D, I, E>;
export function presence<D, I, E extends ChannelEvents>(...args: unknown[]): LiveRoom<D, I, E> {
  const [client, ref, data, options] = withClient<[RoomRef<D, I, E>, I?, PresenceOptions?]>(args);
  const handle = following(ref, (now) => presenceOf(client, now));
  if (data !== undefined) {
    const present = following(ref, (now) => now);
    whileMounted(present, (now) => presenceOf(client, now, data, options).close);
  }
  const live = <R>(find: (room: Presence<D, I, E>) => Readable<R>): Live<R> => createLive(ref, () => find(handle()));
  return {
    self: live((room) => room.self),
    others: live((room) => room.others),
    select: (select, isEqual = Object.is) => live((room) => derived(room.others, keepingEqual(select, isEqual))),
    users: live((room) => room.users),
    stale: live((room) => room.stale),
    get handle() {
      return handle();
    },
  };
}

/** `select`, which gives what it gave before where that is equal. */
function keepingEqual<T, R>(select: (value: T) => R, isEqual: (one: R, other: R) => boolean): (value: T) => R {
  let kept: { readonly value: R } | undefined;
  return (value) => {
    const next = select(value);
    if (!kept || !isEqual(kept.value, next)) kept = { value: next };
    return kept.value;
  };
}

/** The others' pointers as they are shown at this moment, and an action for the element whose pointer is shown to others. */
export interface LivePointers<D> extends Live<readonly Pointer<D>[]> {
  /** `use:pointers.track`; positions are from the element's upper left corner. */
  track(node: HTMLElement): { destroy(): void };
}

export function pointer<D, I, E extends ChannelEvents>(
  client: AnyClient,
  ref: RoomRef<D, I, E>,
  options?: PointerOptions,
): LivePointers<D>;
export function pointer<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>, options?: PointerOptions): LivePointers<D>;
export function pointer<D, I, E extends ChannelEvents>(...args: unknown[]): LivePointers<D> {
  const [client, ref, options] = withClient<[RoomRef<D, I, E>, PointerOptions?]>(args);
  const shared = following(ref, (now) => pointersOf(client, now, options));
  const live = createLive(ref, (): Readable<readonly Pointer<D>[]> => {
    const own = shared();
    let shown = own.get();
    const listen = (run: (value: readonly Pointer<D>[]) => void): (() => void) => {
      let frame = 0;
      const draw = (): void => {
        frame = 0;
        shown = own.get();
        run(shown);
        if (own.isMoving) ask();
      };
      const ask = (): void => {
        frame ||= requestAnimationFrame(draw);
      };
      const stop = own.listen(ask);
      ask();
      return () => {
        stop();
        cancelAnimationFrame(frame);
      };
    };
    return {
      get: () => shown,
      listen,
      subscribe(run) {
        run(shown);
        return listen(run);
      },
    };
  });
  const track = (node: HTMLElement): { destroy(): void } => {
    const move = ({ clientX, clientY }: PointerEvent): void => {
      const { left, top } = node.getBoundingClientRect();
      shared().move(clientX - left, clientY - top);
    };
    const leave = (): void => shared().leave();
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerleave", leave);
    return {
      destroy() {
        node.removeEventListener("pointermove", move);
        node.removeEventListener("pointerleave", leave);
      },
    };
  };
  return Object.defineProperty(live, "track", { value: track }) as LivePointers<D>;
}

/** Who types now, and what to call when this client does. */
export interface LiveTyping<D> extends Live<readonly Member<D>[]> {
  onInput(): void;
  onBlur(): void;
}

export function typing<D, I, E extends ChannelEvents>(
  client: AnyClient,
  ref: RoomRef<D, I, E>,
  options?: { readonly key?: string; readonly idleMs?: number },
): LiveTyping<D>;
export function typing<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  options?: { readonly key?: string; readonly idleMs?: number },
): LiveTyping<D>;
export function typing<D, I, E extends ChannelEvents>(...args: unknown[]): LiveTyping<D> {
  const [client, ref, options] = withClient<[RoomRef<D, I, E>, { readonly key?: string; readonly idleMs?: number }?]>(args);
  const { key = "typing", idleMs = 3000 } = options ?? {};
  const room = presence(client, ref);
  const types = ({ data }: Member<D>): boolean => (data as { readonly [name: string]: unknown })[key] === true;
  const isSame = (one: readonly unknown[], other: readonly unknown[]): boolean =>
    one.length === other.length && one.every((each, index) => each === other[index]);
  const live = room.select((others) => others.filter(types), isSame);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (value: boolean): void => room.handle.set({ [key]: value } as never);
  const end = (): void => {
    if (timer === undefined) return;
    clearTimeout(timer);
    timer = undefined;
    tell(false);
  };
  onDestroy(end);
  const handlers = {
    onInput() {
      if (timer === undefined) tell(true);
      else clearTimeout(timer);
      timer = setTimeout(end, idleMs);
    },
    onBlur: end,
  };
  return Object.defineProperties(live, Object.getOwnPropertyDescriptors(handlers)) as unknown as LiveTyping<D>;
}

/** Whom this client follows; undefined: nobody, or the one that it followed is gone. */
export interface LiveFollow<D> extends Live<Member<D> | undefined> {
  follow(id: string): void;
  stop(): void;
}

export function follow<D, I, E extends ChannelEvents>(client: AnyClient, ref: RoomRef<D, I, E>): LiveFollow<D>;
export function follow<D, I, E extends ChannelEvents>(ref: RoomRef<D, I, E>): LiveFollow<D>;
export function follow<D, I, E extends ChannelEvents>(...args: unknown[]): LiveFollow<D> {
  const [client, ref] = withClient<[RoomRef<D, I, E>]>(args);
  const changed = new Set<() => void>();
  let id: string | undefined;
  const choose = (next?: string): void => {
    id = next;
    for (const run of changed) run();
  };
  const live = createLive(ref, (now): Readable<Member<D> | undefined> => {
    const { others } = presenceOf(client, now);
    const get = (): Member<D> | undefined => others.get().find((member) => member.id === id);
    const listen = (run: (value: Member<D> | undefined) => void): (() => void) => {
      let last = get();
      const look = (): void => {
        const next = get();
        if (next === last) return;
        last = next;
        run(next);
      };
      changed.add(look);
      const stop = others.listen(look);
      return () => {
        changed.delete(look);
        stop();
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
  });
  return Object.defineProperties(live, {
    follow: { value: choose },
    stop: { value: () => choose() },
  }) as unknown as LiveFollow<D>;
}

/** The stage of a room, as live values. */
export interface LivePresenter<D, S> extends Pick<Presenter<D, S>, "take" | "hand" | "give" | "show"> {
  readonly presenter: Live<Member<D> | undefined>;
  readonly shown: Live<S | undefined>;
  readonly isPresenter: Live<boolean>;
}

/** One member shows, all others follow; to present, this client has to be a member. */
export function presenter<D, I, E extends ChannelEvents, S>(client: AnyClient, ref: RoomRef<D, I, E, S>): LivePresenter<D, S>;
export function presenter<D, I, E extends ChannelEvents, S>(ref: RoomRef<D, I, E, S>): LivePresenter<D, S>;
export function presenter<D, I, E extends ChannelEvents, S>(...args: unknown[]): LivePresenter<D, S> {
  const [client, ref] = withClient<[RoomRef<D, I, E, S>]>(args);
  const stage = following(ref, (now) => presenterOf(client, now));
  return {
    presenter: createLive(ref, () => stage().presenter),
    shown: createLive(ref, () => stage().shown),
    isPresenter: createLive(ref, () => stage().isPresenter),
    take: () => stage().take(),
    hand: (id) => stage().hand(id),
    give: () => stage().give(),
    show: (value) => stage().show(value),
  };
}
