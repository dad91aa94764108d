/**
 * Topics whose state everyone changes by operations that the server decides: stores, and an application's own kinds.
 *
 * Always: what was decided is what is logged; the state that readers are told is stored; who asks for the state here sees what was
 * decided, and who listens is told at the end of the turn.
 * Rules: docs/protocol/store.md STORE1-STORE9, docs/protocol/kinds.md KIND8-KIND18.
 */
import { SyncError } from "../core/errors.ts";
import { createStore, type Readable } from "../core/store.ts";
import type { Authority, WriteContext } from "../kind/kind.ts";
import type { Durability, Retention } from "../topic/log.ts";
import type { ServerCore } from "./core.ts";
import { loadedTopic } from "./family.ts";
import { watched } from "./guard.ts";
import type { Hosted } from "./hosted.ts";
import { type Published, publishTo, seeded } from "./published.ts";
import type { Topic } from "./topic.ts";
import type { TopicKind } from "./topic-options.ts";
import { quiet } from "./topics.ts";

/** What the options of all of them say. */
export interface DecidedOptions {
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
  readonly retention?: Partial<Retention>;
}

/** What the handles of all of them have. */
export interface DecidedHandle<State> extends Readable<State> {
  readonly topic: string;
  /** Resolves when it is loaded: at once where nothing is stored. */
  readonly ready: Promise<void>;
}

export interface DecidedKind<State, Entry> extends Pick<TopicKind, "name" | "kind" | "versions" | "projector"> {
  readonly authority: Authority<unknown, Entry> & { readonly value: State };
  readonly options: DecidedOptions;
  /** What a new topic begins with, made once in its life; absent: its initial state. */
  readonly first?: (() => Promise<Entry>) | undefined;
  /** An operation of a client. Throws SyncError to reject it. */
  decide(op: unknown, context: WriteContext): Entry | undefined;
}

export interface DecidedHost<State> {
  /** Also where that failed before: the handle is the same. */
  open(): Hosted | Promise<Hosted>;
  readonly handle: DecidedHandle<State>;
  /** Decides it as this server itself; throws what rejects it. */
  run(op: unknown): Published;
}

export function hostDecided<State, Entry>(core: ServerCore, kind: DecidedKind<State, Entry>): DecidedHost<State> {
  const { topics, env, delivery } = core;
  const { name, authority, options, first, decide } = kind;
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
  const create = (): Topic | Promise<Topic> =>
    topics.create({
      name,
      kind: kind.kind,
      catchUp: "snapshot",
      retention: options.retention,
      durability: options.durability ?? core.durability ?? "strict",
      snapshot: authority.snapshot,
      versions: kind.versions,
      projector: kind.projector,
      load: authority.load,
      replay: (entry) => authority.apply(entry as Entry),
      recovered: show,
    });
  let opening: Topic | Promise<Topic>;
  const open = (): Hosted | Promise<Hosted> => {
    const made = create();
    opening = first
      ? seeded(topics, made, async () => {
          const entry = await first();
          topics.pack(entry);
          authority.apply(entry);
          return entry;
        })
      : made;
    return opening instanceof Promise ? opening.then(ready) : ready(opening);
  };
  let topic: Topic | undefined;

  const ready = (opened: Topic): Hosted => {
    topic = opened;
    show();
    return {
      topic,
      decide,
      apply(entry) {
        authority.apply(entry as Entry);
        showLater();
      },
      isBusy: () => isDue,
      close() {},
    };
  };
  return {
    open,
    handle: {
      topic: name,
      get ready() {
        return quiet(Promise.resolve(opening).then(() => {}));
      },
      get: () => authority.value,
      subscribe(run) {
        show();
        return shown.subscribe(run);
      },
      listen: shown.listen,
    },
    run(op) {
      const on = loadedTopic(topic, `"${name}"`);
      if (on.fault) throw on.fault;
      const entry = authority.decide(op, { replica: null, user: null, nowMs: env.nowMs() });
      if (entry === undefined) return { stored: Promise.resolve(on.log.decided) };
      const packed = topics.pack(entry);
      authority.apply(entry);
      const published = publishTo(topics, on, packed);
      show();
      return published;
    },
  };
}

/** Runs the application's own check. What it throws by mistake is reported, and that it cannot wait is told. */
export function runCheck(core: ServerCore, name: string, check: () => unknown): void {
  const result = watched((error) => core.report(error, name), check);
  if (!(result instanceof Promise)) return;
  result.catch(() => {});
  throw new SyncError("unsupported", `\`validate\` of "${name}" is asynchronous; use a synchronous one.`);
}
