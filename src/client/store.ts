/**
 * `store(client, ref)`: state that is changed by named mutations, at once here and again on the server.
 *
 * Always: what is shown is what the server logged, with the calls that it has not answered on top; a rejection takes back that call
 * alone, and tells why.
 * Rules: docs/protocol/store.md STORE1-STORE9.
 */
import type { Mutation, MutationArgs, Mutations, Ref, StoreDefinition, StoreShape } from "../core/definitions.ts";
import { randomHex } from "../core/env.ts";
import { type Schema, validate } from "../core/schema.ts";
import type { Call } from "../kind/mutation.ts";
import { createStoreReplica, type StoreReplica } from "../kind/store-replica.ts";
import { coreOf } from "./client.ts";
import type { Held } from "./held.ts";
import type { Receipt } from "./receipt.ts";
import { type Change, tellLocal, type ValueHandle, valueHandle } from "./value-handle.ts";
import { writesOf } from "./writes.ts";

/** The mutations of a store. What rejects one here throws; what the server says is in the receipt. */
export type Do<M> = { readonly [K in keyof M]: (...args: MutationArgs<M[K]>) => Receipt };

export interface ClientStore<State, M> extends ValueHandle<State> {
  readonly do: Do<M>;
  /** Calls that the server has not answered. */
  readonly pending: number;
}

/** What the handles of one topic share. */
interface Shared {
  readonly replica: StoreReplica<unknown>;
  readonly local: Set<(change: Change) => void>;
}

const shares = new WeakMap<Held, Shared>();

export function store<State, M>(client: object, ref: Ref<"store", StoreShape<State, M>>): ClientStore<State, M> {
  const core = coreOf(client);
  const { topic } = ref;
  const { initial, inputs = {}, ...definition } = ref.options as StoreDefinition<State, Mutations<State>>;
  const mutations = new Map(Object.entries(definition.mutations)) as ReadonlyMap<string, Mutation<State>>;
  const schemas = new Map(Object.entries(inputs)) as ReadonlyMap<string, Schema | undefined>;
  const held = core.hold(topic, "store", () => createStoreReplica(initial, mutations));
  const shared: Shared = shares.get(held) ?? { replica: held.replica as StoreReplica<unknown>, local: new Set() };
  shares.set(held, shared);
  const { replica, local } = shared;
  const get = (): State | undefined => replica.value as State | undefined;
  const writer = writesOf(core).writer(topic, "store", held);

  const call = (name: string, input: unknown): Receipt => {
    const schema = schemas.get(name);
    const id = randomHex(core.env, 8);
    const checked = schema ? validate(schema, input, `Input of "${name}"`) : input;
    const user = core.facts.welcome?.user;
    replica.propose([name, checked, id] as Call, { user, nowMs: core.env.nowMs() });
    // The server validates what was given, not what came of it here.
    const receipt = writer.write([name, input ?? null, id]);
    const answered = (): void => {
      const before = replica.value;
      replica.settle(id);
      if (replica.value !== before) tellLocal(core, topic, local);
    };
    receipt.stored.then(answered, answered);
    tellLocal(core, topic, local);
    return receipt;
  };
  const verbs: Record<string, (input?: unknown) => Receipt> = {};
  for (const name of mutations.keys()) verbs[name] = (input) => call(name, input);

  return Object.defineProperties(valueHandle<State>(topic, held, get, local), {
    do: { value: verbs },
    pending: { get: () => replica.pending },
  }) as ClientStore<State, M>;
}
