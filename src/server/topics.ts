/**
 * The topics of one server: what is declared, what is open, and how a name becomes a topic.
 *
 * Always: a name that no declaration covers is refused; a topic is open at most once; topic ids are never used twice
 * in a server's life.
 * Rules: docs/protocol.md TOPIC1-TOPIC7.
 */

import { encodeParam } from "../core/definitions.ts";
import { type Env, randomHex } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { CatchUp, Snapshot, WriteContext } from "../kind/kind.ts";
import type { CreateProjector } from "../kind/projector.ts";
import type { ConsumeRequest } from "../session/messages/channel.ts";
import type { MemberRequest } from "../session/messages/presence.ts";
import {
  type AppendResult,
  type Durability,
  defaultRetention,
  type Log,
  type LogRecord,
  type OpenLog,
  type Retention,
} from "../topic/log.ts";
import type { Packer } from "../wire/packer.ts";
import type { Connection } from "./connection.ts";
import type { Delivery } from "./delivery.ts";
import { toBytes } from "./frames.ts";
import type { Action, Authorize } from "./grants.ts";
import type { Subscription } from "./subscription.ts";
import { type ToldState, Topic, type TopicVersions } from "./topic.ts";
import type { Origin, WritersLimits } from "./writers.ts";

/** What a kind does for one open topic. */
export interface Hosted {
  readonly topic: Topic;
  /** The topic that this user reads instead. */
  viewFor?(user: User): Topic;
  /** Those that are open. */
  views?(): Iterable<Topic>;
  /** What an operation becomes; throws SyncError to reject it. Absent: clients do not write. */
  decide?(op: unknown, context: WriteContext): unknown;
  /** Takes a consumer; absent where nothing is consumed. */
  consume?(subscription: Subscription, request: ConsumeRequest): void;
  /** Answers what else a connection asks that is subscribed to it: a value, or nothing. Throws SyncError to refuse. */
  ask?(connection: Connection, subscription: Subscription, request: MemberRequest): unknown;
  /** Makes an entry that was decided part of the state; absent where there is none. */
  apply?(entry: unknown): void;
  close(): void;
}

/** A packed entry on its way to a log. */
export interface NewEntry {
  readonly entry: Uint8Array;
  /** What was packed, where nobody changes it before the append returns: for readers in another format it is not unpacked again. */
  readonly value?: unknown;
  /** Whose write it is; absent: the server's own. */
  readonly origin?: Origin | undefined;
}

/** One topic's entries of an append to several. */
export interface TopicPart {
  readonly topic: Topic;
  readonly entries: readonly NewEntry[];
}

/** What the application declared: one topic or a pattern of them. */
export interface Declaration {
  readonly kind: string;
  readonly pattern: string;
  readonly authorize: Authorize | undefined;
  /** Its topics come and go with their readers, below another topic: they are not counted as new ones. */
  readonly isDerived?: boolean;
  /** Names the action that writing is; a function where that depends on who writes. */
  readonly writeAction: Action | ((user: User, params: { readonly [name: string]: string }) => Action);
  host(name: string, params: { readonly [name: string]: string }): Hosted | Promise<Hosted>;
}

export interface Resolved {
  readonly declaration: Declaration;
  readonly params: { readonly [name: string]: string };
}

export interface NewTopic {
  readonly name: string;
  readonly kind: string;
  readonly catchUp: CatchUp;
  readonly retention?: Partial<Retention> | undefined;
  /** Default: the server's. Where it has no storage, everything is in memory. */
  readonly durability?: Durability | undefined;
  /** The state that was decided; for kinds with state an immutable value, unless there is `told`. */
  readonly snapshot: () => Snapshot;
  readonly told?: ToldState | undefined;
  /** What else the answer to a subscription says. */
  readonly answer?: () => object;
  readonly versions?: TopicVersions | undefined;
  readonly projector?: CreateProjector | undefined;
  /** Makes that the state; undefined: as it is at offset 0. Only kinds that can be durable have it. */
  readonly load?: (snapshot: Snapshot) => void;
  /** Folds an entry from the log into the state. */
  readonly replay?: (entry: unknown) => void;
  /** Called when decided entries were taken back. */
  readonly recovered?: () => void;
}

export interface Topics {
  declare(declaration: Declaration): void;
  resolve(name: string): Resolved | undefined;
  /** The open topic of a declared name, opened if need be. */
  open(name: string): Hosted | Promise<Hosted>;
  opened(name: string): Hosted | undefined;
  /** Makes a topic with its own log; `log` overrides the server's, for topics that are derived. */
  create(topic: NewTopic, log?: Log): Topic | Promise<Topic>;
  /** An entry as it is kept. Throws SyncError `invalid` for what the wire cannot carry. */
  pack(entry: unknown): Uint8Array;
  /**
   * Appends packed entries, which are part of the state already; readers get them at the end of the turn in which they are stored.
   * Where they cannot be stored the state goes back to what is, and the answer says so.
   */
  append(topic: Topic, entries: readonly NewEntry[]): AppendResult | Promise<AppendResult>;
  /** The same to several topics: all or nothing where their log can do that, else each by itself; the answers in the order of the parts. */
  appendAll(parts: readonly TopicPart[]): Promise<readonly AppendResult[]>;
  /** They have one log, and that appends to several topics at once. */
  isJoint(topics: readonly Topic[]): boolean;
  /** Names of topics that the storage has, opened or not. */
  stored(prefix: string): Promise<readonly string[]>;
  /** The newest append, of any topic, while it is on its way to the disk; those before it are there with it. */
  readonly storing: Promise<unknown> | undefined;
  /** Closes what is open, once what is on its way is stored. */
  close(): Promise<void>;
  /** Closes an open topic and forgets its log; its readers are told `code`. */
  delete(name: string, code: string): void;
  /** Closes an open topic that nobody reads or writes, and keeps its log: it is opened again when somebody asks. */
  release(name: string): void;
  names(): IterableIterator<string>;
  readonly size: number;
}

interface TopicsHost {
  readonly env: Env;
  /** Of topics that are not durable. */
  readonly memory: Log;
  /** Where durable topics live; absent: nowhere. */
  storage(): Log | Promise<Log> | undefined;
  readonly kept: Packer;
  readonly delivery: Delivery;
  readonly maxTopics: number;
  readonly writers: WritersLimits;
  endTopic(topic: Topic, code: string): void;
  report(error: unknown, where: string): void;
}

export function createTopics(host: TopicsHost): Topics {
  const exact = new Map<string, Declaration>();
  /** Patterns by their number of segments. */
  const patterns = new Map<number, { readonly segments: readonly string[]; readonly declaration: Declaration }[]>();
  const open = new Map<string, Hosted | Promise<Hosted>>();
  let nextId = 1;
  let storing: Promise<unknown> | undefined;

  const resolve = (name: string): Resolved | undefined => {
    const declaration = exact.get(name);
    if (declaration) return { declaration, params: {} };
    const segments = name.split("/");
    for (const pattern of patterns.get(segments.length) ?? []) {
      const params = match(pattern.segments, segments);
      if (params) return { declaration: pattern.declaration, params };
    }
    return undefined;
  };

  const create = (topic: NewTopic, log: OpenLog, retention: Retention): Topic | Promise<Topic> => {
    const created = new Topic({
      ...topic,
      id: nextId++,
      log,
      retention,
      kept: host.kept,
      writers: host.writers,
      nowMs: host.env.nowMs,
      nonce: () => randomHex(host.env, 4),
      report: (error) => host.report(error, topic.name),
      onRecords: host.delivery.topicGrew,
      onFrame: host.delivery.framesMade,
    });
    if (log.durability === "memory") return created;
    return created.load().then(
      () => created,
      (error: unknown) => {
        created.close();
        throw error;
      },
    );
  };

  const recordsOf = ({ log, version }: Topic, entries: readonly NewEntry[]): LogRecord[] => {
    const atMs = host.env.nowMs();
    // The first of all says which version it is of; later on, snapshots do.
    let mark = version > 1 && log.decided === 0 ? version : undefined;
    return entries.map(({ entry, origin }) => {
      const said = mark && origin ? [...origin, mark] : (origin ?? mark);
      mark = undefined;
      return said ? { entry, atMs, origin: toBytes(host.kept.pack(said)) } : { entry, atMs };
    });
  };

  const track = (result: AppendResult | Promise<AppendResult>): AppendResult | Promise<AppendResult> => {
    if (!(result instanceof Promise)) return result;
    const over = (): void => {
      if (storing === done) storing = undefined;
    };
    const done: Promise<unknown> = result.then(over, over);
    storing = done;
    return result;
  };

  return {
    declare(declaration) {
      const { pattern } = declaration;
      const segments = pattern.split("/");
      const isPattern = segments.some((segment) => segment.startsWith(":"));
      const same = patterns.get(segments.length) ?? [];
      if (exact.has(pattern) || same.some((other) => other.declaration.pattern === pattern)) {
        throw new SyncError("conflict", `Topic "${pattern}" is declared twice on this server.`);
      }
      if (!isPattern) exact.set(pattern, declaration);
      else patterns.set(segments.length, [...same, { segments, declaration }]);
    },
    resolve,
    open(name) {
      const known = open.get(name);
      if (known) return known;
      const resolved = resolve(name);
      if (!resolved) throw new SyncError("not-declared", `Nothing declares the topic "${name}".`);
      if (open.size >= host.maxTopics) throw new SyncError("limit", `${host.maxTopics} topics are open already.`);
      const hosted = resolved.declaration.host(name, resolved.params);
      open.set(name, hosted);
      if (hosted instanceof Promise) {
        hosted.then(
          (ready) => void open.set(name, ready),
          () => void open.delete(name),
        );
      }
      return hosted;
    },
    opened(name) {
      const hosted = open.get(name);
      return hosted instanceof Promise ? undefined : hosted;
    },
    create(topic, log) {
      const { durability = "memory" } = topic;
      const storage = log || durability === "memory" ? undefined : host.storage();
      const from = log ?? storage ?? host.memory;
      const retention = { ...(storage ? durableRetention : defaultRetention), ...topic.retention };
      const options = { retention, durability: storage ? durability : "memory" };
      const opened =
        from instanceof Promise ? from.then((ready) => ready.open(topic.name, options)) : from.open(topic.name, options);
      return opened instanceof Promise
        ? opened.then((ready) => create(topic, ready, retention))
        : create(topic, opened, retention);
    },
    pack: (entry) => toBytes(host.kept.pack(entry)),
    append(topic, entries) {
      topic.expect(entries);
      return track(topic.append(recordsOf(topic, entries), (error) => host.report(error, topic.name)));
    },
    appendAll(parts) {
      const log = host.storage();
      const atomic = log && !(log instanceof Promise) && log.features.atomicTopics ? log : undefined;
      const made = parts.map(({ topic, entries }) => ({ topic, records: recordsOf(topic, entries) }));
      const joint = made.filter(({ topic }) => topic.log.durability !== "memory");
      // At once: what the entries did to the states is there already, and nothing may come between.
      let appending: AppendResult | Promise<AppendResult> | undefined;
      let thrown: { readonly error: unknown } | undefined;
      try {
        appending = atomic?.appendAll?.(
          joint.map(({ topic, records }) => {
            return { log: topic.log, records, expect: { epoch: topic.epoch, offset: topic.log.decided } };
          }),
        );
      } catch (error) {
        thrown = { error };
      }
      return Promise.all(
        made.map(({ topic, records }) => {
          const report = (error: unknown): void => host.report(error, topic.name);
          const isJoint = topic.log.durability !== "memory";
          if (isJoint && thrown) return topic.refused(thrown.error);
          const joined = isJoint ? appending : undefined;
          return Promise.resolve(track(joined ? topic.follow(records, joined, report) : topic.append(records, report)));
        }),
      );
    },
    isJoint(all) {
      const inMemory = all.filter(({ log }) => log.durability === "memory").length;
      if (inMemory) return inMemory === all.length && host.memory.features.atomicTopics;
      const log = host.storage();
      return log !== undefined && !(log instanceof Promise) && log.features.atomicTopics;
    },
    async stored(prefix) {
      const log = await host.storage();
      return (await log?.list(prefix)) ?? [];
    },
    delete(name, code) {
      const hosted = open.get(name);
      if (!hosted || hosted instanceof Promise) return;
      open.delete(name);
      for (const topic of [hosted.topic, ...(hosted.views?.() ?? [])]) host.endTopic(topic, code);
      hosted.close();
      hosted.topic.close();
      const log = hosted.topic.log.durability === "memory" ? host.memory : host.storage();
      void (log instanceof Promise ? log.then((ready) => ready.delete(name)) : log?.delete(name));
    },
    release(name) {
      const hosted = open.get(name);
      if (!hosted || hosted instanceof Promise) return;
      const { topic } = hosted;
      if (topic.log.durability === "memory" || topic.subscriptions.size || topic.storing || topic.recovering) return;
      open.delete(name);
      hosted.close();
      topic.close();
    },
    async close() {
      // One that is still being opened has nothing that anybody wrote.
      const opened = [...open.values()].flatMap((hosted) =>
        hosted instanceof Promise ? [] : [Promise.resolve(hosted.topic.storing)],
      );
      await Promise.all(opened);
    },
    names: () => open.keys(),
    get storing() {
      return storing;
    },
    get size() {
      return open.size;
    },
  };
}

/** The promise, which is no unhandled rejection where nobody asks for it. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** What durable topics keep, unless they say otherwise. */
const durableRetention: Retention = { maxEntries: 100_000, maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: 7 * 24 * 3_600_000 };

/** The params of a name that fits the pattern; what is not valid percent-encoding fits none. */
function match(pattern: readonly string[], segments: readonly string[]): { readonly [name: string]: string } | undefined {
  const params: Record<string, string> = {};
  for (let i = 0; i < pattern.length; i++) {
    const expected = pattern[i] as string;
    const segment = segments[i] as string;
    if (!expected.startsWith(":")) {
      if (expected !== segment) return undefined;
      continue;
    }
    try {
      params[expected.slice(1)] = decodeURIComponent(segment);
    } catch {
      return undefined;
    }
    // Only the one spelling that `topicName` gives: else two names would be one topic.
    if (segment === "" || encodeParam(params[expected.slice(1)] as string) !== segment) return undefined;
  }
  return params;
}
