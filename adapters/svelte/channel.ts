/**
 * `channel` and `listen`: events for the life of a component.
 *
 * Always: like `onMount`, callbacks belong to the component whose script calls it, and end with it; elsewhere use the
 * `subscribe` of the channel, or `client.on`.
 * Rules: docs/guides/svelte.md.
 */
import type { ChannelEvents, EventData, EventName, RefOrName, RegisteredEvents } from "sente-sync";
import {
  type ClientChannel,
  channel as channelOf,
  type EventMessage,
  type LifecycleEvents,
  type MessageOf,
  type SubscribeOptions,
} from "sente-sync/client";
import { type AnyClient, withClient } from "./client.ts";
import { following, type OrGetter, whileMounted } from "./live.ts";

type ChannelRef<E extends ChannelEvents> = OrGetter<RefOrName<"channel", E>>;

/** A channel; where a getter names it, always the present one. */
export type LiveChannel<E extends ChannelEvents> = Pick<ClientChannel<E>, "topic" | "publish" | "subscribe">;

/** A channel to publish to. With `onMessage` it is subscribed while the component is mounted. */
export function channel<E extends ChannelEvents>(
  client: AnyClient,
  ref: ChannelRef<E>,
  onMessage?: (message: MessageOf<E>) => void,
  options?: SubscribeOptions,
): LiveChannel<E>;
export function channel<E extends ChannelEvents>(
  ref: ChannelRef<E>,
  onMessage?: (message: MessageOf<E>) => void,
  options?: SubscribeOptions,
): LiveChannel<E>;
export function channel<E extends ChannelEvents>(...args: unknown[]): LiveChannel<E> {
  type Rest = [ChannelRef<E>, ((message: MessageOf<E>) => void)?, SubscribeOptions?];
  const [client, ref, onMessage, options] = withClient<Rest>(args);
  const present = following(ref, (now) => channelOf<E>(client, now));
  if (onMessage) whileMounted(present, (handle) => handle.subscribe(onMessage, options));
  return {
    get topic() {
      return present().topic;
    },
    publish: (event, data) => present().publish(event, data),
    subscribe: (run, more) => present().subscribe(run, more),
  };
}

type Pushed<N extends EventName<RegisteredEvents>> = EventMessage<EventData<RegisteredEvents, N>>;
type Published<E extends ChannelEvents, N extends keyof E> = MessageOf<Pick<E, N>>;

/** Calls `run` on what happens to the line. */
export function listen<K extends keyof LifecycleEvents>(name: K, run: (fact: LifecycleEvents[K]) => void): void;
export function listen<K extends keyof LifecycleEvents>(
  client: AnyClient,
  name: K,
  run: (fact: LifecycleEvents[K]) => void,
): void;
/** Calls `run` on each event that the server pushes under that name. */
export function listen<N extends EventName<RegisteredEvents>>(name: N, run: (message: Pushed<N>) => void): void;
export function listen<N extends EventName<RegisteredEvents>>(
  client: AnyClient,
  name: N,
  run: (message: Pushed<N>) => void,
): void;
/** Calls `run` on each such event of a channel. */
export function listen<E extends ChannelEvents, N extends Extract<keyof E, string>>(
  ref: ChannelRef<E>,
  event: N,
  run: (message: Published<E, N>) => void,
  options?: SubscribeOptions,
): void;
export function listen<E extends ChannelEvents, N extends Extract<keyof E, string>>(
  client: AnyClient,
  ref: ChannelRef<E>,
  event: N,
  run: (message: Published<E, N>) => void,
  options?: SubscribeOptions,
): void;
export function listen(...args: unknown[]): void {
  type Run = (message: { readonly event: string }) => void;
  type Rest = [ChannelRef<ChannelEvents>, string | Run, Run?, SubscribeOptions?];
  const [client, target, second, run, options] = withClient<Rest>(args);
  if (typeof second === "function")
    return whileMounted(
      () => target as string,
      (name) => client.on(name, second),
    );
  const each: Run = (message) => message.event === second && run?.(message);
  whileMounted(
    following(target, (now) => channelOf(client, now)),
    (handle) => handle.subscribe(each, options),
  );
}
