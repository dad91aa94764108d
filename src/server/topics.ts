/**
 * The topics of one server: what is declared, what is open, and how a name becomes a topic.
 *
 * Always: a name that no declaration covers is refused; a topic is open at most once; topic ids are never used twice
 * in a server's life.
 * Rules: docs/protocol.md TOPIC1-TOPIC7.
 */
import type { Env } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { CatchUp, Snapshot, WriteContext } from "../kind/kind.ts";
import { defaultRetention, type Log, type LogRecord, type OpenLog, type Retention } from "../topic/log.ts";
import type { Packer } from "../wire/packer.ts";
import type { Delivery } from "./delivery.ts";
import { toBytes } from "./frames.ts";
import type { Authorize } from "./grants.ts";
import { Topic } from "./topic.ts";

/** What a kind does for one open topic. */
export interface Hosted {
  readonly topic: Topic;
  /** The topic that this user reads instead. */
  viewFor?(user: User): Topic;
  /** Those that are open. */
  views?(): Iterable<Topic>;
  /** What an operation becomes; throws SyncError to reject it. Absent: clients do not write. */
  decide?(op: unknown, context: WriteContext): unknown;
  close(): void;
}

/** What the application declared: one topic or a pattern of them. */
export interface Declaration {
  readonly kind: string;
  readonly pattern: string;
  readonly authorize: Authorize | undefined;
  /** Names the action that writing is. */
  readonly writeAction: "write" | "publish";
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
  readonly snapshot: () => Snapshot;
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
  /** Appends packed entries; every reader gets them at the end of the turn. */
  append(topic: Topic, entries: readonly Uint8Array[]): void | Promise<void>;
  /** Closes an open topic and forgets its log; its readers are told `code`. */
  delete(name: string, code: string): void;
  names(): IterableIterator<string>;
  readonly size: number;
}

interface TopicsHost {
  readonly env: Env;
  readonly log: Log;
  readonly kept: Packer;
  readonly delivery: Delivery;
  readonly maxTopics: number;
  endTopic(topic: Topic, code: string): void;
}

export function createTopics(host: TopicsHost): Topics {
  const exact = new Map<string, Declaration>();
  /** Patterns by their number of segments. */
  const patterns = new Map<number, { readonly segments: readonly string[]; readonly declaration: Declaration }[]>();
  const open = new Map<string, Hosted | Promise<Hosted>>();
  let nextId = 1;

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

  const create = (topic: NewTopic, log: OpenLog, retention: Retention): Topic =>
    new Topic({
      ...topic,
      id: nextId++,
      log,
      retention,
      kept: host.kept,
      onRecords: host.delivery.topicGrew,
      onFrame: host.delivery.framesMade,
    });

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
    create(topic, log = host.log) {
      const retention = { ...defaultRetention, ...topic.retention };
      const opened = log.open(topic.name, retention);
      return opened instanceof Promise
        ? opened.then((ready) => create(topic, ready, retention))
        : create(topic, opened, retention);
    },
    pack: (entry) => toBytes(host.kept.pack(entry)),
    append(topic, entries) {
      const atMs = host.env.nowMs();
      const records: LogRecord[] = entries.map((entry) => ({ entry, atMs }));
      const result = topic.log.append(records, topic.log.position);
      const check = (outcome: string): void => {
        if (outcome !== "stored") throw new SyncError("conflict", `Topic "${topic.name}": the log answered ${outcome}.`);
      };
      return result instanceof Promise ? result.then(check) : check(result);
    },
    delete(name, code) {
      const hosted = open.get(name);
      if (!hosted || hosted instanceof Promise) return;
      open.delete(name);
      for (const topic of [hosted.topic, ...(hosted.views?.() ?? [])]) host.endTopic(topic, code);
      hosted.close();
      hosted.topic.close();
      void host.log.delete(name);
    },
    names: () => open.keys(),
    get size() {
      return open.size;
    },
  };
}

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
    if (segment === "" || encodeURIComponent(params[expected.slice(1)] as string) !== segment) return undefined;
  }
  return params;
}
