/**
 * One shared tree as the server hosts it: decides what is written, appends it to the topic's log, and follows that log.
 *
 * Always: what is decided is shown to the application at once; readers are told what is stored; where an append fails, the tree is loaded
 * again from the log.
 * Rules: docs/protocol/shared.md SHARED1-SHARED13.
 */
import { SyncError } from "../core/errors.ts";
import { type Schema, validate as validateSchema } from "../core/schema.ts";
import { changesBetween, checkPath, some } from "../kind/changes.ts";
import type { WriteContext } from "../kind/kind.ts";
import { olderShared } from "../kind/older.ts";
import { presentSharedOp, takesSharedOp } from "../kind/older-op.ts";
import { produceNext } from "../kind/produce.ts";
import { sharedProjector } from "../kind/projector.ts";
import { type Assignment, type Keys, nothing } from "../kind/registers.ts";
import { createSharedAuthority, sharedOp } from "../kind/shared.ts";
import { type Applied, type SharedEntry, SharedTree } from "../kind/shared-tree.ts";
import type { Versions } from "../kind/versions.ts";
import type { AppendResult } from "../topic/log.ts";
import type { ServerCore } from "./core.ts";
import { loadedTopic, type OnHandle, type ParamValues } from "./family.ts";
import type { Hosted } from "./hosted.ts";
import { begun, firstValue } from "./published.ts";
import type { ServerShared, ServerSharedOptions, ServerSharedWrite, SharedWrite } from "./shared.ts";
import { createSharedNews, shownChanges } from "./shared-news.ts";
import type { Topic } from "./topic.ts";
import { quiet } from "./topics.ts";

export interface SharedDefinition {
  readonly initial?: unknown;
  readonly schema?: Schema;
}

export const initialOf = ({ initial = {} }: SharedDefinition): unknown => initial;

type HostOptions<T> = ServerSharedOptions<T> & {
  readonly definition: SharedDefinition;
  readonly versions: Versions | undefined;
  readonly onHandle: OnHandle<ServerShared<T>>;
};

const dayMs = 86_400_000;
/** Looks for deletions to forget after so many writes. */
const compactEvery = 1000;

/** One topic of that name, whose handle `onHandle` is given before it is opened. */
export function hostShared<T>(
  core: ServerCore,
  name: string,
  params: ParamValues,
  options: HostOptions<T>,
): Hosted | Promise<Hosted> {
  const { topics, env } = core;
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
  /** Decided and not yet in the log. */
  let decided: { readonly entry: SharedEntry; readonly applied: Applied }[] = [];
  let appended = 0;

  const news = createSharedNews<T>({ core, name, params, onChange: options.onChange, value: () => authority.value as T });

  const apply = (entry: SharedEntry): void => {
    decided.push({ entry, applied: authority.apply(entry) });
    news.later();
  };

  const create = (): Topic | Promise<Topic> =>
    topics.create({
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
      recovered: news.later,
    });

  /** Follows the log; where nothing can fail, what is decided is told. */
  const follow = (opened: Topic): void => {
    const isDurable = opened.log.durability !== "memory";
    opened.onRecords((_first, records) => {
      const done = decided.splice(0, records.length);
      if (isDurable) for (const { entry } of done) told.apply(entry);
      news.stored(done);
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
  const seeded = (opened: Topic, seed: NonNullable<typeof options.seed>): Promise<Topic> =>
    begun(opened, async () => {
      while (opened.log.decided === 0) {
        const value = await firstValue(core, name, async () => {
          const first = await seed({ params });
          if (definition.schema) validateSchema(definition.schema, first, `The seed of "${name}"`);
          return first;
        });
        if (opened.log.decided > 0) break;
        const result = await append(opened, authority.seed(value));
        if (result === "read-only") throw refusal();
      }
    });
  const start = (opened: Topic): Topic | Promise<Topic> => {
    follow(opened);
    return options.seed ? seeded(opened, options.seed) : opened;
  };
  let created: Topic | Promise<Topic>;
  const open = (): Hosted | Promise<Hosted> => {
    const made = create();
    created = made instanceof Promise ? made.then(start) : start(made);
    return created instanceof Promise ? created.then(ready) : ready(created);
  };

  const write = (changes: readonly Assignment[]): ServerSharedWrite => {
    const on = loadedTopic(topic, `Shared "${name}"`);
    if (deciding) throw new SyncError("invalid", `Write to "${name}" after its \`validate\`, not in it.`);
    if (on.fault) throw on.fault;
    const entry = authority.decide(sharedOp(undefined, changes), { replica: null, user: undefined, nowMs: env.nowMs() });
    const result = entry ? append(on, entry) : "stored";
    return new StoredWrite(result, refusal);
  };

  const handle = {
    topic: name,
    get ready() {
      return quiet(Promise.resolve(created).then(() => {}));
    },
    get: () => authority.value as T,
    subscribe(run) {
      run(authority.value as T);
      return news.listen(run);
    },
    listen: news.listen,
    set: (path: Keys, value: unknown) => write([{ path: checkPath(path), value: some(value) }]),
    delete: (path: Keys) => write([{ path: checkPath(path), value: nothing }]),
    update: (recipe) => write(changesBetween(authority.value, produceNext(authority.value as T, recipe))),
  } as ServerShared<T>;

  const ready = (opened: Topic): Hosted => {
    topic = opened;
    news.later();
    return {
      topic,
      decide: versions
        ? (op, context) => authority.decide(presentSharedOp(versions, op, authority.value), context)
        : (op, context) => authority.decide(op as never, context),
      apply: (entry) => apply(entry as SharedEntry),
      isBusy: () => news.isDue,
      close: news.close,
    };
  };
  options.onHandle(handle, open);
  return open();
}

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
