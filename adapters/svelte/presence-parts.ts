/**
 * `cursors` and `avatarStack`: actions that draw others' pointers over an element, and who is here into a list.
 *
 *   const over = cursors(lobby);              // <div use:over>…</div>
 *   const here = avatarStack(lobby);          // <ul use:here></ul>
 *
 * Always: where a getter names the room, what is drawn follows it; classes and CSS variables change all looks.
 * Rules: docs/guides/presence.md.
 */
import type { ChannelEvents, Ref, RoomShape } from "sente-sync";
import type { Unsubscribe } from "sente-sync/client";
import { type AvatarStackOptions, type CursorsOptions, cursors as drawCursors, avatarStack as drawStack } from "sente-sync/dom";
import { toStore } from "svelte/store";
import { type AnyClient, withClient } from "./client.ts";
import { following, type OrGetter } from "./live.ts";

type RoomRef<D, I, E extends ChannelEvents> = OrGetter<Ref<"presence", RoomShape<D, I, E>>>;

/** For `use:` on an element of that kind. */
export type PresenceAction<N extends HTMLElement> = (node: N) => { destroy(): void };

/** Everybody's pointer over the element that it is used on. */
export function cursors<D, I, E extends ChannelEvents>(
  client: AnyClient,
  ref: RoomRef<D, I, E>,
  options?: CursorsOptions<D>,
): PresenceAction<HTMLElement>;
export function cursors<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  options?: CursorsOptions<D>,
): PresenceAction<HTMLElement>;
export function cursors<D, I, E extends ChannelEvents>(...args: unknown[]): PresenceAction<HTMLElement> {
  const [client, ref, options] = withClient<[RoomRef<D, I, E>, CursorsOptions<D>?]>(args);
  return drawing(ref, (now, node) => drawCursors(client, now, node, options));
}

/** Who is here, one avatar per person, in the `<ul>` that it is used on. */
export function avatarStack<D, I, E extends ChannelEvents>(
  client: AnyClient,
  ref: RoomRef<D, I, E>,
  options?: AvatarStackOptions<D>,
): PresenceAction<HTMLUListElement>;
export function avatarStack<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  options?: AvatarStackOptions<D>,
): PresenceAction<HTMLUListElement>;
export function avatarStack<D, I, E extends ChannelEvents>(...args: unknown[]): PresenceAction<HTMLUListElement> {
  const [client, ref, options] = withClient<[RoomRef<D, I, E>, AvatarStackOptions<D>?]>(args);
  return drawing(ref, (now, node) => drawStack(client, now, node, options));
}

/** Draws for the present ref while the element is there, and anew when its topic changes. */
function drawing<R extends Ref, N extends HTMLElement>(
  ref: OrGetter<R>,
  draw: (ref: R, node: N) => Unsubscribe,
): PresenceAction<N> {
  const present = following(ref, (now) => now);
  // Made here, in the component's script: within an action, Svelte would run the action again.
  const store = toStore(present);
  return (node) => {
    let last: R | undefined;
    let stop: Unsubscribe | undefined;
    const end = store.subscribe((now) => {
      if (now === last) return;
      last = now;
      stop?.();
      stop = draw(now, node);
    });
    return {
      destroy() {
        end();
        stop?.();
      },
    };
  };
}
