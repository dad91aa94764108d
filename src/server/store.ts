/**
 * `store(sync, ref)` on the server: state that everyone changes through named mutations, which run here again.
 *
 * Always: what a mutation made here is what is logged; one that is rejected leaves no trace; the state that readers see is stored.
 * Rules: docs/protocol/store.md STORE1-STORE9.
 */
import type { Mutation, MutationArgs, Mutations, Pattern, Ref, StoreDefinition, StoreShape } from "../core/definitions.ts";
import { randomHex } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { validate as check, type Schema } from "../core/schema.ts";
import { createStore, type Readable } from "../core/store.ts";
import type { StoreEntry } from "../kind/mutation.ts";
import { olderStore } from "../kind/older.ts";
import { presentCall } from "../kind/older-op.ts";
import { storeProjector } from "../kind/projector.ts";
import { createStoreAuthority } from "../kind/store-authority.ts";
import { Versions } from "../kind/versions.ts";
import type { Durability, Retention } from "../topic/log.ts";
import { coreOf, type ServerCore } from "./core.ts";
import { declareKind, type Family, loadedTopic, optionsOf, type ParamValues, patternOf } from "./family.ts";
import type { Authorize } from "./grants.ts";
import { watched } from "./guard.ts";
import type { Hosted } from "./hosted.ts";
import { firstValue, type Published, publishTo, seeded } from "./published.ts";
import type { Topic } from "./topic.ts";
import { quiet } from "./topics.ts";

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

export interface ServerStoreOptions<State, P extends ParamValues = ParamValues> {
  /** Asked for `read` and for `write`. */
  readonly authorize?: Authorize;
  /** Throws to reject what a mutation made. A SyncError is told as it is, anything else as `invalid`. Not asynchronous. */
  readonly validate?: (call: StoreCheck<State, P>) => void;
  /** The first state, made once in the topic's life. Default: the definition's `initial`. */
  readonly seed?: (context: { readonly params: P }) => State | Promise<State>;
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
  readonly retention?: Partial<Retention>;
}

/** A server's handle of one store. */
export interface ServerStore<State, M> extends Readable<State> {
  readonly topic: string;
  /** Resolves when it is loaded: at once where nothing is stored. */
  readonly ready: Promise<void>;
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
  onHandle: (handle: ServerStore<State, M>) => void,
): Hosted | Promise<Hosted> {
  const { topics, env, delivery } = core;
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
      const result: unknown = watched(
        (error) => core.report(error, name),
        () => options.validate?.(call),
      );
      if (result instanceof Promise) {
        result.catch(() => {});
        throw new SyncError("unsupported", `\`validate\` of store "${name}" is asynchronous; use a synchronous one.`);
      }
    },
  });
  const shown = createStore<State>(authority.value);
  const show = (): void => shown.set(authority.value);
  let isDue = false;
  /** Who is told may write: not while the entry of a client is on its way to the log, but at the end of the turn. */
  const showLater = (): void => {
    if (isDue) return;
    isDue = true;
    delivery.beforeFlush(() => {
      isDue = false;
      try {
        show();
      } catch (error) {
        core.report(error, name);
      }
    });
  };
  const made = topics.create({
    name,
    kind: "store",
    catchUp: "snapshot",
    retention: options.retention,
    durability: options.durability ?? core.durability ?? "strict",
    snapshot: authority.snapshot,
    // A call of any older version is run by the mutations of this one.
    versions: { versions, older: (version) => olderStore(versions, version, initial), takes: () => true },
    projector: storeProjector,
    load: authority.load,
    replay: (entry) => authority.apply(entry as StoreEntry),
    recovered: show,
  });
  const { seed } = options;
  const opening = seed
    ? seeded(topics, made, async () => {
        const state = await firstValue(core, name, () => seed({ params }));
        const entry: StoreEntry = [[[0, [], state]], randomHex(env, 8)];
        topics.pack(entry);
        authority.apply(entry);
        return entry;
      })
    : made;
  let topic: Topic | undefined;

  const run = (mutation: string, input: unknown): Published => {
    const on = loadedTopic(topic, `Store "${name}"`);
    if (on.fault) throw on.fault;
    const context = { replica: null, user: null, nowMs: env.nowMs() };
    const entry = authority.decide([mutation, input ?? null, randomHex(env, 8)], context);
    if (!entry) return { stored: Promise.resolve(on.log.decided) };
    const packed = topics.pack(entry);
    authority.apply(entry);
    const published = publishTo(topics, on, packed);
    show();
    return published;
  };
  const verbs: Record<string, (input?: unknown) => Published> = {};
  for (const mutation of mutations.keys()) verbs[mutation] = (input) => run(mutation, input);

  onHandle({
    topic: name,
    ready: quiet(Promise.resolve(opening).then(() => {})),
    get: () => authority.value,
    subscribe(run) {
      show();
      return shown.subscribe(run);
    },
    listen: shown.listen,
    do: verbs as ServerStore<State, M>["do"],
  });

  const ready = (opened: Topic): Hosted => {
    topic = opened;
    show();
    return {
      topic,
      decide: (op, context) => authority.decide(presentCall(versions, op, mutations), context),
      apply(entry) {
        authority.apply(entry as StoreEntry);
        showLater();
      },
      isBusy: () => isDue,
      close() {},
    };
  };
  return opening instanceof Promise ? opening.then(ready) : ready(opening);
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
