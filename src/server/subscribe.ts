/**
 * What a connection asks of topics: subscribe, unsubscribe, position, write.
 *
 * Always: the answer to a subscription leaves before its first entry; it is explicit: recovered, or not and a snapshot
 * (for a channel: the oldest entries kept) follows; a position the log does not know never gets a delta.
 * Rules: docs/protocol.md SUB1-SUB22, GRANT1-GRANT6, GRANT12-GRANT14.
 */
import { SyncError, toWireError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { type BatchMessage, maxBatchTopics } from "../session/messages/batch.ts";
import { type Subscribe, sync, type WriteMessage } from "../session/messages/sync.ts";
import { createBucket, take } from "../tail/bucket.ts";
import type { Frame } from "../transport/transport.ts";
import { type BatchPart, createBatches } from "./batch.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import type { Feed } from "./feed.ts";
import type { Framer } from "./frames.ts";
import { type Authorize, ask, askGrant, type Grant } from "./grants.ts";
import { isDefect } from "./guard.ts";
import type { Resolved } from "./hosted.ts";
import { answerEach } from "./late.ts";
import { createReask, type Reask } from "./reask.ts";
import { readOnlyAnswer, renderedState, shownFeed, showsAll } from "./shown.ts";
import { startingPoint } from "./starting-point.ts";
import type { Leaving, Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";
import { checkWay, forbidden, type WayIn } from "./ways-in.ts";
import { createWrites } from "./writes.ts";

type Answer =
  | { readonly id: number; readonly at: [string, number]; readonly recovered: boolean; readonly durability: string }
  | { readonly error: unknown };
/** Where somebody may go, and what of it is theirs to read, or to write. */
type Entered = { readonly resolved: Resolved; readonly allowed: Grant };
type Opened = { readonly answer: Answer; readonly subscription?: Subscription };

const sayHello = "Say hello and subscribe before writing.";

export interface Subscriptions {
  subscribe(connection: Connection, items: readonly (Subscribe | undefined)[], callback: unknown): void;
  unsubscribe(connection: Connection, ids: readonly number[]): void;
  /** The server's own positions for those topics, as the peer should have them once it reads the reply. */
  positions(connection: Connection, asked: readonly [id: number, offset: number][]): [id: number, offset: number][];
  write(connection: Connection, message: WriteMessage): void;
  batch(connection: Connection, message: BatchMessage): void;
  /** What that user reads of a topic now: its name, position and value. Throws SyncError. */
  render(user: User, name: string): Promise<[name: string, at: [string, number], value: unknown]>;
  /** Ends one subscription and tells its reader. */
  end(subscription: Subscription, code: string): void;
  /** Ends what was granted on those connections, which are the user's, or everybody's; undefined: of all topics. */
  revoke(connections: Iterable<Connection>, user: string | undefined, topic: string | undefined): void;
  /** What `authorize` says to its writing, asked once; for as long as that is waited for, a promise. */
  mayWrite(connection: Connection, subscription: Subscription): Grant | Promise<Grant>;
  /** Its user is not quite the same: what was granted is asked again. */
  reask: Reask;
  /** The connection is gone. */
  release(connection: Connection, how: Leaving): void;
}

export function createSubscriptions(core: ServerCore, authorize: Authorize | undefined): Subscriptions {
  const { topics, limits, counters, ways } = core;
  /** All of a connection may be renewed at once. */
  const maxSeeking = 2 * limits.maxSubscriptions;

  /** Whose answers have not left, and for what reason they ended meanwhile. */
  const unanswered = new Map<Subscription, string | undefined>();
  let lastNumber = 0;

  const refuse = (error: unknown, name: string): Opened => {
    counters.refused++;
    if (isDefect(error)) core.report(error, name);
    return { answer: { error: toWireError(error) } };
  };

  const grant = (user: User, resolved: Resolved, name: string, read: boolean): Grant | Promise<Grant> => {
    const { declaration, params } = resolved;
    const { writeAction } = declaration;
    const action = read ? "read" : typeof writeAction === "function" ? writeAction(user, params) : writeAction;
    const request = { user, action, kind: declaration.kind, topic: name, params };
    return askGrant([authorize, declaration.authorize], request, (error) => core.report(error, name));
  };

  const mayWrite = (connection: Connection, { grant: granted, name, topic }: Subscription): Grant | Promise<Grant> => {
    const resolved = topics.resolve(name);
    granted.write ??= resolved ? grant(connection.user, resolved, name, false) : false;
    const isNew = topic.log.decided === 0 && resolved?.declaration.writeAction === "write";
    // Whoever waits for an answer already has asked for all of it.
    if (!isNew || granted.write === false || connection.granting?.has(topic.id)) return granted.write;
    const written = granted.write;
    const mayCreate = (): boolean | Promise<boolean> => {
      const { declaration, params } = resolved;
      const request = { user: connection.user, action: "create", kind: declaration.kind, topic: name, params } as const;
      return ask([authorize, declaration.authorize], request, (error) => core.report(error, name));
    };
    const both = (yes: boolean, allowed: Grant): Grant => {
      granted.mayNotCreate = !yes;
      return yes && allowed;
    };
    if (written instanceof Promise) return written.then(async (allowed) => allowed && both(await mayCreate(), allowed));
    const asked = mayCreate();
    return asked instanceof Promise ? asked.then((yes) => both(yes, written)) : both(asked, written);
  };

  /** What is written there from now on waits for that answer. */
  const holdBack = (connection: Connection, { grant: granted, topic: { id } }: Subscription, answer: Promise<Grant>): void => {
    granted.write = answer;
    connection.granting ??= new Map();
    connection.granting.set(id, granted);
    void answer.then((allowed) => {
      // Taken back meanwhile.
      if (granted.write !== answer) return;
      connection.granting?.delete(id);
      // Asked again: somebody else may have created it by then.
      granted.write = !allowed && granted.mayNotCreate ? undefined : allowed;
    });
  };

  const writes = createWrites(core);
  const batches = createBatches(core);

  /** It is out of its topic's list. */
  const left = (subscription: Subscription, how: Leaving): void => {
    subscription.consumer?.leave(how);
    if (subscription.read) subscription.topic.readersChanged?.();
  };

  const remove = (subscription: Subscription, how: Leaving = "lost"): void => {
    const { connection, topic } = subscription;
    topic.subscriptions.delete(subscription);
    left(subscription, how);
    connection.subscriptions = connection.subscriptions.filter((other) => other !== subscription);
    connection.forget(subscription);
  };

  /** The declaration of a topic that this user may read, or write; throws SyncError. */
  const enter = async (user: User, name: string, read: boolean): Promise<Entered> => {
    const resolved = topics.resolve(name);
    if (!resolved) throw new SyncError("not-declared", `Nothing declares the topic "${name}".`);
    const asked = grant(user, resolved, name, read);
    const allowed = asked instanceof Promise ? await asked : asked;
    if (!allowed) throw forbidden(name);
    return { resolved, allowed };
  };

  const open = async (connection: Connection, item: Subscribe, entered: Entered, way: WayIn): Promise<Opened> => {
    const { resolved, allowed } = entered;
    const { kind } = resolved.declaration;
    if (kind !== item.kind) throw new SyncError("invalid", `Topic "${item.topic}" is of kind ${kind}, not ${item.kind}.`);
    if (!topics.opened(item.topic) && !topics.resolve(item.topic)?.declaration.isDerived) {
      const now = core.env.monotonicMs();
      connection.newTopics ??= createBucket(limits.newTopics, now);
      if (!take(connection.newTopics, now, 1)) throw new SyncError("rate-limited", "Too many new topics in a minute.");
    }
    const opened = topics.open(item.topic);
    // Until it has its subscription, which keeps it.
    const release = topics.keep(item.topic);
    try {
      const hosted = opened instanceof Promise ? await opened : opened;
      const topic = item.read && hosted.viewFor ? hosted.viewFor(connection.user) : hosted.topic;
      const { framer } = connection.current;
      const made = !item.read || showsAll(topic, item.version, allowed) ? topic.feed(framer) : undefined;
      const feed = made instanceof Promise ? await made : made;
      await topic.expire();
      // It may have moved.
      const { current } = connection;
      if (current.closed) throw new SyncError("closed");
      // Deleted meanwhile, or a view that nobody read.
      if (topic.isClosed || current.framer !== framer) return await open(current, item, entered, way);
      checkWay(way);
      return attach(current, item, topic, feed ?? shownFeed(topic, framer, item.version, allowed), allowed);
    } finally {
      release();
    }
  };

  const attach = (connection: Connection, item: Subscribe, topic: Topic, feed: Feed, allowed: Grant): Opened => {
    const before = connection.subscription(topic.id);
    if (before) remove(before);
    if (connection.subscriptions.length >= limits.maxSubscriptions) {
      return refuse(new SyncError("limit", `${limits.maxSubscriptions} topics on one connection.`), item.topic);
    }
    const start = startingPoint(topic, feed, item.since, item.read);
    const subscription: Subscription = {
      connection,
      topic,
      feed,
      name: item.topic,
      read: item.read,
      allowed,
      // A snapshot on its way brings the cursor with its last part.
      cursor: start.snapshot ? 0 : start.offset,
      state: "held",
      snapshot: start.snapshot,
      pending: false,
      grant: connection.granting?.get(topic.id) ?? { write: item.read ? undefined : allowed },
    };
    connection.subscriptions = [...connection.subscriptions, subscription];
    connection.ended?.delete(topic.id);
    unanswered.set(subscription, undefined);
    // Writers stay held: they are never woken, but end with the topic.
    topic.subscriptions.add(subscription);
    if (subscription.read) topic.readersChanged?.();
    const at: [string, number] = [feed.epoch, start.offset];
    const answer = { id: topic.id, at, recovered: start.recovered, durability: topic.log.durability, ...topic.answer };
    return {
      subscription,
      answer: item.version === topic.version ? answer : { ...answer, ...readOnlyAnswer(topic, item.version) },
    };
  };

  /** Never rejects. */
  const seek = (connection: Connection, item: Subscribe): Promise<Opened> => {
    if (connection.seeking >= maxSeeking) {
      const error = new SyncError("limit", `${maxSeeking} subscriptions are being made.`);
      return Promise.resolve(refuse(error, item.topic));
    }
    connection.seeking++;
    // As they were asked for: the newest subscription to a topic is the one that stays.
    const before = connection.answering?.get(item.topic);
    const walk = async (way: WayIn): Promise<Opened> => {
      const entered = await enter(connection.user, item.topic, item.read);
      await before;
      return await open(connection, item, entered, way);
    };
    return ways
      .walk(connection.user, item.topic, walk)
      .catch((error: unknown) => refuse(error, item.topic))
      .finally(() => {
        connection.seeking--;
      });
  };

  const sayEnd = ({ connection, topic }: Subscription, code: string): void =>
    connection.control(connection.framer.event(sync.end, [topic.id, code]));

  /** Answers; what ended on the way ends behind its answer. */
  const say = (connection: Connection, opened: readonly Opened[], make: (framer: Framer) => Frame): void => {
    const { current } = connection;
    const made = opened.flatMap(({ subscription }) => subscription ?? []);
    if (!current.closed) {
      current.control(
        make(current.framer),
        made.filter(({ read }) => read),
      );
    }
    for (const subscription of made) {
      const code = unanswered.get(subscription);
      unanswered.delete(subscription);
      if (code !== undefined) sayEnd(subscription, code);
    }
  };

  const end = (subscription: Subscription, code: string): void => {
    const { connection, topic, grant } = subscription;
    remove(subscription, "over");
    grant.write = false;
    connection.granting?.delete(topic.id);
    connection.over(topic.id, code);
    if (unanswered.has(subscription)) unanswered.set(subscription, code);
    else sayEnd(subscription, code);
  };

  return {
    subscribe(connection, items, callback) {
      const seeking = items.map((item) =>
        item
          ? seek(connection, item)
          : Promise.resolve(refuse(new SyncError("invalid", "A subscription needs a topic and a kind."), "")),
      );
      connection.subscribing++;
      const answered = answerEach(seeking, {
        env: core.env,
        takesLate: connection.takesLate,
        number: () => ++lastNumber,
        reply(found) {
          connection.subscribing--;
          const opened = found.flatMap((each) => (typeof each === "number" ? [] : [each]));
          const answers = found.map((each) => (typeof each === "number" ? each : each.answer));
          say(connection, opened, (framer) => framer.message(answers, callback));
        },
        tell: (number, opened) => say(connection, [opened], (framer) => framer.event(sync.subscribed, [number, opened.answer])),
      });
      connection.answering ??= new Map();
      const { answering } = connection;
      for (const [index, item] of items.entries()) {
        if (!item) continue;
        const until = (answered[index] as Promise<void>).then(() => {
          if (answering.get(item.topic) === until) answering.delete(item.topic);
        });
        answering.set(item.topic, until);
      }
    },
    unsubscribe(connection, ids) {
      for (const id of ids) {
        const subscription = connection.subscription(id);
        if (subscription) remove(subscription);
      }
    },
    positions: (connection, asked) =>
      asked.flatMap(([id]) => {
        const subscription = connection.subscription(id);
        return subscription?.state === "live" ? [[id, subscription.cursor] as [number, number]] : [];
      }),
    write(connection, message) {
      const { id } = message;
      const subscription = connection.subscription(id);
      if (!connection.session || !subscription) {
        return writes.refuse(connection, message, connection.missing(id, sayHello));
      }
      const decide = (allowed: Grant): void => writes.decide(connection, subscription, message, allowed);
      const granted = subscription.grant;
      const answer = mayWrite(connection, subscription);
      // Until the answer is there, later writes wait behind the first: same promise, same order.
      if (answer instanceof Promise) {
        holdBack(connection, subscription, answer);
        const release = topics.keep(subscription.name);
        void answer.then((allowed) => {
          release();
          // It may have ended meanwhile; renewed or given up by its reader, it may still write what it was asked to.
          // Who is gone sends it again over the next line.
          if (!connection.current.closed) decide(granted.write !== false && allowed);
        });
      } else {
        decide(answer);
      }
    },
    batch(connection, message) {
      const parts = message.parts.flatMap(({ id, seq, op }): BatchPart[] => {
        const subscription = connection.subscription(id);
        return subscription ? [{ subscription, seq, op }] : [];
      });
      if (!connection.session || parts.length < message.parts.length) {
        const missing = message.parts.find(({ id }) => !connection.subscription(id));
        return batches.refuse(connection, message, connection.missing(missing?.id ?? 0, sayHello));
      }
      if (parts.length > maxBatchTopics) {
        return batches.refuse(connection, message, new SyncError("limit", `A batch has at most ${maxBatchTopics} topics.`));
      }
      const asked = parts.map(({ subscription }) => mayWrite(connection, subscription));
      const isKnown = (answers: readonly (Grant | Promise<Grant>)[]): answers is readonly Grant[] =>
        !answers.some((answer) => answer instanceof Promise);
      if (isKnown(asked) && !batches.recovering(parts)) {
        return batches.decide(connection, parts, message.resent, asked);
      }
      const decide = async (): Promise<readonly Grant[]> => {
        const allowed = await Promise.all(asked.map((answer) => Promise.resolve(answer)));
        try {
          for (let wait = batches.recovering(parts); wait; wait = batches.recovering(parts)) await wait;
          const still = parts.map(({ subscription: { grant } }, index) => grant.write !== false && (allowed[index] ?? false));
          if (!connection.current.closed) batches.decide(connection, parts, message.resent, still);
        } catch (error) {
          core.report(error, "batch");
        }
        return allowed;
      };
      const releases = parts.map(({ subscription }) => topics.keep(subscription.name));
      const decided = decide().finally(() => {
        for (const release of releases) release();
      });
      for (const [index, { subscription }] of parts.entries()) {
        holdBack(
          connection,
          subscription,
          decided.then((allowed) => allowed[index] ?? false),
        );
      }
    },
    render: (user, name) =>
      ways.walk(user, name, async (way) => {
        const { allowed } = await enter(user, name, true);
        const hosted = await topics.open(name);
        checkWay(way);
        const topic = hosted.viewFor ? hosted.viewFor(user) : hosted.topic;
        return [name, [topic.shownEpoch, topic.head], renderedState(topic, allowed)];
      }),
    end,
    revoke(connections, user, topic) {
      const isMeant = (name: string): boolean => topic === undefined || topics.isOf(name, topic);
      ways.revoke((way) => (user === undefined || way.user.id === user) && isMeant(way.name));
      for (const connection of connections) {
        for (const subscription of connection.subscriptions) if (isMeant(subscription.name)) end(subscription, "forbidden");
      }
    },
    mayWrite,
    reask: createReask({ topics, grant, end }),
    release(connection, how) {
      const { subscriptions } = connection;
      connection.subscriptions = [];
      for (const subscription of subscriptions) {
        unanswered.delete(subscription);
        subscription.topic.subscriptions.delete(subscription);
        left(subscription, how);
      }
    },
  };
}
