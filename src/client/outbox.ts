/**
 * An outbox: writes that have no answer yet, kept where they outlive the page or the process.
 *
 * Each client has a record of its own, and finishes those that dead ones left: over a line of its own each, under the session
 * that numbered them, and what has no number under a new one. A restored session numbers nothing: so a copy of a store can
 * give no number to another write.
 * Always: writes to a topic wait until those that were left for it are through; what one user wrote is not sent as another.
 * Rules: docs/protocol/writes.md OUTBOX9-OUTBOX16.
 */
import { randomHex, type Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import { type Client, coreOf, type KindCore } from "./client.ts";
import { type Head, RecordKeeper, readRecord } from "./outbox-record.ts";
import { type CopyLimits, clearShelf, copyLimits, hash, type Shelf } from "./storage/shelf.ts";
import type { OpenOutboxStore, OutboxRecord, OutboxStore } from "./storage/store.ts";
import { keepValues } from "./storage/values.ts";
import { rebind } from "./together.ts";
import { type ClientWrites, type Keeper, ownerOf, type Write, writesOf } from "./writes.ts";

/** Keeps a client's writes: `indexedDb()`, `files(folder)`. */
export interface ClientStorage {
  /** `twin`: another client of the same server, not connected. */
  attach(client: Client, server: URL, twin: () => Client): void;
}

export interface OutboxOptions {
  /** Id of the user who writes before the server has said who it is. Default: whoever it will be. */
  readonly user?: string;
  /** How much of what is read is kept for the next page. */
  readonly copies?: Partial<CopyLimits>;
  /** Which topics are kept for the next page, of kinds that have a value. Default: all that are read. */
  readonly keeps?: (topic: string, kind: string) => boolean;
}

/** What a dead client left. */
interface Left {
  readonly head: Head;
  readonly writes: readonly (readonly [key: string, write: Write])[];
  readonly record: OutboxRecord;
  isShown: boolean;
}

/** Without the store after so long. */
const openTimeoutMs = 5000;
/** When to look again for what others left: soon, since the page before may not be quite gone; then twice as late each time. */
const firstScanMs = 1000;
const lastScanMs = 60_000;

export function outbox(store: OutboxStore, options: OutboxOptions = {}): ClientStorage {
  return {
    attach(client, server, twin) {
      const core = coreOf(client);
      const scope = `${server.protocol}//${server.host}${server.pathname}`;
      writesOf(core).keeper = createOutbox(client, core, store, scope, options, twin);
    },
  };
}

function createOutbox(
  client: Client,
  core: KindCore,
  store: OutboxStore,
  scope: string,
  { user, copies, keeps = () => true }: OutboxOptions,
  twin: () => Client,
): Keeper {
  const { env } = core;
  const writes = writesOf(core);
  const report = (error: unknown): void => core.report(error, "storage");
  const prefix = `${hash(scope)}-`;
  const opening = store.open(env);
  let left: readonly Left[] = [];
  /** What was left is known. */
  let isReady = false;
  let isOver = false;
  let isDraining = false;
  /** Ends the drain that is under way, and puts its record back. */
  let interrupt: ((discard: boolean) => Promise<void>) | undefined;

  const claimOwn = async (): Promise<OutboxRecord> => {
    const record = await (await opening).claim(prefix + randomHex(env, 8));
    if (!record) throw new SyncError("conflict", "A record that was just named is taken.");
    return record;
  };
  const newRecord = (): RecordKeeper =>
    new RecordKeeper(core, { scope, owner: user, session: "", token: "", sinceMs: 0 }, claimOwn);
  let own = newRecord();

  /** Who the server says that this is. */
  let owner: string | undefined;
  const mayBeMine = ({ head }: Left): boolean => {
    const writer = head.owner ?? user;
    return owner === undefined || writer === undefined || writer === owner;
  };
  /** Nobody sees what another user wrote, so who this is must be known. */
  const show = (): void => {
    for (const each of left) {
      const { owner: writer } = each.head;
      if (each.isShown || (writer !== undefined && writer !== (owner ?? user))) continue;
      each.isShown = true;
      writes.unanswered.adopt(each.writes.map(([, write]) => write));
    }
  };

  const ready = (): void => {
    isReady = true;
    writes.resume();
  };
  const timeout = env.setTimer(() => {
    own.fail(new SyncError("timeout", `The storage did not open within ${openTimeoutMs} ms.`));
    ready();
  }, openTimeoutMs);

  /** Claims what dead clients left. */
  const scan = async (): Promise<void> => {
    const found = await claimLeft(await opening, prefix, scope);
    for (const each of found) {
      if (isOver || !mayBeMine(each)) await each.record.release();
      else {
        left = [...left, each];
        writes.addPending(each.writes.length);
      }
    }
    show();
    if (owner !== undefined) void drain();
  };

  const drain = async (): Promise<void> => {
    if (isDraining) return;
    isDraining = true;
    for (let next = left[0]; next && !isOver; next = left[0]) {
      if (mayBeMine(next)) await drainOne(next);
      else {
        writes.addPending(-next.writes.length);
        for (const [, { receipt }] of next.writes)
          receipt.settle(undefined, new SyncError("closed", "Another user is signed in."));
        await next.record.release().catch(report);
      }
      left = left.slice(1);
      writes.resume();
    }
    isDraining = false;
  };
  const drainOne = (from: Left): Promise<void> =>
    new Promise((resolve) => {
      interrupt = finish(from, twin(), writes, core, () => {
        interrupt = undefined;
        resolve();
      });
    });

  let looking: Timer | undefined;
  const lookIn = (delayMs: number): void => {
    looking = env.setTimer(() => {
      lookIn(Math.min(delayMs * 2, lastScanMs));
      if (!left.length) scan().catch(report);
    }, delayMs);
  };
  scan().then(
    () => {
      if (!isOver) lookIn(firstScanMs);
      env.clearTimer(timeout);
      ready();
    },
    (error: unknown) => {
      env.clearTimer(timeout);
      own.fail(error);
      ready();
    },
  );

  const introduce = (): void => {
    const { welcome } = core.facts;
    if (welcome) own.welcome(ownerOf(welcome.user), welcome.session, welcome.token);
  };
  const welcomed = (): void => {
    const next = ownerOf(core.facts.welcome?.user);
    if (owner !== undefined && next !== owner) {
      // What the one before wrote stays for when that one is back.
      void own.end(false);
      own = newRecord();
    }
    owner = next;
    introduce();
    show();
    void drain();
  };
  client.on("connect", welcomed);
  client.on("resume", welcomed);

  let isCleared = false;
  const finishing: Promise<unknown>[] = [];
  const shelf: Shelf = {
    opening,
    scope,
    limits: { ...copyLimits, ...copies },
    counts: { evicted: 0, tooLarge: 0, damaged: 0 },
    keeps,
    get owner() {
      return owner ?? user;
    },
    get isOver() {
      return isOver;
    },
    get isCleared() {
      return isCleared;
    },
    finish: (work) => void finishing.push(work),
  };

  keepValues(core, shelf);
  const keeper: Keeper = {
    shelf,
    get isKeeping() {
      return own.isKeeping;
    },
    mayNumber: (topic) => isReady && !left.some((each) => each.writes.some(([, write]) => write.topic === topic)),
    add: (write) => own.add(write),
    has: (write) => own.has(write),
    async save(batch) {
      const isOurs = await own.save(batch);
      if (!isOurs && !isOver) {
        own = newRecord();
        introduce();
      }
      return isOurs;
    },
    drop: (write) => own.drop(write),
    async end(discard, clears = false) {
      if (isOver) return;
      isOver = true;
      isCleared = clears;
      if (looking) env.clearTimer(looking);
      env.clearTimer(timeout);
      const waiting = interrupt ? left.slice(1) : left;
      await Promise.all([
        own.end(discard),
        interrupt?.(discard),
        ...waiting.map(({ head, record }) => (discard && head.owner === (owner ?? user) ? record.remove() : record.release())),
      ]);
      await Promise.all(finishing);
      const open = await opening.catch(() => undefined);
      try {
        if (open && clears && shelf.owner !== undefined) await clearShelf(open, scope, shelf.owner, discard);
      } finally {
        await open?.close();
      }
    },
  };
  core.join({
    receive: () => false,
    lost(isEnd) {
      if (isEnd) keeper.end(false).catch(report);
    },
  });
  return keeper;
}

/** Records that nobody alive has, the oldest first. */
async function claimLeft(open: OpenOutboxStore, prefix: string, scope: string): Promise<Left[]> {
  const found: Left[] = [];
  for (const id of await open.list(prefix)) {
    const record = await open.claim(id);
    if (!record) continue;
    const read = readRecord(await record.load());
    if (!read) await record.remove();
    else if (read.head.scope !== scope) await record.release();
    else found.push({ ...read, record, isShown: false });
  }
  return found.sort((a, b) => a.head.sinceMs - b.head.sinceMs);
}

/** Brings what a dead client left to its end, over a line of its own. Returns how to break it off. */
function finish(
  { head, writes: left, record }: Left,
  helper: Client,
  main: ClientWrites,
  mainCore: KindCore,
  done: () => void,
): (discard: boolean) => Promise<void> {
  const core = coreOf(helper);
  const writes = writesOf(core);
  const { session: restored } = head;
  const keeper = new RecordKeeper(core, head, () => Promise.resolve(record));
  keeper.adopt(left);
  /** As the main client counts it. */
  let pending = left.length;
  let isOver = false;

  const end = async (isDone: boolean): Promise<void> => {
    if (isOver) return;
    isOver = true;
    main.addPending(-pending);
    // First, so that what ends with the client is not taken for settled.
    const ended = keeper.end(isDone);
    helper.close();
    await ended.catch((error: unknown) => core.report(error, "storage"));
    done();
  };
  /** Once nothing is left that the old session numbered, the rest goes under a new one. */
  const look = (): void => {
    if (isOver) return;
    const open = [...keeper.writes];
    if (!open.length) return void end(true);
    if (core.facts.welcome?.session !== restored || open.some(({ seq }) => seq)) return;
    core.facts.welcome = undefined;
    helper.reconnect();
  };
  const welcomed = (): void => {
    const { welcome } = core.facts;
    const owner = ownerOf(welcome?.user);
    // Somebody else has signed in meanwhile.
    if (!welcome || (head.owner !== undefined && head.owner !== owner)) return void end(false);
    keeper.welcome(owner, welcome.session, welcome.token);
  };
  helper.on("connect", welcomed);
  helper.on("resume", welcomed);

  writes.keeper = {
    get isKeeping() {
      return keeper.isKeeping;
    },
    mayNumber: (_topic, session) => session !== restored,
    add: (write) => keeper.add(write),
    has: (write) => keeper.has(write),
    save: (batch) => keeper.save(batch),
    drop: (write) => keeper.drop(write),
    end: () => end(false),
  };
  writes.onRejected = (write, error) => {
    if (main.onRejected) main.onRejected(write, error);
    // Nobody else is there to be told.
    else mainCore.report(error, write.topic);
  };
  writes.pending.listen((now) => {
    if (isOver) return;
    main.addPending(now - pending);
    pending = now;
    core.env.endOfTurn(look);
  });

  // Its token proves the session.
  if (left.some(([, { seq }]) => seq)) core.facts.welcome = { session: restored, token: head.token, user: undefined };
  const byTopic = new Map<string, Write[]>();
  for (const [, write] of left) byTopic.set(write.topic, [...(byTopic.get(write.topic) ?? []), write]);
  for (const [topic, own] of byTopic) writes.writer(topic, (own[0] as Write).kind).restore(own);
  rebind(
    core,
    left.map(([, write]) => write),
  );
  helper.connect();
  return end;
}
