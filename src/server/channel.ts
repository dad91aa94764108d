/**
 * `channel(sync, ref)` on the server: events in one order, published by whoever may, kept for a while.
 *
 * Always: an event is validated by its schema before it is kept; `from` is the server's word.
 * Rules: docs/protocol.md CHANNEL1-CHANNEL6.
 */
import type { ChannelEvents, Pattern, Ref } from "../core/definitions.ts";
import { toRef } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { InputOf, OutputOf } from "../core/schema.ts";
import { validate } from "../core/schema.ts";
import { callAll } from "../core/store.ts";
import { type ChannelEntry, createChannelAuthority } from "../kind/channel.ts";
import type { AppendResult, Durability, Retention } from "../topic/log.ts";
import { ownBudget } from "../wire/packer.ts";
import { coreOf, type ServerCore } from "./core.ts";
import type { Authorize } from "./grants.ts";
import type { Topic } from "./topic.ts";
import { type Hosted, quiet } from "./topics.ts";

type ParamValues = { readonly [name: string]: string };

export interface ServerChannelOptions {
  /** Asked for `read` and for `publish`. */
  readonly authorize?: Authorize;
  /** What a late joiner can still be given. Default 1 024 events, 1 MiB; where they are stored, 100 000 events, 7 days. */
  readonly retention?: Partial<Retention>;
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
}

/** What became of an event that the server published. */
export interface Published {
  /** Resolves with its offset when the channel's log has it; rejects with a SyncError. Unasked, it is no unhandled rejection. */
  readonly stored: Promise<number>;
}

export interface ServerMessage<E extends ChannelEvents> {
  readonly event: Extract<keyof E, string>;
  readonly data: OutputOf<E[keyof E]>;
  /** Public id of the publisher's replica; null: this server. */
  readonly from: string | null;
  readonly offset: number;
}

/** A server's handle of one channel. */
export interface ServerChannel<E extends ChannelEvents> {
  readonly topic: string;
  /** Resolves when it is loaded: at once where nothing is stored. */
  readonly ready: Promise<void>;
  /** Throws SyncError `invalid` for data that its schema refuses. */
  publish<N extends Extract<keyof E, string>>(event: N, data: InputOf<E[N]>): Published;
  /** Calls `run` for each event from now on, whoever published it. */
  subscribe(run: (message: ServerMessage<E>) => void): () => void;
}

export interface ChannelFamily<E extends ChannelEvents, P> {
  open(params: P): Promise<ServerChannel<E>>;
  list(options?: { readonly prefix?: string }): string[];
  delete(params: P): void;
}

export function channel<E extends ChannelEvents, P extends ParamValues>(
  server: object,
  pattern: Pattern<"channel", E, P>,
  options?: ServerChannelOptions,
): ChannelFamily<E, P>;
export function channel<E extends ChannelEvents>(
  server: object,
  ref: Ref<"channel", E> | string,
  options?: ServerChannelOptions,
): ServerChannel<E>;
export function channel<E extends ChannelEvents>(
  server: object,
  target: Ref<"channel", E> | Pattern<"channel", E, never> | string,
  options: ServerChannelOptions = {},
): ServerChannel<E> | ChannelFamily<E, never> {
  const core = coreOf(server);
  const ref = toRef<"channel", E>("channel", target as Ref<"channel", E> | string) as
    | Ref<"channel", E>
    | Pattern<"channel", E, never>;
  const { events } = ref.options as { events?: ChannelEvents };
  const handles = new Map<string, ServerChannel<E>>();
  const host = (name: string): Hosted | Promise<Hosted> =>
    hostChannel(core, name, events, options, (handle) => void handles.set(name, handle as unknown as ServerChannel<E>));
  core.topics.declare({ kind: "channel", pattern: ref.pattern, authorize: options.authorize, writeAction: "publish", host });

  if (typeof ref !== "function") {
    const opening = core.topics.open(ref.topic);
    if (opening instanceof Promise) opening.catch((error: unknown) => core.report(error, ref.topic));
    return handles.get(ref.topic) as ServerChannel<E>;
  }
  return {
    async open(params: never) {
      const { topic } = ref(params);
      await core.topics.open(topic);
      return handles.get(topic) as ServerChannel<E>;
    },
    list: ({ prefix = "" } = {}) => [...handles.keys()].filter((name) => name.startsWith(prefix)),
    delete(params: never) {
      const { topic } = ref(params);
      core.topics.delete(topic, "deleted");
      handles.delete(topic);
    },
  };
}

function hostChannel(
  core: ServerCore,
  name: string,
  events: ChannelEvents | undefined,
  options: ServerChannelOptions,
  onHandle: (handle: ServerChannel<ChannelEvents>) => void,
): Hosted | Promise<Hosted> {
  const { topics, env } = core;
  const schemas = events && new Map(Object.entries(events));
  const authority = createChannelAuthority({
    validate(event, data) {
      if (!schemas) return data;
      const schema = schemas.get(event);
      if (!schema) throw new SyncError("not-declared", `Channel "${name}" has no event "${event}".`);
      return validate(schema, data, `Event "${event}"`);
    },
  });
  const listeners = new Set<(message: ServerMessage<ChannelEvents>) => void>();
  const heard = (offset: number, [event, data, from]: ChannelEntry): void => {
    if (!listeners.size) return;
    try {
      callAll(listeners, { event, data, from, offset });
    } catch (error) {
      core.report(error, name);
    }
  };
  const created = topics.create({
    name,
    kind: "channel",
    catchUp: "gap",
    retention: options.retention,
    durability: options.durability ?? core.durability ?? "strict",
    snapshot: () => undefined,
  });
  let topic: Topic | undefined;
  const append = (opened: Topic, entry: Uint8Array): Published => {
    const result = topics.append(opened, [{ entry }]);
    const offset = opened.log.decided;
    const answer = (outcome: AppendResult): number => {
      if (outcome === "stored") return offset;
      throw opened.log.fault ?? new SyncError("read-only", "The log cannot store now.");
    };
    if (!(result instanceof Promise)) return new Stored(() => Promise.resolve(answer(result)));
    const stored = quiet(result.then(answer));
    return new Stored(() => stored);
  };

  onHandle({
    topic: name,
    ready: quiet(Promise.resolve(created).then(() => {})),
    publish(event, data) {
      const decided = authority.decide({ event, data }, { replica: "", user: undefined, nowMs: env.nowMs() }) as ChannelEntry;
      const entry = topics.pack([decided[0], decided[1], null]);
      if (topic) return append(topic, entry);
      // It is still being loaded: behind what was published before.
      const later = quiet(Promise.resolve(created).then((opened) => append(opened, entry).stored));
      return new Stored(() => later);
    },
    subscribe(run) {
      const listener = (message: ServerMessage<ChannelEvents>): void => run(message);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });

  const ready = (opened: Topic): Hosted => {
    topic = opened;
    topic.log.onRecords((first, records) => {
      if (!listeners.size) return;
      for (const [index, { entry }] of records.entries())
        heard(first + index, core.kept.unpack(entry, ownBudget) as ChannelEntry);
    });
    return {
      topic,
      decide(op, context) {
        if (!Array.isArray(op) || op.length !== 2) throw new SyncError("invalid", "A channel takes [event data].");
        return authority.decide({ event: op[0], data: op[1] }, context);
      },
      close: () => listeners.clear(),
    };
  };
  return created instanceof Promise ? created.then(ready) : ready(created);
}

/** Makes its promise when it is asked for: most who publish never do. */
class Stored implements Published {
  readonly #ask: () => Promise<number>;
  constructor(ask: () => Promise<number>) {
    this.#ask = ask;
  }
  get stored(): Promise<number> {
    return this.#ask();
  }
}
