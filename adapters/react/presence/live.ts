/**
 * What people do in a room, as hooks: point, type, follow one another.
 *
 * Always: what is shown of a pointer is redrawn by frames of the browser only while one of them moves.
 * Rules: docs/guides/presence.md.
 */
import { type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { ChannelEvents } from "sente-sync";
import { type Member, type Pointer, type PointerOptions, pointers } from "sente-sync/client";
import { useLatest } from "../latest.ts";
import { useClient } from "../provider.ts";
import { type RoomRef, useOthers, useRoom } from "./hooks.ts";
import { sameItems } from "./readable.ts";

/** Puts on an element whose pointer is shown to others; positions are from its upper left corner. */
export interface PointerHandlers {
  onPointerMove(event: PointerEvent): void;
  onPointerLeave(): void;
}

/** The others' pointers as they are shown at this moment, and what makes this one's known. */
export function usePointer<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  { key = "cursor", everyMs = 50, restMs = 200 }: PointerOptions = {},
): [pointers: readonly Pointer<D>[], handlers: PointerHandlers] {
  const client = useClient();
  const { topic } = ref;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const shared = useMemo(() => pointers(client, ref, { key, everyMs, restMs }), [client, topic, key, everyMs, restMs]);
  const [shown, setShown] = useState<readonly Pointer<D>[]>([]);
  useEffect(() => {
    let frame = 0;
    const draw = (): void => {
      frame = 0;
      setShown(shared.get());
      if (shared.isMoving) ask();
    };
    const ask = (): void => {
      frame ||= requestAnimationFrame(draw);
    };
    const stop = shared.listen(ask);
    ask();
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [shared]);
  const handlers = useMemo(
    (): PointerHandlers => ({
      onPointerMove({ currentTarget, clientX, clientY }) {
        const { left, top } = currentTarget.getBoundingClientRect();
        shared.move(clientX - left, clientY - top);
      },
      onPointerLeave: shared.leave,
    }),
    [shared],
  );
  return [shown, handlers];
}

/** Who types now, and what to call when this client does. */
export function useTypingIndicator<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  { key = "typing", idleMs = 3000 }: { readonly key?: string; readonly idleMs?: number } = {},
): [typing: readonly Member<D>[], handlers: { onInput(): void; onBlur(): void }] {
  const { set } = useRoom(ref);
  const isTyping = useCallback(
    (others: readonly Member<D>[]) => others.filter(({ data }) => (data as { readonly [name: string]: unknown })[key] === true),
    [key],
  );
  const typing = useOthers(ref, isTyping, sameItems as never);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const handlers = useMemo(() => {
    const tell = (value: boolean): void => set({ [key]: value } as never);
    const end = (): void => {
      if (timer.current === undefined) return;
      clearTimeout(timer.current);
      timer.current = undefined;
      tell(false);
    };
    return {
      onInput() {
        if (timer.current === undefined) tell(true);
        else clearTimeout(timer.current);
        timer.current = setTimeout(end, idleMs);
      },
      onBlur: end,
    };
  }, [set, key, idleMs]);
  useEffect(() => handlers.onBlur, [handlers]);
  return [typing, handlers];
}

export interface Following<D> {
  /** Whom this client follows; undefined: nobody. */
  readonly following: Member<D> | undefined;
  follow(id: string): void;
  stop(): void;
}

/** Follows one of the others: `onChange` is called with the member at once and each time that it changes, until it is gone. */
export function useFollow<D, I, E extends ChannelEvents>(
  ref: RoomRef<D, I, E>,
  onChange?: (member: Member<D>) => void,
): Following<D> {
  const room = useRoom(ref);
  const [id, setId] = useState<string>();
  const find = useCallback((others: readonly Member<D>[]) => others.find((member) => member.id === id), [id]);
  const following = useOthers(ref, find);
  const latest = useLatest(onChange);
  useEffect(() => {
    if (following) latest.current?.(following);
    else if (id !== undefined && !room.stale.get()) setId(undefined);
  }, [following, id, latest, room]);
  const stop = useCallback(() => setId(undefined), []);
  return { following, follow: setId, stop };
}
