/**
 * What every verb of a server does with its target: a name, or a ref, gives the handle of one topic, opened now; a pattern gives a
 * family, whose topics are opened by their params when somebody asks.
 *
 * Always: a handle that `open` gave works until it was released as often; one of a topic that was let go throws `closed`.
 * Rules: docs/protocol.md TOPIC1-TOPIC7, docs/protocol/storage.md IDLE1-IDLE11.
 */
import { type Pattern, type Ref, toRef } from "../core/definitions.ts";
import { isSyncError, SyncError } from "../core/errors.ts";
import type { Durability } from "../topic/log.ts";
import { mainOf } from "./companion.ts";
import type { ServerCore } from "./core.ts";
import type { Declaration, Hosted } from "./hosted.ts";
import type { Topic } from "./topic.ts";

export type ParamValues = { readonly [name: string]: string };

/** A server's handle of a pattern. */
export interface Family<Handle, P> {
  /**
   * The topic of those params, loaded, or begun if there is none; it stays loaded until `release` was called as often. Rejects where it
   * cannot be read, or its seed throws.
   */
  open(params: P): Promise<Handle>;
  /** Done with what one `open` gave: when nobody uses the topic any more it is let go, after `limits.idleTopicMs`. */
  release(params: P): void;
  /** Opens it for as long as `run` takes, and gives what that gives. */
  use<R>(params: P, run: (handle: Handle) => R | Promise<R>): Promise<R>;
  /** The names of those loaded. */
  list(options?: { readonly prefix?: string }): string[];
  /** Its readers see status `deleted`; the next `open` starts anew. */
  delete(params: P): void;
}

/** What a ref, a pattern or a name was defined with. */
export function optionsOf(target: { readonly options: object } | string): object {
  return typeof target === "string" ? {} : target.options;
}

/** What it is called in errors that concern all of its topics. */
export function patternOf(target: { readonly pattern: string } | string): string {
  return typeof target === "string" ? target : target.pattern;
}

/** The topic of a handle that is to write. Throws SyncError `loading` before it is there, `closed` once it was let go or deleted. */
export function loadedTopic(topic: Topic | undefined, what: string): Topic {
  if (!topic) throw new SyncError("loading", `${what} is not loaded yet: await its \`ready\` first.`);
  topic.checkOpen();
  return topic;
}

/** Throws SyncError `unsupported` for what is asked to be stored where nothing can be. */
export function checkDurability(
  { hasStorage }: Pick<ServerCore, "hasStorage">,
  durability: Durability | undefined,
  what: string,
): void {
  if (!durability || durability === "memory" || hasStorage) return;
  throw new SyncError(
    "unsupported",
    `${what} is to be ${durability}, and this server stores nothing: give \`createServer\` a \`storage\`, or leave \`durability\` out.`,
  );
}

/** Told the handle of a topic before it is opened, and how it is opened for that handle again where that failed. */
export type OnHandle<Handle> = (handle: Handle, open?: Open) => void;
type Open = () => Hosted | Promise<Hosted>;

/** How long a topic of a name waits until it is opened again: at first, and at most. */
const reopenMs = { first: 1000, most: 30_000 };

/**
 * Declares the target; `host` serves one topic, and tells its handle before it returns. A topic of a name has one handle for good: where it
 * cannot be opened now, it is tried again.
 */
export function declareKind<Handle>(
  core: ServerCore,
  kind: string,
  target: Ref | Pattern<string, unknown, never> | string,
  {
    durability,
    ...declaration
  }: Pick<Declaration, "authorize" | "writeAction"> & { readonly durability?: Durability | undefined },
  host: (name: string, params: ParamValues, onHandle: OnHandle<Handle>) => Hosted | Promise<Hosted>,
): Handle | Family<Handle, never> {
  const { topics } = core;
  const ref = toRef(kind, target as Ref | string) as Ref | Pattern<string, unknown, never>;
  checkDurability(core, durability, `"${ref.pattern}"`);
  const handles = new Map<string, Handle>();
  /** What keeps a topic loaded, once for each `open`. */
  const keeping = new Map<string, (() => void)[]>();
  const isNamed = typeof ref !== "function";
  let openAgain: Open | undefined;
  topics.declare({
    ...declaration,
    kind,
    pattern: ref.pattern,
    companionOf: mainOf(ref),
    host: (name, params) =>
      openAgain?.() ??
      host(name, params, (handle, open) => {
        handles.set(name, handle);
        if (isNamed) openAgain = open;
      }),
    gone(name) {
      if (isNamed) return;
      handles.delete(name);
      keeping.delete(name);
    },
  });

  if (isNamed) {
    openNamed(core, ref.topic);
    return handles.get(ref.topic) as Handle;
  }

  /** Opened, and kept loaded until `done` is called. */
  const enter = async (params: never): Promise<{ readonly topic: string; readonly handle: Handle; done(): void }> => {
    const { topic } = ref(params);
    const opening = topics.open(topic);
    const done = topics.keep(topic);
    try {
      await opening;
      return { topic, handle: handles.get(topic) as Handle, done };
    } catch (error) {
      done();
      throw error;
    }
  };
  return {
    async open(params: never) {
      const { topic, handle, done } = await enter(params);
      keeping.set(topic, [...(keeping.get(topic) ?? []), done]);
      return handle;
    },
    release(params: never) {
      keeping.get(ref(params).topic)?.pop()?.();
    },
    async use(params: never, run) {
      const { handle, done } = await enter(params);
      try {
        return await run(handle);
      } finally {
        done();
      }
    },
    list: ({ prefix = "" } = {}) => [...handles.keys()].filter((name) => name.startsWith(prefix)),
    delete: (params: never) => topics.delete(ref(params).topic, "deleted"),
  };
}

/** What may be over when it is tried again. */
const passing = ["loading", "read-only", "limit"] as const;

/** Opens it, and where that may work later tries again until it does: its handle is all that the application has of it. */
function openNamed(core: ServerCore, name: string): void {
  const tryLater = (error: unknown, afterMs: number): void => {
    if (core.ended) return;
    // What the application threw was reported as it was thrown.
    if (!isSyncError(error, "loading")) core.report(error, name);
    if (!passing.some((code) => isSyncError(error, code))) return;
    const again = (): void => {
      core.ends.delete(stop);
      const open = async (): Promise<unknown> => core.topics.open(name);
      open().catch((still: unknown) => tryLater(still, Math.min(2 * afterMs, reopenMs.most)));
    };
    const timer = core.env.setTimer(again, afterMs);
    const stop = (): void => core.env.clearTimer(timer);
    core.ends.add(stop);
  };
  const opening = core.topics.open(name);
  if (opening instanceof Promise) opening.catch((error: unknown) => tryLater(error, reopenMs.first));
}
