/**
 * The server's half of `store`: a call is run on the state that was decided, and the difference is what is logged.
 *
 * Always: a call that is rejected, or changes nothing, leaves no trace; the state after an entry is the state that was validated.
 * Rules: docs/protocol/store.md STORE1-STORE9.
 */
import type { Mutation } from "../core/definitions.ts";
import { isSyncError, SyncError } from "../core/errors.ts";
import { differencesBetween } from "./changes.ts";
import { diff } from "./diff.ts";
import type { Authority } from "./kind.ts";
import { callsOf, readCall, runMutation, type StoreEntry } from "./mutation.ts";
import { applyPatch, type Steps } from "./patch.ts";
import { checkAllowed } from "./paths.ts";
import { produceNext, type Recipe } from "./produce.ts";

export interface StoreAuthorityOptions<State> {
  readonly initial: State;
  readonly mutations: ReadonlyMap<string, Mutation<State>>;
  /** The input to run with; throws to reject. */
  readonly readInput?: ((name: string, input: unknown) => unknown) | undefined;
  /** Throws to reject what the call made of the state. */
  readonly validate?: ((call: { name: string; input: unknown; before: State; state: State; user: unknown }) => void) | undefined;
}

export function createStoreAuthority<State>({
  initial,
  mutations,
  readInput,
  validate,
}: StoreAuthorityOptions<State>): Authority<unknown, StoreEntry> & { readonly value: State } {
  let state = initial;
  /** What the newest decided entry leads to: it need not be computed again. */
  let ahead: { readonly entry: StoreEntry; readonly from: State; readonly to: State } | undefined;
  const run = (base: State, recipe: (draft: State) => State | void): State => produceNext(base, recipe as Recipe<State>);

  return {
    get value() {
      return state;
    },
    decide(op, { user, nowMs, paths }) {
      const call = readCall(op);
      let next = state;
      for (const [name, given, id] of callsOf(call)) {
        const input = readInput ? readInput(name, given) : given;
        const before = next;
        next = runMutation(mutations, run, before, [name, input, id], { user, nowMs });
        if (next === undefined) throw new SyncError("invalid", "A store's state is never undefined.");
        try {
          validate?.({ name, input, before, state: next, user });
        } catch (cause) {
          throw isSyncError(cause) ? cause : new SyncError("invalid", `Mutation "${name}" is not valid.`, { cause });
        }
      }
      if (paths) checkAllowed(differencesBetween(state, next), paths);
      const steps = diff(state, next);
      if (!steps.length) return undefined;
      const entry: StoreEntry = [steps, call[2]];
      ahead = { entry, from: state, to: next };
      return entry;
    },
    apply(entry) {
      state = ahead?.entry === entry && ahead.from === state ? ahead.to : applyPatch(state, entry[0] as Steps);
      ahead = undefined;
    },
    snapshot: () => state,
    load(snapshot) {
      ahead = undefined;
      state = snapshot === undefined ? initial : (snapshot as State);
    },
  };
}
