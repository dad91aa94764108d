/**
 * `useTopic`: the state of a topic of the application's own kind, and how to send to it.
 *
 * Always: as topic.ts says of every value.
 * Rules: docs/guides/own-kinds.md.
 */
import { useMemo } from "react";
import type { OwnShape, Ref } from "sente-sync";
import { type ClientTopic, topic } from "sente-sync/client";
import { useClient } from "./provider.ts";
import { useValue } from "./topic.ts";

/** The state, undefined until it is here, and what sends an operation. */
export function useTopic<T, Given>(ref: Ref<"own", OwnShape<T, Given>>): [T | undefined, ClientTopic<T, Given>["send"]];
/** What `select` takes from the state, and what sends an operation. */
export function useTopic<T, Given, R>(
  ref: Ref<"own", OwnShape<T, Given>>,
  select: (state: T) => R,
  isEqual?: (one: R, other: R) => boolean,
): [R | undefined, ClientTopic<T, Given>["send"]];
export function useTopic<T, Given, R>(
  ref: Ref<"own", OwnShape<T, Given>>,
  select?: (state: T) => R,
  isEqual: (one: R, other: R) => boolean = Object.is,
): [R | undefined, ClientTopic<T, Given>["send"]] {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const handle = useMemo(() => topic(client, ref), [client, ref.topic]);
  return [useValue(handle, select, isEqual), handle.send];
}
