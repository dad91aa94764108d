/**
 * Named mutations: run at once on the client that asks for one, and again on the server, whose result is what is logged.
 *
 * Always: a mutation that throws changes nothing; what it throws that is no SyncError is `invalid`; `ctx.id()` gives the same ids in
 * both runs.
 * Rules: docs/protocol/store.md STORE1-STORE9.
 */
import type { Mutation, MutationContext } from "../core/definitions.ts";
import { isSyncError, SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";

/** One call, as it travels: the id is drawn by its client, and names what it makes. */
export type Call = readonly [name: string, input: unknown, id: string];

/** What a call became: the steps, and which call it was. */
export type StoreEntry = readonly [steps: readonly unknown[], id: string];

const idForm = /^[0-9a-f]{16,32}$/;

/** The call that `op` is; throws SyncError `invalid` for what is none. */
export function readCall(op: unknown): Call {
  const [name, input, id] = Array.isArray(op) && op.length === 3 ? (op as unknown[]) : [];
  if (typeof name !== "string" || typeof id !== "string" || !idForm.test(id)) {
    throw new SyncError("invalid", "A store takes [mutation input id].");
  }
  return [name, input, id];
}

/** The state after a call; `next` runs a recipe. Throws SyncError. */
export function runMutation<State>(
  mutations: ReadonlyMap<string, Mutation<State>>,
  next: (state: State, recipe: (draft: State) => State | void) => State,
  state: State,
  [name, input, id]: Call,
  { user, nowMs }: { readonly user: unknown; readonly nowMs: number },
): State {
  const mutation = mutations.get(name) as Mutation<State, unknown> | undefined;
  if (!mutation) throw new SyncError("not-declared", `The store has no mutation "${name}".`);
  let ids = 0;
  const context: MutationContext = {
    user: (user ?? null) as User | null,
    id: () => (ids++ ? `${id}-${ids}` : id),
    now: () => nowMs,
    reject(code, message) {
      throw new SyncError(code, message);
    },
  };
  try {
    return next(state, (draft) => mutation(draft, input, context));
  } catch (cause) {
    throw isSyncError(cause) ? cause : new SyncError("invalid", `Mutation "${name}" failed.`, { cause });
  }
}
