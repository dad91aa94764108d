/**
 * `store(sync, ref)` on the server: state that everyone changes through named mutations, which run here again.
 *
 * Always: what a mutation made here is what is logged; one that is rejected leaves no trace; the state that readers see is stored.
 * Rules: docs/protocol/store.md STORE1-STORE9.
 */
import type { Mutation, MutationArgs, Mutations, Pattern, Ref, StoreDefinition, StoreShape } from "../core/definitions.ts";
import { randomHex } from "../core/env.ts";
import type { User } from "../core/register.ts";
import { validate as check, type Schema } from "../core/schema.ts";
import type { StoreEntry } from "../kind/mutation.ts";
import { olderStore } from "../kind/older.ts";
import { presentCall } from "../kind/older-op.ts";
import { storeProjector } from "../kind/projector.ts";
import { createStoreAuthority } from "../kind/store-authority.ts";
import { Versions } from "../kind/versions.ts";
import { coreOf, type ServerCore } from "./core.ts";
import { type DecidedHandle, type DecidedOptions, hostDecided, runCheck } from "./decided.ts";
import { declareKind, type Family, type OnHandle, optionsOf, type ParamValues, patternOf } from "./family.ts";
import type { Authorize } from "./grants.ts";
import { watched } from "./guard.ts";
import type { Hosted } from "./hosted.ts";
import { firstValue, type Published } from "./published.ts";

export interface StoreCheck<State, P> {
  readonly mutation: string;
  readonly input: unknown;
  /** What the mutation made, and what it started from. */
  readonly state: State;
  readonly before: State;
  /** Null: this server itself. */
  readonly user: User | null;
  readonly params: P;
}

export interface ServerStoreOptions<State, P extends ParamValues = ParamValues> extends DecidedOptions {
  /** Asked for `read` and for `write`. */
  readonly authorize?: Authorize;
  /** Throws to reject what a mutation made. A SyncError is told as it is, anything else as `invalid`. Not asynchronous. */
  readonly validate?: (call: StoreCheck<State, P>) => void;
  /** The first state, made once in the topic's life. Default: the definition's `initial`. */
  readonly seed?: (context: { readonly params: P }) => State | Promise<State>;
}

/** A server's handle of one store. */
export interface ServerStore<State, M> extends DecidedHandle<State> {
  /** The mutations, run as this server: `ctx.user` is null. They throw what rejects them. */
  readonly do: { readonly [K in keyof M]: (...args: MutationArgs<M[K]>) => Published };
}

export function store<State, M, P extends ParamValues>(
  server: object,
  pattern: Pattern<"store", StoreShape<State, M>, P>,
  options?: ServerStoreOptions<NoInfer<State>, P>,
): Family<ServerStore<State, M>, P>;
export function store<State, M>(
  server: object,
  ref: Ref<"store", StoreShape<State, M>>,
  options?: ServerStoreOptions<NoInfer<State>>,
): ServerStore<State, M>;
export function store<State, M>(
  server: object,
  target: Ref<"store", StoreShape<State, M>> | Pattern<"store", StoreShape<State, M>, never>,
  options: ServerStoreOptions<State, never> = {},
): ServerStore<State, M> | Family<ServerStore<State, M>, never> {
  const core = coreOf(server);
  const definition = optionsOf(target) as StoreDefinition<State, Mutations<State>>;
  const versions = new Versions(patternOf(target), definition);
  const grants = { authorize: options.authorize, writeAction: "write", durability: options.durability } as const;
  return declareKind<ServerStore<State, M>>(core, "store", target, grants, (name, params, onHandle) =>
    hostStore(core, name, definition, versions, options, params as never, onHandle),
  );
}

function hostStore<State, M>(
  core: ServerCore,
  name: string,
  definition: StoreDefinition<State, Mutations<State>>,
  versions: Versions,
  options: ServerStoreOptions<State, never>,
  params: never,
  onHandle: OnHandle<ServerStore<State, M>>,
): Hosted | Promise<Hosted> {
  const { topics, env } = core;
  const { initial, inputs = {}, schema } = definition;
  const mutations = watchedMutations(new Map(Object.entries(definition.mutations)), (error) => core.report(error, name));
  const schemas = new Map(Object.entries(inputs)) as ReadonlyMap<string, Schema | undefined>;
  topics.pack(initial);
  const authority = createStoreAuthority<State>({
    initial,
    mutations,
    readInput(mutation, input) {
      const own = schemas.get(mutation);
      return own ? check(own, input, `Input of "${mutation}"`) : input;
    },
    validate({ name: mutation, input, before, state, user }) {
      if (schema) check(schema, state, `State of "${name}" after "${mutation}"`);
      const call = { mutation, input, before, state, user: user as User | null, params };
      runCheck(core, name, () => options.validate?.(call));
    },
  });
  const { seed } = options;
  const { open, handle, run } = hostDecided<State, StoreEntry>(core, {
    name,
    kind: "store",
    authority,
    options,
    // A call of any older version is run by the mutations of this one.
    versions: { versions, older: (version) => olderStore(versions, version, initial), takes: () => true },
    projector: storeProjector,
    first: seed && (async () => [[[0, [], await firstValue(core, name, () => seed({ params }))]], randomHex(env, 8)]),
    decide: (op, context) => authority.decide(presentCall(versions, op, mutations), context),
  });
  const verbs: Record<string, (input?: unknown) => Published> = {};
  for (const mutation of mutations.keys()) verbs[mutation] = (input) => run([mutation, input ?? null, randomHex(env, 8)]);
  onHandle(Object.assign(handle, { do: verbs as ServerStore<State, M>["do"] }), open);
  return open();
}

/** Those that throw when a client calls them are reported: the client is told that it failed, and not why. Who calls here gets the error. */
function watchedMutations<State>(
  mutations: ReadonlyMap<string, Mutation<State>>,
  report: (error: unknown) => void,
): ReadonlyMap<string, Mutation<State>> {
  const watching =
    (mutation: Mutation<State>): Mutation<State> =>
    (...args) =>
      args[2].user ? watched(report, () => mutation(...args)) : mutation(...args);
  return new Map([...mutations].map(([name, mutation]) => [name, watching(mutation)]));
}
