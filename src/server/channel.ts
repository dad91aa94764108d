/**
 * `channel(sync, ref)` on the server: events in one order, published by whoever may, kept for a while.
 *
 * Always: an event is validated by its schema before it is kept; `from` is the server's word.
 * Rules: docs/protocol/channels.md CHANNEL1-CHANNEL22.
 */
import type { ChannelEvents, Pattern, Ref } from "../core/definitions.ts";
import { toRef } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { InputOf, OutputOf } from "../core/schema.ts";
import { validate } from "../core/schema.ts";
import { callAll, type Readable } from "../core/store.ts";
import { type ChannelEntry, createChannelAuthority } from "../kind/channel.ts";
import type { AppendResult, Durability, LogRecord, Retention } from "../topic/log.ts";
import { ownBudget } from "../wire/packer.ts";
import { createReaders, type Subscribers } from "./channel-readers.ts";
import { createWildcards, type Wildcards } from "./channel-wildcards.ts";
import { coreOf, type ServerCore } from "./core.ts";
import { declareKind, type Family, type OnHandle, type ParamValues } from "./family.ts";
import type { Authorize } from "./grants.ts";
import { type GroupOptions, type GroupStats, groupTopic, hostGroup } from "./groups.ts";
import { watched } from "./guard.ts";
import type { Hosted } from "./hosted.ts";
import type { Topic } from "./topic.ts";
import { quiet } from "./topics.ts";

export interface ServerChannelOptions<E extends ChannelEvents = ChannelEvents> {
  /** Asked for `read`, for `publish`, and for a group's `consume`. */
  readonly authorize?: Authorize;
  /** What a late joiner can still be given. Default 1 024 events, 1 MiB; where they are stored, 100 000 events, 7 days. */
  readonly retention?: Partial<Retention>;
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
  /** Consumer groups by name: what they are given is work. */
  readonly groups?: { readonly [name: string]: GroupOptions<E> };
  /**
   * Of a pattern: clients may subscribe to all of its channels at once, by `room/*`. `whole`: who may read the wildcard, reads every
   * channel of it. `each`: and `authorize` is asked for every event's own channel, too; its answer has to come at once. Default: no.
   */
  readonly wildcards?: Wildcards;
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
  /** Who reads it, wildcards not counted; told at the end of the turn in which that changed. */
  readonly subscribers: Readable<Subscribers>;
  /** Undefined until a consumer of this group has come. */
  group(name: string): GroupStats | undefined;
}

export type ChannelFamily<E extends ChannelEvents, P> = Family<ServerChannel<E>, P>;

export function channel<E extends ChannelEvents, P extends ParamValues>(
  server: object,
  pattern: Pattern<"channel", E, P>,
  options?: ServerChannelOptions<NoInfer<E>>,
): ChannelFamily<E, P>;
export function channel<E extends ChannelEvents>(
  server: object,
  ref: Ref<"channel", E> | string,
  options?: ServerChannelOptions<NoInfer<E>>,
): ServerChannel<E>;
export function channel<E extends ChannelEvents>(
  server: object,
  target: Ref<"channel", E> | Pattern<"channel", E, never> | string,
  options: ServerChannelOptions<E> = {},
): ServerChannel<E> | ChannelFamily<E, never> {
  const core = coreOf(server);
  const ref = toRef<"channel", E>("channel", target as Ref<"channel", E> | string) as
    | Ref<"channel", E>
    | Pattern<"channel", E, never>;
  const { events } = ref.options as { events?: ChannelEvents };
  const groups = declareGroups(core, ref.pattern, options as unknown as ServerChannelOptions);
  const grants = { authorize: options.authorize, writeAction: "publish", durability: options.durability } as const;
  const handle = declareKind<ServerChannel<ChannelEvents>>(core, "channel", ref, grants, (name, _params, onHandle) =>
    hostChannel(core, name, {
      events,
      options,
      groups,
      heard: (first, records) => wildcards?.heard(name, first, records),
      onHandle,
    }),
  ) as unknown;
  const wildcards = options.wildcards && createWildcards(core, ref.pattern, options.wildcards, options);
  if (typeof ref !== "function") return handle as ServerChannel<E>;
  const family = handle as Family<ServerChannel<E>, never>;
  return {
    ...family,
    delete(params) {
      for (const name of groups.names) core.topics.delete(groupTopic(ref(params).topic, name), "deleted");
      family.delete(params);
    },
  };
}

interface ChannelHost {
  readonly events: ChannelEvents | undefined;
  readonly options: Omit<ServerChannelOptions, "groups">;
  readonly groups: Groups;
  /** Told what was appended. */
  heard(first: number, records: readonly LogRecord[]): void;
  readonly onHandle: OnHandle<ServerChannel<ChannelEvents>>;
}

function hostChannel(
  core: ServerCore,
  name: string,
  { events, options, groups, heard, onHandle }: ChannelHost,
): Hosted | Promise<Hosted> {
  const { topics, env } = core;
  const schemas = events && new Map(Object.entries(events));
  const authority = createChannelAuthority({
    validate(event, data) {
      if (!schemas) return data;
      const schema = schemas.get(event);
      if (!schema) throw new SyncError("not-declared", `Channel "${name}" has no event "${event}".`);
      return watched(
        (error) => core.report(error, name),
        () => validate(schema, data, `Event "${event}"`),
      );
    },
  });
  const listeners = new Set<(message: ServerMessage<ChannelEvents>) => void>();
  const readers = createReaders(env);
  const tell = (offset: number, [event, data, from]: ChannelEntry): void => {
    if (!listeners.size) return;
    try {
      callAll(listeners, { event, data, from, offset });
    } catch (error) {
      core.report(error, name);
    }
  };
  let created: Topic | Promise<Topic>;
  const open = (): Hosted | Promise<Hosted> => {
    created = topics.create({
      name,
      kind: "channel",
      catchUp: "gap",
      retention: options.retention,
      durability: durabilityOf(core, options),
      snapshot: () => undefined,
    });
    return created instanceof Promise ? created.then(ready) : ready(created);
  };
  let topic: Topic | undefined;
  const append = (opened: Topic, entry: Uint8Array): Published => {
    opened.checkOpen();
    const { fault } = opened;
    if (fault) return new Stored(() => Promise.reject(fault));
    const result = topics.append(opened, [{ entry }]);
    const offset = opened.log.decided;
    const answer = (outcome: AppendResult): number => {
      if (outcome === "stored") return offset;
      throw opened.fault ?? new SyncError("read-only", "The log cannot store now.");
    };
    if (!(result instanceof Promise)) return new Stored(async () => answer(result));
    const stored = quiet(result.then(answer));
    return new Stored(() => stored);
  };

  const handle: ServerChannel<ChannelEvents> = {
    topic: name,
    get ready() {
      return quiet(Promise.resolve(created).then(() => {}));
    },
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
    subscribers: readers,
    group: (group) => groups.stats(name, group),
  };

  const ready = (opened: Topic): Hosted => {
    topic = opened;
    readers.follow(opened);
    topic.onRecords((first, records) => {
      heard(first, records);
      if (!listeners.size) return;
      for (const [index, { entry }] of records.entries()) tell(first + index, core.kept.unpack(entry, ownBudget) as ChannelEntry);
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
  onHandle(handle, open);
  return open();
}

const durabilityOf = (core: ServerCore, { durability }: { readonly durability?: Durability }): Durability =>
  durability ?? core.durability ?? "strict";

interface Groups {
  readonly names: readonly string[];
  stats(topic: string, group: string): GroupStats | undefined;
}

/** Each group of a channel is a topic below it, opened when a consumer comes. */
function declareGroups(core: ServerCore, pattern: string, { groups = {}, authorize, ...rest }: ServerChannelOptions): Groups {
  const durability = durabilityOf(core, rest);
  const stats = new Map<string, () => GroupStats>();
  for (const [group, options] of Object.entries(groups)) {
    if (!groupName.test(group)) throw new SyncError("invalid", `"${group}" is no name for a group: letters, digits, - and _.`);
    const suffix = groupTopic("", group);
    core.topics.declare({
      kind: "group",
      pattern: pattern + suffix,
      companionOf: pattern,
      authorize,
      writeAction: "consume",
      async host(name) {
        const parentName = name.slice(0, -suffix.length);
        const opening = core.topics.open(parentName);
        // It follows its channel for as long as it is loaded itself.
        const release = core.topics.keep(parentName);
        try {
          const { topic: parent } = await opening;
          const onStats = (get: () => GroupStats): void => void stats.set(name, get);
          const hosted = await hostGroup({ core, name, parent, durability, options, onStats });
          const close = (): void => {
            stats.delete(name);
            hosted.close();
            release();
          };
          return { ...hosted, close };
        } catch (error) {
          release();
          throw error;
        }
      },
    });
  }
  return { names: Object.keys(groups), stats: (topic, group) => stats.get(groupTopic(topic, group))?.() };
}

const groupName = /^[\w-]{1,64}$/;

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
