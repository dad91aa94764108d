/**
 * `useChannel` and `useEventListener`: events while a component is mounted.
 *
 * Always: each event goes to the callbacks of the latest render; other callbacks do not subscribe anew.
 * Rules: docs/guides/react.md.
 */
import { useEffect, useMemo } from "react";
import type { ChannelEvents, EventData, EventName, RefOrName, RegisteredEvents } from "sente-sync";
import {
  type ClientChannel,
  channel,
  type EventMessage,
  type Gap,
  type LifecycleEvents,
  type MessageOf,
  type SubscribeOptions,
} from "sente-sync/client";
import { useLatest } from "./latest.ts";
import { useClient } from "./provider.ts";
import { topicOf } from "./topic.ts";

/** A channel to publish to. With `onMessage` it is subscribed while mounted, from `options.from` on. */
export function useChannel<E extends ChannelEvents>(
  ref: RefOrName<"channel", E>,
  onMessage?: (message: MessageOf<E>) => void,
  options: SubscribeOptions = {},
): ClientChannel<E> {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const handle = useMemo(() => channel<E>(client, ref), [client, topicOf(ref)]);
  const latest = useLatest({ onMessage, onGap: options.onGap });
  const isRead = onMessage !== undefined;
  const { from = "latest" } = options;
  useEffect(() => {
    if (!isRead) return;
    const onGap = (gap: Gap): void => latest.current.onGap?.(gap);
    return handle.subscribe((message) => latest.current.onMessage?.(message), { from, onGap });
  }, [handle, isRead, from, latest]);
  return handle;
}

type Run = (message: never) => void;

/** Calls `run` on what happens to the line. */
export function useEventListener<K extends keyof LifecycleEvents>(name: K, run: (fact: LifecycleEvents[K]) => void): void;
/** Calls `run` on each event that the server pushes under that name. */
export function useEventListener<N extends EventName<RegisteredEvents>>(
  name: N,
  run: (message: EventMessage<EventData<RegisteredEvents, N>>) => void,
): void;
/** Calls `run` on each such event of a channel. */
export function useEventListener<E extends ChannelEvents, N extends Extract<keyof E, string>>(
  ref: RefOrName<"channel", E>,
  event: N,
  run: (message: MessageOf<Pick<E, N>>) => void,
  options?: SubscribeOptions,
): void;
export function useEventListener(
  target: RefOrName<"channel", ChannelEvents>,
  second: string | Run,
  third?: Run,
  { from = "latest", onGap }: SubscribeOptions = {},
): void {
  const client = useClient();
  const event = typeof second === "string" ? second : undefined;
  const latest = useLatest({ run: (third ?? second) as (message: unknown) => void, onGap });
  const topic = topicOf(target);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  useEffect(() => {
    if (event === undefined) return client.on(topic, (message) => latest.current.run(message));
    const run = (message: { readonly event: string }): void => {
      if (message.event === event) latest.current.run(message);
    };
    return channel(client, target).subscribe(run, { from, onGap: (gap) => latest.current.onGap?.(gap) });
  }, [client, topic, event, from, latest]);
}
