/**
 * `atom(client, ref)`: a value that the server keeps, held here while somebody uses it.
 *
 * Always: as value-handle.ts says; what a change did not touch stays `===`.
 * Rules: docs/protocol/kinds.md ATOM1, docs/protocol.md SUB1-SUB20.
 */
import { type Ref, type RefOrName, topicOf } from "../core/definitions.ts";
import { createAtomReplica } from "../kind/atom-replica.ts";
import { coreOf } from "./client.ts";
import type { Cause } from "./held.ts";
import { type ValueHandle, valueHandle } from "./value-handle.ts";

export type ClientAtom<T> = ValueHandle<T, Cause>;

/** Two handles of one topic share its subscription and its value. */
export function atom<T>(client: object, ref: RefOrName<"atom", T>): ClientAtom<T> {
  const topic = topicOf(ref);
  const held = coreOf(client).hold(topic, "atom", createAtomReplica);
  held.version ??= (ref as Ref).version;
  return valueHandle(topic, held, () => held.replica?.value as T | undefined);
}
