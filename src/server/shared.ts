/**
 * `shared(sync, ref)` on the server: a tree that clients and server write, the last write of each path wins.
 *
 * Always: `get()` after `set` and `update` shows them; readers are told what is stored; listeners and `onChange` are called at the end of
 * the turn, never while a write is decided.
 * Rules: docs/protocol/shared.md SHARED1-SHARED13.
 */
import { type Pattern, type Ref, toRef } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { ValueAt } from "../core/paths.ts";
import type { User } from "../core/register.ts";
import { type Schema, validate as validateSchema } from "../core/schema.ts";
import { addTo, callAll, type Readable, type Unsubscribe } from "../core/store.ts";
import { changesBetween, checkPath, some } from "../kind/changes.ts";
import type { WriteContext } from "../kind/kind.ts";
import { olderShared } from "../kind/older.ts";
import { presentSharedOp, takesSharedOp } from "../kind/older-op.ts";
import { produceNext, type Recipe } from "../kind/produce.ts";
import { sharedProjector } from "../kind/projector.ts";
import { type Assignment, type Keys, nothing } from "../kind/registers.ts";
import { createSharedAuthority, sharedOp } from "../kind/shared.ts";
import { type Applied, type SharedEntry, SharedTree } from "../kind/shared-tree.ts";
import { type Versions, versionsOf } from "../kind/versions.ts";
import type { AppendResult, Durability, Retention } from "../topic/log.ts";
import { coreOf, type ServerCore } from "./core.ts";
import type { Authorize } from "./grants.ts";
import type { Topic } from "./topic.ts";
import { type Hosted, quiet } from "./topics.ts";

type ParamValues = { readonly [name: string]: string };

export interface SharedChange<T, P extends ParamValues = ParamValues> {
  readonly topic: string;
  readonly params: P;
  /** As it is now: more may have changed since. */
  readonly value: T;
  /** What was assigned; a path without `value` was deleted. */
  readonly changes: readonly { readonly path: readonly string[]; readonly value?: unknown }[];
  /** Public id of the writer's replica; null: the server. */
  readonly from: string | null;
}

/** A write that a client asks for. */
export interface SharedWrite<T, P extends ParamValues = ParamValues> {
  /** What the value would be. */
  readonly next: T;
  readonly value: T;
  readonly changes: SharedChange<T>["changes"];
  readonly user: User;
  readonly params: P;
}

export interface ServerSharedOptions<T, P extends ParamValues = ParamValues> {
  /** The first value, made once in the topic's life. Writes that clients made before are newer. Default: the definition's `initial`. */
  readonly seed?: (context: { readonly params: P }) => T | Promise<T>;
  /** Throws to reject a client's write; a SyncError is told as it is. Not asynchronous, and writes nothing itself. */
  readonly validate?: (write: SharedWrite<T, P>) => void;
  /** Called for each write that is stored, in their order. */
  readonly onChange?: (change: SharedChange<T, P>) => void;
  readonly authorize?: Authorize;
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
  readonly retention?: Partial<Retention>;
  /** Deletions are remembered for so long, and writes that are older are refused as `stale`. Default 7 days. */
  readonly forgetDeletedMs?: number;
  /** Assignments that one tree may hold. Default 100,000. */
  readonly maxRegisters?: number;
}

/** A write of the server. */
export interface ServerSharedWrite {
  /** Resolves when the topic's log has it. Not asked for, it is never an unhandled rejection. */
  readonly stored: Promise<void>;
}

/** A server's handle of one shared tree. */
export interface ServerShared<T> extends Readable<T> {
  readonly topic: string;
  /** Resolves when the value is the stored one. Rejects where it cannot be read. */
  readonly ready: Promise<void>;
  /** Throws SyncError where the value cannot be written. */
  set<const P extends readonly string[]>(path: P, value: ValueAt<T, P>): ServerSharedWrite;
  delete(path: readonly string[]): ServerSharedWrite;
  /** A recipe as Immer has them; only what it changes is written. Throws what the recipe throws. */
  update(recipe: Recipe<T>): ServerSharedWrite;
}

/** A server's handle of a pattern of shared trees. */
export interface SharedFamily<T, P> {
  open(params: P): Promise<ServerShared<T>>;
  /** The names of those open. */
  list(options?: { readonly prefix?: string }): string[];
  /** Its readers see status `deleted`; the next `open` starts anew. */
  delete(params: P): void;
  /** Back to the definition's `initial`, as a write. */
  clear(params: P): Promise<void>;
}

export function shared<T, P extends ParamValues>(
  server: object,
  pattern: Pattern<"shared", T, P>,
  options?: ServerSharedOptions<NoInfer<T>, P>,
): SharedFamily<T, P>;
export function shared<T>(
  server: object,
  ref: Ref<"shared", T> | string,
  options?: ServerSharedOptions<NoInfer<T>>,
): ServerShared<T>;
export function shared<T>(
  server: object,
  target: Ref<"shared", T> | Pattern<"shared", T, never> | string,
  options: ServerSharedOptions<T, never> = {},
): ServerShared<T> | SharedFamily<T, never> {
  const core = coreOf(server);
  const ref = toRef<"shared", T>("shared", target as Ref<"shared", T> | string) as Ref<"shared", T> | Pattern<"shared", T, never>;
  const definition = ref.options as SharedDefinition;
  const versions = versionsOf(ref.pattern, ref.options);
  const handles = new Map<string, ServerShared<T>>();
  core.topics.declare({
    kind: "shared",
    pattern: ref.pattern,
    authorize: options.authorize,
    writeAction: "write",
    host: (name, params) =>
      hostShared<T>(core, name, params, {
        ...(options as ServerSharedOptions<T>),
        definition,
        versions,
        onHandle: (handle) => void handles.set(name, handle),
      }),
  });

  if (typeof ref !== "function") {
    const opening = core.topics.open(ref.topic);
    if (opening instanceof Promise) opening.catch((error: unknown) => core.report(error, ref.topic));
    return handles.get(ref.topic) as ServerShared<T>;
  }
  const open = async (params: never): Promise<ServerShared<T>> => {
    const { topic } = ref(params);
    await core.topics.open(topic);
    return handles.get(topic) as ServerShared<T>;
  };
  return {
    open,
    list: ({ prefix = "" } = {}) => [...handles.keys()].filter((name) => name.startsWith(prefix)),
    delete(params: never) {
      const { topic } = ref(params);
      core.topics.delete(topic, "deleted");
      handles.delete(topic);
    },
    async clear(params: never) {
      await (await open(params)).set([], initialOf(definition) as never).stored;
    },
  };
}

interface SharedDefinition {
  readonly initial?: unknown;
  readonly schema?: Schema;
}

const initialOf = ({ initial = {} }: SharedDefinition): unknown => initial;

type HostOptions<T> = ServerSharedOptions<T> & {
  readonly definition: SharedDefinition;
  readonly versions: Versions | undefined;
  onHandle(handle: ServerShared<T>): void;
};

const dayMs = 86_400_000;
/** Looks for deletions to forget after so many writes. */
const compactEvery = 1000;

function hostShared<T>(core: ServerCore, name: string, params: ParamValues, options: HostOptions<T>): Hosted | Promise<Hosted> {
  const { topics, delivery, env } = core;
  const { definition, versions, forgetDeletedMs = 7 * dayMs } = options;
  const initial = initialOf(definition);
  topics.pack(initial);
  let topic: Topic | undefined;
  let deciding = false;

  const check = (next: unknown, changes: readonly Assignment[], { replica, user }: WriteContext): void => {
    if (definition.schema) validateSchema(definition.schema, next, `Shared "${name}"`);
    if (replica === null || !options.validate) return;
    deciding = true;
    try {
      const write = { next, value: authority.value, changes: shownChanges(changes), user, params } as SharedWrite<T>;
      const answer: unknown = options.validate(write);
      if (!(answer instanceof Promise)) return;
      answer.catch(() => {});
      throw new SyncError("unsupported", `The validation of "${name}" is asynchronous; use a synchronous one.`);
    } finally {
      deciding = false;
    }
  };
  const authority = createSharedAuthority({
    initial,
    maxRegisters: options.maxRegisters,
    // Else the value is not made before somebody asks for it.
    check: definition.schema || options.validate ? check : undefined,
  });
  /** What readers are told, where that is behind what is decided. */
  const told = new SharedTree(initial);
  const listeners = new Set<(value: T) => void>();
  let lastShown: unknown;
  /** Decided and not yet in the log. */
  let decided: { readonly entry: SharedEntry; readonly applied: Applied }[] = [];
  /** In the log, and not yet told to the application. */
  let stored: Applied[] = [];
  let telling = false;
  let appended = 0;

  const attempt = (run: () => void): void => {
    try {
      run();
    } catch (error) {
      core.report(error, name);
    }
  };
  const tell = (): void => {
    telling = false;
    if (listeners.size && !Object.is(authority.value, lastShown)) {
      lastShown = authority.value;
      attempt(() => callAll(listeners, lastShown as T));
    }
    const due = stored;
    stored = [];
    for (const { stamp, changes } of due) {
      attempt(() =>
        options.onChange?.({
          topic: name,
          params,
          value: authority.value as T,
          changes: shownChanges(changes),
          from: stamp.node || null,
        }),
      );
    }
  };
  const tellLater = (): void => {
    if (telling) return;
    telling = true;
    delivery.beforeFlush(tell);
  };

  const apply = (entry: SharedEntry): void => {
    decided.push({ entry, applied: authority.apply(entry) });
    tellLater();
  };

  const made = topics.create({
    name,
    kind: "shared",
    catchUp: "snapshot",
    retention: options.retention,
    durability: options.durability ?? core.durability ?? "strict",
    snapshot: () => authority.snapshot(),
    told: { snapshot: () => told.snapshot(), load: (snapshot) => told.load(snapshot) },
    versions: versions && {
      versions,
      older: (version) => olderShared(versions, version, initial),
      takes: (version) => takesSharedOp(versions, version),
    },
    projector: sharedProjector(forgetDeletedMs),
    answer: () => ({ now: Math.floor(env.nowMs()) }),
    load(snapshot) {
      decided = [];
      authority.load(snapshot);
    },
    replay: (entry) => void authority.apply(entry as SharedEntry),
    recovered: tellLater,
  });

  /** Follows the log; where nothing can fail, what is decided is told. */
  const follow = (opened: Topic): void => {
    const isDurable = opened.log.durability !== "memory";
    opened.log.onRecords((_first, records) => {
      for (const { entry, applied } of decided.splice(0, records.length)) {
        if (isDurable) told.apply(entry);
        if (options.onChange) stored.push(applied);
      }
      tellLater();
      appended += records.length;
      if (appended < compactEvery) return;
      appended = 0;
      const beforeMs = Math.floor(env.nowMs()) - forgetDeletedMs;
      authority.compact(beforeMs);
      told.registers.compact(beforeMs);
    });
  };

  const append = (opened: Topic, entry: SharedEntry): AppendResult | Promise<AppendResult> => {
    const packed = topics.pack(entry);
    apply(entry);
    return topics.append(opened, [{ entry: packed }]);
  };
  const refusal = (): SyncError => topic?.log.fault ?? new SyncError("read-only", "The log cannot store now.");

  /** The first entry, if there is none: who else seeds it expects offset 0 as well, and only one of them is right. */
  const seeded = async (opened: Topic): Promise<Topic> => {
    while (options.seed && opened.log.decided === 0) {
      const value = await options.seed({ params });
      if (opened.log.decided > 0) break;
      if (definition.schema) validateSchema(definition.schema, value, `The seed of "${name}"`);
      const result = await append(opened, authority.seed(value));
      if (result === "read-only") throw refusal();
    }
    return opened;
  };
  const start = (opened: Topic): Topic | Promise<Topic> => {
    follow(opened);
    return options.seed ? seeded(opened) : opened;
  };
  const created = made instanceof Promise ? made.then(start) : start(made);

  const write = (changes: readonly Assignment[]): ServerSharedWrite => {
    if (!topic) throw new SyncError("loading", `Shared "${name}" is not loaded yet: await its \`ready\` first.`);
    if (deciding) throw new SyncError("invalid", `Write to "${name}" after its \`validate\`, not in it.`);
    if (topic.fault) throw topic.fault;
    const entry = authority.decide(sharedOp(undefined, changes), { replica: null, user: undefined, nowMs: env.nowMs() });
    const result = entry ? append(topic, entry) : "stored";
    return new StoredWrite(result, refusal);
  };

  const listen = (run: (value: T) => void): Unsubscribe => {
    if (!listeners.size) lastShown = authority.value;
    return addTo(listeners, run);
  };
  options.onHandle({
    topic: name,
    ready: quiet(Promise.resolve(created).then(() => {})),
    get: () => authority.value as T,
    subscribe(run) {
      run(authority.value as T);
      return listen(run);
    },
    listen,
    set: (path: Keys, value: unknown) => write([{ path: checkPath(path), value: some(value) }]),
    delete: (path: Keys) => write([{ path: checkPath(path), value: nothing }]),
    update: (recipe) => write(changesBetween(authority.value, produceNext(authority.value as T, recipe))),
  } as ServerShared<T>);

  const ready = (opened: Topic): Hosted => {
    topic = opened;
    tellLater();
    return {
      topic,
      decide: versions
        ? (op, context) => authority.decide(presentSharedOp(versions, op, authority.value), context)
        : (op, context) => authority.decide(op as never, context),
      apply: (entry) => apply(entry as SharedEntry),
      close: () => listeners.clear(),
    };
  };
  return created instanceof Promise ? created.then(ready) : ready(created);
}

const shownChanges = (changes: readonly Assignment[]): SharedChange<unknown>["changes"] =>
  changes.map(({ path, value }) => (value === nothing ? { path } : { path, value }));

/** Makes its promise when it is asked for. */
class StoredWrite implements ServerSharedWrite {
  readonly #stored: AppendResult | Promise<AppendResult>;
  readonly #refusal: () => SyncError;
  constructor(stored: AppendResult | Promise<AppendResult>, refusal: () => SyncError) {
    this.#stored = stored;
    this.#refusal = refusal;
    if (stored instanceof Promise) stored.catch(() => {});
  }
  get stored(): Promise<void> {
    const settle = async (): Promise<void> => {
      if ((await this.#stored) !== "stored") throw this.#refusal();
    };
    return quiet(settle());
  }
}
