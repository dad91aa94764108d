/**
 * `topic`: the state of a topic of the application's own kind as a live value, with `send`.
 *
 * Always: as topic.ts says of every value.
 * Rules: docs/guides/own-kinds.md.
 */
import type { OwnShape, Ref } from "sente-sync";
import { type ClientTopic, derived, topic as topicOf } from "sente-sync/client";
import { type AnyClient, withClient } from "./client.ts";
import { createLive, following, type Live, type OrGetter } from "./live.ts";

type OwnRef<T, Given> = OrGetter<Ref<"own", OwnShape<T, Given>>>;

/** A live value with what sends to it. */
export interface LiveTopic<R, Given> extends Live<R> {
  /** To the topic that the ref names now. */
  readonly send: ClientTopic<unknown, Given>["send"];
}

/** The state, undefined until it is here; of the client given, or of the one that `setClient` set. */
export function topic<T, Given>(client: AnyClient, ref: OwnRef<T, Given>): LiveTopic<T | undefined, Given>;
export function topic<T, Given, R>(
  client: AnyClient,
  ref: OwnRef<T, Given>,
  select: (state: T) => R,
): LiveTopic<R | undefined, Given>;
export function topic<T, Given>(ref: OwnRef<T, Given>): LiveTopic<T | undefined, Given>;
/** What `select` takes from the state; undefined until it is here. */
export function topic<T, Given, R>(ref: OwnRef<T, Given>, select: (state: T) => R): LiveTopic<R | undefined, Given>;
export function topic<T, Given, R>(...args: unknown[]): LiveTopic<R | undefined, Given> {
  const [client, ref, select = (state: T) => state] = withClient<[OwnRef<T, Given>, ((state: T) => R)?]>(args);
  const handle = following(ref, (now) => topicOf<T, Given>(client, now));
  const live = createLive(ref, () => derived(handle(), (state) => (state === undefined ? undefined : (select(state) as R))));
  return Object.defineProperties(live, { send: { get: () => handle().send } }) as LiveTopic<R | undefined, Given>;
}
