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

/** The call that is several: its input is a list of them, and all are done or none. */
export const allOf = "sync/all";

const idForm = /^[0-9a-f]{16,32}$/;

/** What a client may name a call. */
export function isCallId(id: unknown): id is string {
  return typeof id === "string" && idForm.test(id);
}

/** The call that `op` is, whatever version it says at its end; throws SyncError `invalid` for what is none. */
export function readCall(op: unknown): Call {
  const [name, input, id] = Array.isArray(op) && op.length >= 3 && op.length <= 4 ? (op as unknown[]) : [];
  if (typeof name !== "string" || !isCallId(id)) {
    throw new SyncError("invalid", "A store takes [mutation input id].");
  }
  return [name, input, id];
}

/** The version that its caller had. */
export function versionOfCall(op: unknown): number {
  const version: unknown = Array.isArray(op) ? op[3] : undefined;
  return Number.isSafeInteger(version) && (version as number) > 0 ? (version as number) : 1;
}

/** The calls that a call is: itself, or those that it is made of, which are no such in turn. */
export function callsOf(call: Call): readonly Call[] {
  if (call[0] !== allOf) return [call];
  const calls = call[1];
  if (!Array.isArray(calls) || !calls.length) throw new SyncError("invalid", `"${allOf}" takes calls.`);
  return calls.map(readCall);
}

/** Who asks, and when. */
interface Asked {
  readonly user: unknown;
  readonly nowMs: number;
}

/** The state after a call, or after the calls that it is made of; `next` runs a recipe. Throws SyncError. */
export function runCall<State>(
  mutations: ReadonlyMap<string, Mutation<State>>,
  next: (state: State, recipe: (draft: State) => State | void) => State,
  state: State,
  call: Call,
  asked: Asked,
): State {
  return callsOf(call).reduce((before, each) => runMutation(mutations, next, before, each, asked), state);
}

/** The state after one mutation. */
export function runMutation<State>(
  mutations: ReadonlyMap<string, Mutation<State>>,
  next: (state: State, recipe: (draft: State) => State | void) => State,
  state: State,
  [name, input, id]: Call,
  { user, nowMs }: Asked,
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
