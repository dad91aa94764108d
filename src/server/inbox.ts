/**
 * `inbox(sync)`: mail for users, which waits for who is away. Clients send it by `relay`, the server by `notify`,
 * and by `sync.send` of an event that is declared to go there.
 *
 * Every user has a topic `inbox/<user>` that this user alone reads, whatever `authorize` says, and that others write to where it
 * says yes to `relay`. Our clients have it as a topic; to a user's plain Sente peers each stored message is pushed, once.
 * Always: a message is validated, stamped and stored before anybody is told of it; who sent it is the session's word.
 * Rules: docs/protocol/inbox.md INBOX1-INBOX8, INBOX12, INBOX14, INBOX15, RELAY3, RELAY4.
 */
import { topicName } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { AnyEvents, DataArgs, EventName, EventShape, Events } from "../core/events.ts";
import { validate } from "../core/schema.ts";
import {
  type ClientAddress,
  emptyInbox,
  groupPattern,
  type InboxEntry,
  type InboxOp,
  type InboxState,
  inboxPattern,
  type MessageExtra,
} from "../kind/inbox.ts";
import { createInboxAuthority, type InboxRetention, type InboxRules } from "../kind/inbox-authority.ts";
import type { AppendResult, Durability } from "../topic/log.ts";
import { ownBudget } from "../wire/packer.ts";
import { coreOf, type ServerCore } from "./core.ts";
import type { NewEntry } from "./entries.ts";
import { checkDurability } from "./family.ts";
import type { Authorize } from "./grants.ts";
import type { Hosted } from "./hosted.ts";
import { hostGroup, type OpenInbox, resumeGroups } from "./inbox-group.ts";
import type { Server } from "./server.ts";
import type { Topic } from "./topic.ts";

export interface InboxOptions {
  /** Asked for `relay`, with the receiver as `params.user`; the server's own `authorize` is asked too. */
  readonly authorize?: Authorize;
  /** Of each inbox. Default 1 000 messages, 1 MiB, 30 days. */
  readonly retention?: Partial<InboxRetention>;
  /** A full inbox forgets what is read first. Where all is unread: the oldest is forgotten (default), or the new one refused with `limit`. */
  readonly overflow?: InboxRules["overflow"];
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
}

/** What became of a message that the server sent. */
export interface Notified {
  /** Resolves with its offset when the inbox's log has it; rejects with a SyncError. Unasked, that goes to `onError`. */
  readonly stored: Promise<number>;
}

export interface InboxCounters {
  readonly stored: number;
  /** Forgotten before they were read. */
  readonly missed: number;
  /** Told to plain Sente peers. */
  readonly pushed: number;
}

export interface ServerInbox<E extends Events = AnyEvents> {
  /** Puts a message into the user's inbox. Throws SyncError `invalid` for data that its schema refuses. */
  notify<N extends EventName<E>>(userId: string, event: N, ...data: DataArgs<E, N>): Notified;
  /** Since the server began. */
  readonly counters: InboxCounters;
}

const defaultInboxRetention: InboxRetention = { maxEntries: 1000, maxBytes: 1024 * 1024, maxAgeMs: 30 * 24 * 3_600_000 };

interface Box extends Hosted, OpenInbox {
  /** Stores what the server does to it; its offset. Throws SyncError. */
  add(op: InboxOp): number | Promise<number>;
}

/** Opens the inboxes of a server; throws SyncError `conflict` where they are open. */
export function inbox<E extends Events = AnyEvents>(server: Server<E>, options: InboxOptions = {}): ServerInbox<E> {
  const core = coreOf(server);
  const counters = { stored: 0, missed: 0, pushed: 0 };
  const check = createCheck(core.events);
  const allow = options.authorize ?? (() => true);
  checkDurability(core, options.durability, `"${inboxPattern}"`);
  const durability = options.durability ?? core.durability ?? "strict";
  const open = async (user: string): Promise<Box> => (await core.topics.open(topicName(inboxPattern, { user }))) as Box;
  const keep = (user: string): (() => void) => core.topics.keep(topicName(inboxPattern, { user }));
  core.topics.declare({
    kind: "inbox",
    pattern: inboxPattern,
    authorize: (request) => (request.action === "read" ? request.user.id === request.params["user"] : allow(request)),
    // To mark what was read is part of reading.
    writeAction: (user, params) => (user.id === params["user"] ? "read" : "relay"),
    host: (name, params) => hostInbox(core, name, params["user"] as string, { ...options, durability }, check, counters),
  });
  core.topics.declare({
    kind: "relay",
    pattern: groupPattern,
    authorize: (request) => request.action !== "read" && allow(request),
    writeAction: "relay",
    host: (name, params) =>
      hostGroup(
        { core, durability, open, keep, check: (event, data) => check(event, data, false) },
        name,
        params["topic"] as string,
      ),
  });
  void resumeGroups(core);

  const notify = (userId: string, event: string, data: unknown): Notified => {
    const name = topicName(inboxPattern, { user: userId });
    const op: InboxOp = [0, event, check(event, data ?? null, false)];
    const stored = open(userId).then((box) => box.add(op));
    let asked = false;
    stored.catch((error: unknown) => asked || core.report(error, name));
    return {
      get stored() {
        asked = true;
        return stored;
      },
    };
  };
  core.notify = notify;
  return { counters, notify: (userId, event, ...[data]) => notify(userId, event, data) };
}

/** The data to keep; throws SyncError for what its schema refuses. */
type Check = (event: string, data: unknown, isReply: boolean) => unknown;

/** The events' schemas: of their data, and for an answer of their replies. */
function createCheck(events: Events): Check {
  const shapes = new Map<string, EventShape>(Object.entries(events));
  return (event, data, isReply) => {
    const shape = shapes.get(event);
    const schema = isReply ? shape?.reply : shape?.data;
    return schema ? validate(schema, data, `${isReply ? "Reply to" : "Event"} "${event}"`) : data;
  };
}

function hostInbox(
  core: ServerCore,
  name: string,
  user: string,
  options: InboxOptions & { readonly durability: Durability },
  check: Check,
  counters: { stored: number; missed: number; pushed: number },
): Box | Promise<Box> {
  const { topics, users, env } = core;
  const retention = { ...defaultInboxRetention, ...options.retention };
  const authority = createInboxAuthority({
    user,
    retention,
    overflow: options.overflow ?? "drop-oldest",
    measure: (event, data) => topics.pack([event, data]).length,
    isPresent: (replica) => users.of(user).some(({ session }) => session?.replica === replica),
  });
  const missed = (): number => (authority.snapshot() as InboxState).missed;
  const apply = (entry: unknown): void => {
    const before = missed();
    authority.apply(entry as InboxEntry);
    counters.missed += Math.max(0, missed() - before);
  };

  const ready = (topic: Topic): Box => {
    const { log } = topic;
    const pushPlain = ([kind, event, data, , , , , extra]: InboxEntry): void => {
      if (kind !== 0) return;
      counters.stored++;
      // What is for one client of ours is no plain peer's.
      if (extra?.to !== undefined || ![...users.of(user), ...users.away(user).map(({ connection }) => connection)].some(isPlain))
        return;
      counters.pushed++;
      core.push(user, event, data, true);
    };
    topic.onRecords((_, records) => {
      for (const { entry } of records) pushPlain(core.kept.unpack(entry, ownBudget) as InboxEntry);
    });
    /** Makes it part of the state; what to append for that. */
    const prepare = (op: InboxOp, from: ClientAddress | null): NewEntry[] => {
      const user = from ? { id: from.user } : undefined;
      const entry = authority.decide(op, { replica: from?.replica ?? null, user, nowMs: env.nowMs() });
      if (entry === undefined) return [];
      const packed = topics.pack(entry);
      apply(entry);
      return [{ entry: packed }];
    };
    const add = (op: InboxOp): number | Promise<number> => {
      if (topic.fault) throw topic.fault;
      const entries = prepare(op, null);
      if (!entries.length) return log.decided;
      const result = topics.append(topic, entries);
      const offset = log.decided;
      const answer = (outcome: AppendResult): number => {
        if (outcome === "stored") return offset;
        throw log.fault ?? new SyncError("read-only", "The log cannot store now.");
      };
      return result instanceof Promise ? result.then(answer) : answer(result);
    };
    return {
      topic,
      add,
      take: (event, data, from) => ({ topic, entries: prepare([0, event, data], from) }),
      viewFor() {
        // Who reads it now is to find nothing that is too old.
        if (!topic.fault) void Promise.resolve(add([2])).catch((error: unknown) => core.report(error, name));
        return topic;
      },
      decide(op, context) {
        const isMessage = Array.isArray(op) && op[0] === 0 && typeof op[1] === "string";
        return authority.decide(isMessage ? checked(op, check) : (op as InboxOp), context);
      },
      apply,
      close() {},
    };
  };
  const created = topics.create({
    name,
    kind: "inbox",
    catchUp: "snapshot",
    retention,
    durability: options.durability,
    snapshot: authority.snapshot,
    load: (state) => authority.load(state ?? emptyInbox),
    replay: (entry) => authority.apply(entry as InboxEntry),
  });
  return created instanceof Promise ? created.then(ready) : ready(created);
}

function checked([, event, data, extra]: readonly unknown[], check: Check): InboxOp {
  const isReply = (extra as MessageExtra | null | undefined)?.reply !== undefined;
  return [0, event as string, check(event as string, data, isReply), extra as MessageExtra];
}

const isPlain = ({ offersSync }: { readonly offersSync: boolean }): boolean => !offersSync;
