/**
 * The client's half of `store`: what the server logged, and on top of it the calls that it has not answered yet.
 *
 * Always: as optimistic.ts says; the entry is patches, the call a mutation or several.
 * Rules: docs/protocol/store.md STORE1-STORE11.
 */
import type { Mutation } from "../core/definitions.ts";
import { draftNext } from "./draft.ts";
import { type Call, runCall } from "./mutation.ts";
import { type AdoptedCall as Adopted, type CallContext, createOptimisticReplica, type OptimisticReplica } from "./optimistic.ts";
import { applyPatch, type Steps } from "./patch.ts";

export type { CallContext } from "./optimistic.ts";
export type AdoptedCall = Adopted<Call>;
export type StoreReplica<State> = OptimisticReplica<State, Call, readonly unknown[]>;

export function createStoreReplica<State>(initial: State, mutations: ReadonlyMap<string, Mutation<State>>): StoreReplica<State> {
  return createOptimisticReplica<State, Call, readonly unknown[], CallContext>({
    initial,
    idOf: ([, , id]) => id,
    run: (state, call, context) => runCall(mutations, draftNext, state, call, context),
    evolve: (state, steps) => applyPatch(state, steps as Steps),
  });
}
