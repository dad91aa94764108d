/**
 * `topic(client, ref)`: a topic of an application's own kind. What is sent is shown as the kind predicts it, and then as the server
 * decided it.
 *
 * Always: as optimistic-topic.ts says; the kind's functions run on any state that the server may have told, and what they throw harms
 * nothing but the operation.
 * Rules: docs/protocol/kinds.md KIND8-KIND18.
 */
import type { Ref } from "../core/definitions.ts";
import { randomHex } from "../core/env.ts";
import type { OwnShape } from "../kind/define-topic.ts";
import { type Fold, rulesOf } from "../kind/fold.ts";
import { createOwnReplica, type OwnOp, type OwnReplica, readOwnOp } from "../kind/own.ts";
import { coreOf } from "./client.ts";
import { optimisticTopic } from "./optimistic-topic.ts";
import type { Receipt } from "./receipt.ts";
import { type ValueHandle, valueHandle } from "./value-handle.ts";

export interface ClientTopic<State, Given> extends ValueHandle<State> {
  /** Shows what becomes of it at once, and sends it. What rejects it here is thrown; what the server says is in the receipt. */
  send(op: Given): Receipt;
  /** Operations that the server has not answered. */
  readonly pending: number;
}

/** Two handles of one topic share its subscription and its value. */
export function topic<State, Given>(client: object, ref: Ref<"own", OwnShape<State, Given>>): ClientTopic<State, Given> {
  const core = coreOf(client);
  const { topic: name } = ref;
  const kind = ref.options as Fold<State, unknown, unknown, Given>;
  const { read } = rulesOf(kind.options);
  const held = core.hold(name, "own", () => createOwnReplica(kind));
  const replica = held.replica as OwnReplica<State, unknown, unknown>;
  const send = (op: unknown): Receipt => {
    const id = randomHex(core.env, 8);
    // The server reads what was given, not what came of it here.
    return call([read(op), id], [op, id]);
  };
  const { local, call } = optimisticTopic<OwnOp>(core, name, held, {
    idOf: ([, id]) => id,
    read(op) {
      const [given, id] = readOwnOp(op);
      return [read(given), id];
    },
    again: (op) => send(readOwnOp(op)[0]),
  });
  const get = (): State | undefined => replica.value;
  return Object.defineProperties(
    valueHandle<State>(name, held, get, local, () => replica.confirmed !== undefined),
    { send: { value: send }, pending: { get: () => replica.pending } },
  ) as ClientTopic<State, Given>;
}
