/**
 * `atom(sync, ref)` on the server: a value that only the server changes, and everyone who may reads.
 *
 * Always: `get()` after `update()` shows the update; the updates of one turn (or of `debounceMs`) become one entry;
 * a value that the wire cannot carry is refused where it is made, and nothing of that turn is kept.
 * Rules: docs/protocol.md ATOM1-ATOM9.
 */
import type { Pattern, Ref } from "../core/definitions.ts";
import type { Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { createStore, type Readable } from "../core/store.ts";
import { createAtomAuthority } from "../kind/atom-authority.ts";
import { olderAtom } from "../kind/older.ts";
import type { Steps } from "../kind/patch.ts";
import type { Recipe } from "../kind/produce.ts";
import { patchProjector } from "../kind/projector.ts";
import type { Versions } from "../kind/versions.ts";
import { versionsOf } from "../kind/versions.ts";
import { createView, type ViewKey, type ViewOptions } from "../kind/view.ts";
import type { AppendResult, Durability, Retention } from "../topic/log.ts";
import { createMemoryLog } from "../topic/memory-log.ts";
import { coreOf, type ServerCore } from "./core.ts";
import { declareKind, type Family, loadedTopic, type OnHandle, optionsOf, type ParamValues, patternOf } from "./family.ts";
import type { Authorize } from "./grants.ts";
import type { Hosted } from "./hosted.ts";
import { firstValue, seeded } from "./published.ts";
import type { Topic } from "./topic.ts";
import { quiet } from "./topics.ts";

export interface ServerAtomOptions<T, P extends ParamValues = ParamValues> {
  /** Overrides the definition's; a function for a pattern: the first value by params. */
  readonly initial?: T | ((context: { readonly params: P }) => T);
  /** `patches` (default) sends what changed, `value` the whole value each time. */
  readonly mode?: "patches" | "value";
  /** Gathers updates for so long instead of one turn. */
  readonly debounceMs?: number;
  readonly authorize?: Authorize;
  readonly retention?: Partial<Retention>;
  /** Default `memory`. What is durable is there after a restart; await `ready` before the first update. */
  readonly durability?: Durability;
  /**
   * The first value of a durable atom, made once in its life, whatever reconnects or restarts; one that throws leaves the atom
   * unopened, and is asked again. Default: `initial`.
   */
  readonly seed?: (context: { readonly params: P }) => T | Promise<T>;
  /** What a reader sees instead of the whole value: one derived topic per distinct key. */
  readonly view?: ViewOptions<T, User, ViewKey, unknown>;
}

/** A server's handle of one atom. */
export interface ServerAtom<T> extends Readable<T> {
  readonly topic: string;
  /** Resolves when the value is the stored one: at once where nothing is stored. Rejects where it cannot be read. */
  readonly ready: Promise<void>;
  set(value: T): void;
  /** A recipe as Immer has them: change the draft, or return a new value. Throws what the recipe throws. */
  update(recipe: Recipe<T>): void;
}

export function atom<T, P extends ParamValues>(
  server: object,
  pattern: Pattern<"atom", T, P>,
  options?: ServerAtomOptions<NoInfer<T>, P>,
): Family<ServerAtom<T>, P>;
export function atom<T>(server: object, ref: Ref<"atom", T>, options?: ServerAtomOptions<NoInfer<T>>): ServerAtom<T>;
export function atom<T>(server: object, name: string, options: ServerAtomOptions<T> & { readonly initial: T }): ServerAtom<T>;
export function atom<T>(
  server: object,
  target: Ref<"atom", T> | Pattern<"atom", T, never> | string,
  options: ServerAtomOptions<T, never> = {},
): ServerAtom<T> | Family<ServerAtom<T>, never> {
  const core = coreOf(server);
  const initial = "initial" in options ? options.initial : (optionsOf(target) as { initial?: T }).initial;
  const versions = versionsOf(patternOf(target), optionsOf(target));
  const grants = { authorize: options.authorize, writeAction: "write", durability: options.durability } as const;
  return declareKind<ServerAtom<T>>(core, "atom", target, grants, (name, params, onHandle) =>
    hostAtom(core, name, {
      ...options,
      // A function is never a wire value, so it can only be the one that makes the initial value.
      initial: typeof initial === "function" ? (initial as (context: { params: ParamValues }) => T)({ params }) : (initial as T),
      versions,
      seed: options.seed && (() => (options.seed as (context: { params: ParamValues }) => T | Promise<T>)({ params })),
      onHandle,
    }),
  );
}

type HostOptions<T> = Omit<ServerAtomOptions<T>, "initial" | "seed"> & {
  readonly initial: T;
  readonly seed: (() => T | Promise<T>) | undefined;
  readonly versions: Versions | undefined;
  readonly onHandle: OnHandle<ServerAtom<T>>;
};

function hostAtom<T>(core: ServerCore, name: string, options: HostOptions<T>): Hosted | Promise<Hosted> {
  const { topics, delivery, env } = core;
  const authority = createAtomAuthority<T>({ initial: options.initial, mode: options.mode ?? "patches" });
  topics.pack(options.initial);
  const shown = createStore<T>(authority.value);
  const { versions } = options;
  const older = versions && {
    versions,
    older: (version: number) => olderAtom(versions, version, options.initial),
    takes: () => true,
  };
  let topic: Topic | undefined;
  let views: ReturnType<typeof createViews> | undefined;
  const show = (): void => shown.set(authority.value);
  const create = (): Topic | Promise<Topic> =>
    topics.create({
      name,
      kind: "atom",
      catchUp: "snapshot",
      retention: options.retention,
      durability: options.durability ?? "memory",
      snapshot: authority.snapshot,
      versions: older,
      projector: patchProjector,
      load: (state) => authority.load(state === undefined ? options.initial : state),
      replay: (steps) => authority.apply(steps as Steps),
      recovered: show,
    });
  const { seed } = options;
  const begin = async (): Promise<unknown> => {
    const value = await firstValue(core, name, seed as NonNullable<typeof seed>);
    authority.set(value);
    return authority.take(topics.pack) ?? [];
  };
  let created: Topic | Promise<Topic>;
  const open = (): Hosted | Promise<Hosted> => {
    const made = create();
    created = seed ? seeded(topics, made, begin) : made;
    return created instanceof Promise ? created.then(ready) : ready(created);
  };

  let gathering = false;
  let timer: Timer | undefined;
  /** Also where the server closes before the time is over: what was told to have changed is stored, and told to readers. */
  const commit = (): void => {
    gathering = false;
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
    core.ends.delete(commit);
    if (!topic || topic.isClosed) return;
    try {
      // Packed here first, so that what cannot travel undoes the turn instead of half of it.
      let entry: Uint8Array | undefined;
      authority.take((steps) => {
        if (topic?.fault) throw topic.fault;
        entry = topics.pack(steps);
      });
      if (entry) {
        const stored = topics.append(topic, [{ entry }]);
        if (stored instanceof Promise) void stored.then(answered, (error: unknown) => core.report(error, name));
        else answered(stored);
      }
    } catch (error) {
      core.report(error, name);
    }
    show();
  };
  const answered = (result: AppendResult): void => {
    if (result !== "stored") core.report(topic?.fault ?? new SyncError("read-only", "The log cannot store now."), name);
  };
  const changed = (): void => {
    show();
    if (gathering) return;
    gathering = true;
    if (!options.debounceMs || core.ended) return delivery.beforeFlush(commit);
    timer = env.setTimer(commit, options.debounceMs);
    core.ends.add(commit);
  };
  const write = (change: () => void): void => {
    loadedTopic(topic, `Atom "${name}"`);
    change();
    changed();
  };
  const handle: ServerAtom<T> = {
    topic: name,
    get ready() {
      return quiet(Promise.resolve(created).then(() => {}));
    },
    get: () => authority.value,
    subscribe: shown.subscribe,
    listen: shown.listen,
    set: (value) => write(() => authority.set(value)),
    update: (recipe) => write(() => authority.update(recipe)),
  };

  const ready = (opened: Topic): Hosted => {
    topic = opened;
    if (options.view) {
      const derived = createViews(core, opened, name, options.view, () => opened.state() as T);
      opened.onRecords(derived.update);
      views = derived;
    }
    show();
    return {
      topic,
      ...(views ? { viewFor: views.topicFor, views: views.topics } : {}),
      isBusy: () => gathering,
      isEmpty: () => opened.isUntouched,
      close() {
        if (timer !== undefined) env.clearTimer(timer);
        core.ends.delete(commit);
        views?.close();
      },
    };
  };
  options.onHandle(handle, open);
  return open();
}

/** The derived topics of one atom, each on a memory log of its own. */
function createViews<T>(
  core: ServerCore,
  parent: Topic,
  name: string,
  options: ViewOptions<T, User, ViewKey, unknown>,
  state: () => T,
) {
  const view = createView(options);
  const log = createMemoryLog(core.env);
  const open = new Map<string, { readonly topic: Topic; readonly authority: ReturnType<typeof view.open> }>();
  return {
    topicFor(user: User): Topic {
      const key = view.key(user);
      const viewName = `${name}?view=${view.name(key)}`;
      let derived = open.get(viewName);
      if (!derived) {
        const authority = view.open(key, state());
        const topic = core.topics.create(
          {
            name: viewName,
            kind: parent.kind,
            catchUp: "snapshot",
            snapshot: authority.snapshot,
            versions: parent.versions && { versions: parent.versions, takes: () => true },
            projector: patchProjector,
          },
          log,
        ) as Topic;
        derived = { topic, authority };
        open.set(viewName, derived);
      }
      return derived.topic;
    },
    topics: () => [...open.values()].map(({ topic }) => topic),
    update(): void {
      for (const [viewName, { topic, authority }] of open) {
        if (topic.subscriptions.size === 0) {
          // Nobody reads it: opened anew, and with a new epoch, when somebody does.
          topic.close();
          void log.delete(viewName);
          open.delete(viewName);
          continue;
        }
        try {
          const steps = authority.update(state());
          if (steps) void core.topics.append(topic, [{ entry: core.topics.pack(steps) }]);
        } catch (error) {
          core.report(error, viewName);
        }
      }
    },
    close(): void {
      for (const { topic } of open.values()) topic.close();
      open.clear();
    },
  };
}
