/**
 * The topics of one server: what is declared, what is loaded, and how a name becomes a topic.
 *
 * Always: a name that no declaration covers is refused; a topic is open at most once; topic ids are never used twice
 * in a server's life.
 * Rules: docs/protocol.md TOPIC1-TOPIC7, docs/protocol/storage.md IDLE1-IDLE11.
 */
import { randomHex } from "../core/env.ts";
import { type Durability, defaultRetention, type Log, type OpenLog, type Retention } from "../topic/log.ts";
import { createDeclarations, type Declarations } from "./declarations.ts";
import type { Delivery } from "./delivery.ts";
import { createEntries, type Entries, type EntriesHost } from "./entries.ts";
import { createLoaded, type Loaded, type LoadedHost } from "./loaded.ts";
import { createResting } from "./resting.ts";
import type { TailBudget } from "./tail-budget.ts";
import { Topic } from "./topic.ts";
import type { TopicKind } from "./topic-options.ts";
import type { WritersLimits } from "./writers.ts";

export interface NewTopic extends TopicKind {
  readonly retention?: Partial<Retention> | undefined;
  /** Default: the server's. Where it has no storage, everything is in memory. */
  readonly durability?: Durability | undefined;
}

export interface Topics extends Declarations, Entries, Pick<Loaded, "open" | "opened" | "keep" | "isUsed" | "names" | "size"> {
  /** Makes a topic with its own log; `log` overrides the server's, for topics that are derived. */
  create(topic: NewTopic, log?: Log): Topic | Promise<Topic>;
  /** Names of topics that the storage has, opened or not. */
  stored(prefix: string): Promise<readonly string[]>;
  /** Closes what is open, once what is on its way is stored. */
  close(): Promise<void>;
  /** Closes the topic where it is open, and forgets its log; its readers are told `code`. */
  delete(name: string, code: string): void;
}

interface TopicsHost extends EntriesHost, Pick<LoadedHost, "maxTopics" | "idleTopicMs" | "counters"> {
  readonly delivery: Delivery;
  readonly tails: TailBudget;
  readonly writers: WritersLimits;
  endTopic(topic: Topic, code: string): void;
}

/** What durable topics keep, unless they say otherwise. */
const durableRetention: Retention = { maxEntries: 100_000, maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: 7 * 24 * 3_600_000 };

export function createTopics(host: TopicsHost): Topics {
  const { env, memory, report } = host;
  let nextId = 1;
  const declarations = createDeclarations();
  const entries = createEntries(host);
  const forget = (name: string): void => void memory.delete(name);
  const closeLog = (name: string, log: OpenLog): void =>
    void Promise.resolve(log.close()).catch((error: unknown) => report(error, name));
  const resting = createResting(host.maxTopics, forget, closeLog);
  const loaded = createLoaded({
    ...host,
    resolve: declarations.resolve,
    letGo(name, topic, isAnew) {
      if (!isAnew && topic.isUntouched) return resting.rest(name, topic.log);
      closeLog(name, topic.log);
      if (topic.log.durability === "memory") forget(name);
    },
    came: resting.wake,
  });

  /** Ends what waits: the server closes. */
  const waiting = new Set<() => void>();
  let isClosing = false;
  const wait = (delayMs: number): Promise<boolean> =>
    new Promise((resolve) => {
      const end = (): void => {
        env.clearTimer(timer);
        waiting.delete(end);
        resolve(!isClosing);
      };
      const timer = env.setTimer(end, isClosing ? 0 : delayMs);
      waiting.add(end);
    });

  const load = (topic: NewTopic, log: OpenLog, retention: Retention): Topic | Promise<Topic> => {
    const created = new Topic({
      ...topic,
      id: nextId++,
      log,
      retention,
      kept: host.kept,
      writers: host.writers,
      nowMs: env.nowMs,
      nonce: () => randomHex(env, 4),
      report: (error) => report(error, topic.name),
      wait,
      tails: host.tails,
      onRecords: host.delivery.topicGrew,
      onFrame: host.delivery.framesMade,
    });
    if (log.durability === "memory") return created;
    return created.load().then(
      () => created,
      async (error: unknown) => {
        created.close();
        await log.close();
        throw error;
      },
    );
  };

  const forgetLog = (name: string): void => {
    resting.wake(name);
    forget(name);
    const log = host.storage();
    // At once: whoever opens it next is to begin a new epoch.
    const deleting = log instanceof Promise ? log.then((ready) => ready.delete(name)) : log?.delete(name);
    deleting?.catch((error: unknown) => report(error, name));
  };

  const remove: Topics["delete"] = (name, code) => {
    let isInMemory = false;
    const opening = loaded.take(name, (hosted) => {
      isInMemory = hosted.topic.log.durability === "memory";
      for (const topic of [hosted.topic, ...(hosted.views?.() ?? [])]) host.endTopic(topic, code);
    });
    const again = (): void => remove(name, code);
    if (opening) void opening.then(again, again);
    else if (isInMemory) forget(name);
    else forgetLog(name);
  };

  return {
    ...declarations,
    open: loaded.open,
    opened: loaded.opened,
    keep: loaded.keep,
    isUsed: loaded.isUsed,
    names: loaded.names,
    get size() {
      return loaded.size;
    },
    pack: entries.pack,
    append: entries.append,
    appendAll: entries.appendAll,
    isJoint: entries.isJoint,
    get storing() {
      return entries.storing;
    },
    create(topic, log) {
      const { durability = "memory" } = topic;
      const storage = log || durability === "memory" ? undefined : host.storage();
      const from = log ?? storage ?? memory;
      const retention = { ...(storage ? durableRetention : defaultRetention), ...topic.retention };
      const options = { retention, durability: storage ? durability : "memory" };
      const opened =
        from instanceof Promise ? from.then((ready) => ready.open(topic.name, options)) : from.open(topic.name, options);
      return opened instanceof Promise ? opened.then((ready) => load(topic, ready, retention)) : load(topic, opened, retention);
    },
    async stored(prefix) {
      const log = await host.storage();
      return (await log?.list(prefix)) ?? [];
    },
    async close() {
      loaded.stop();
      isClosing = true;
      for (const end of [...waiting]) end();
      // One that is still being opened has nothing that anybody wrote.
      await Promise.all([...loaded.all()].map(({ topic }) => Promise.resolve(topic.storing)));
      // Told of what was stored last.
      await loaded.runDue();
    },
    delete: remove,
  };
}

/** The promise, which is no unhandled rejection where nobody asks for it. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
