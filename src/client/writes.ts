/**
 * Writes to topics on their way: numbered, sent in order, sent again after a line broke, settled once each.
 *
 * A write takes its number when it is first sent, and keeps it for as long as the session lasts: the server answers one that it
 * had as it did before. Under a new session those that were never sent are numbered anew; those that were are sent again only
 * if their kind is idempotent, else they end in `session-lost`.
 * Always: at most `maxPending` per topic wait or are under way; numbers are contiguous; a number that may have reached the
 * server is never given to another write; where there is a keeper, it has a number before the server does.
 * Rules: docs/protocol/writes.md WRITE1-WRITE7, OUTBOX1-OUTBOX4, docs/protocol/batch.md BATCH1-BATCH16.
 */
import { fromWireError, SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { createStore, type Readable } from "../core/store.ts";
import { isIndex } from "../session/messages/sync.ts";
import type { Collecting } from "./batch.ts";
import type { KindCore } from "./client.ts";
import type { Held } from "./held.ts";
import { type Durability, type Receipt, ReceiptState } from "./receipt.ts";
import type { Shelf } from "./storage/shelf.ts";
import type { Together, TogetherParts } from "./together.ts";
import { createUnanswered, type Unanswered } from "./unanswered.ts";
import { createWriteQueue } from "./write-queue.ts";
import { createSender, isOver } from "./write-sender.ts";

/** One write that has no answer yet. */
export interface Write {
  readonly topic: string;
  readonly kind: string;
  readonly op: unknown;
  /** Doing it twice is the same as once: it may be sent again under a new session. */
  readonly idempotent: boolean;
  readonly receipt: ReceiptState;
  /** Whose it is: the user's id, empty for anonymous ones; undefined where no server has said yet. */
  owner: string | undefined;
  /** The session that numbered it; 0: it has no number. */
  session: string;
  seq: number;
  /** It may have reached the server. */
  isSent: boolean;
  /** The server's id of the topic when it was sent: a subscription may be renewed before the answer is there. */
  sentTo: number;
  /** It goes with writes to other topics, all or none. */
  together: Together | undefined;
}

/** Keeps writes on a disk: outbox.ts. */
export interface Keeper {
  /** Everything that has no answer yet survives this process. */
  readonly isKeeping: boolean;
  /** Writes to that topic may be given numbers of that session now. Where not, `resume` of ClientWrites follows. */
  mayNumber(topic: string, session: string): boolean;
  add(write: Write): void;
  /** It is kept as it is now, number included; or cannot be, and is not kept at all. */
  has(write: Write): boolean;
  /** Resolves when it `has` them; false: another one has them now, and sends them. */
  save(writes: readonly Write[]): Promise<boolean>;
  drop(write: Write): void;
  /** What kinds keep beside. */
  readonly shelf?: Shelf;
  /** The client ends; `discard`: what is kept of this user is deleted, else it waits for the next. `clears`: the shelf is, too. */
  end(discard: boolean, clears?: boolean): Promise<void>;
}

/** All writes of one client. */
export interface ClientWrites {
  /** How many have no answer yet. */
  readonly pending: Readable<number>;
  /** As their topics show them. */
  readonly unanswered: Unanswered;
  keeper: Keeper | undefined;
  /** Takes what is written, while a batch is made: batch.ts. */
  collecting: Collecting | undefined;
  /** Called for each write that ends as rejected, but not for those that the client's own end takes along. */
  onRejected: ((write: Write, error: SyncError) => void) | undefined;
  /** The one writer of a topic. Without `held` it is subscribed for writing alone. */
  writer(topic: string, kind: string, held?: Held): Writer;
  /** Looks again at what waits. */
  resume(): void;
  /** Counts writes that are under way elsewhere for this client. */
  addPending(more: number): void;
}

export interface WriteOptions {
  readonly idempotent?: boolean;
}

export interface Writer {
  /** Throws SyncError `unsupported` while a batch is made: the kinds that can be part of one do not come here then. */
  write(op: unknown, options?: WriteOptions): Receipt;
  /** Why nothing can be written now. */
  readonly refusal: SyncError | undefined;
  /** Adds it behind the others, unless there is a refusal. */
  add(write: Write): void;
  /** The parts of a Together as their topics have them. */
  readonly parts: TogetherParts;
  /** Takes writes that an earlier process kept, in their order. */
  restore(writes: readonly Write[]): void;
  /** What has no answer yet, in the order in which it was made. */
  readonly waiting: readonly Write[];
  arm(): void;
}

/** What all writers of a client share. */
interface Shared extends ClientWrites {
  keeper: Keeper | undefined;
  settle(write: Write, offset: number | undefined, error?: SyncError): void;
}

/** Those that can be part of a batch. */
const batchKinds = new Set(["shared", "store"]);

const clients = new WeakMap<KindCore, ClientWrites>();

/** The writes of a client. */
export function writesOf(core: KindCore): ClientWrites {
  let writes = clients.get(core);
  if (!writes) {
    writes = createWrites(core);
    clients.set(core, writes);
  }
  return writes;
}

/** Whose writes: anonymous users have no name that lasts. */
export function ownerOf(user: unknown): string {
  const { id, anonymous } = (user ?? {}) as Partial<User & { anonymous: boolean }>;
  return anonymous === true ? "" : String(id);
}

export function newWrite(
  topic: string,
  kind: string,
  op: unknown,
  idempotent: boolean,
  receipt: ReceiptState = new ReceiptState(),
): Write {
  const nowhere = { owner: undefined, session: "", seq: 0, isSent: false, sentTo: 0, together: undefined };
  return { topic, kind, op, idempotent, receipt, ...nowhere };
}

function createWrites(core: KindCore): ClientWrites {
  const writers = new Map<string, Writer>();
  const pending = createStore(0);
  const shared: Shared = {
    pending,
    unanswered: createUnanswered((topic) => writers.get(topic)?.waiting ?? []),
    keeper: undefined,
    collecting: undefined,
    onRejected: undefined,
    writer(topic, kind, held = core.hold(topic, kind)) {
      const writer = writers.get(topic) ?? createWriter(core, shared, topic, held);
      writers.set(topic, writer);
      return writer;
    },
    resume() {
      for (const writer of writers.values()) writer.arm();
    },
    addPending: (more) => core.attempt(() => pending.set(pending.get() + more), "pending"),
    settle(write, offset, error) {
      const { keeper, onRejected } = shared;
      keeper?.drop(write);
      write.receipt.settle(offset, error);
      if (error) core.attempt(() => onRejected?.(write, error), write.topic);
    },
  };
  return shared;
}

function createWriter(core: KindCore, shared: Shared, topic: string, held: Held): Writer {
  const { facts, maxPending } = core;
  const queue = createWriteQueue();
  let counted = 0;
  let durability: Durability | undefined;
  let release: (() => void) | undefined;
  let closed = false;

  /** Something was added or settled. */
  const changed = (): void => {
    const { length } = queue.all;
    if (length) release ??= held.use(false);
    else {
      release?.();
      release = undefined;
    }
    const more = length - counted;
    counted = length;
    if (more) shared.addPending(more);
  };

  const settle = (write: Write, error?: SyncError, offset?: number): void => {
    if (write.together) return write.together.settle(error);
    write.receipt.durability = durability;
    shared.settle(write, offset, error);
  };

  const owner = (): string => ownerOf(facts.welcome?.user);
  const sender = createSender({ core, writes: shared, topic, held, queue, owner, fail: settle, changed });
  const { arm } = sender;
  held.onNamed((answer) => {
    ({ durability } = answer as { durability?: Durability });
    arm();
  });
  held.status.listen((status) => isOver(status) && arm());

  core.join({
    receive(id, data) {
      if ((id !== "sync/ack" && id !== "sync/reject") || !Array.isArray(data) || !isIndex(data[1])) return false;
      const [to, seq, outcome] = data as [unknown, number, unknown];
      if (to !== queue.sentTo(held.id)) return false;
      if (id === "sync/ack") {
        for (const write of queue.acknowledge(seq)) {
          settle(write, undefined, outcome ? (outcome as number) - (seq - write.seq) : undefined);
        }
      } else {
        for (const write of queue.reject(seq)) settle(write, fromWireError(outcome));
      }
      changed();
      return true;
    },
    welcomed: arm,
    lost(isLast) {
      queue.lost();
      closed = isLast;
      // What is kept stays kept, for whoever comes next.
      if (isLast) for (const { receipt } of queue.cut()) receipt.settle(undefined, new SyncError("closed"));
      changed();
    },
  });

  const writer: Writer = {
    write(op, { idempotent = false } = {}) {
      if (shared.collecting && !batchKinds.has(held.kind)) {
        throw new SyncError("unsupported", `A ${held.kind} cannot be written in a batch.`);
      }
      const write = newWrite(topic, held.kind, op, idempotent);
      const { refusal } = writer;
      if (refusal) write.receipt.settle(undefined, refusal);
      else writer.add(write);
      return write.receipt;
    },
    get refusal() {
      if (closed) return new SyncError("closed");
      if (queue.all.length + shared.unanswered.adopted(topic) < maxPending) return undefined;
      return new SyncError("backpressure", `${maxPending} writes are on their way already.`);
    },
    add(write) {
      if (facts.welcome) write.owner = owner();
      queue.add([write]);
      changed();
      arm();
      shared.keeper?.add(write);
    },
    parts: {
      get id() {
        return held.id;
      },
      get durability() {
        return durability;
      },
      isNext: (write) => held.id > 0 && !sender.isSaving && queue.isOf(facts.welcome?.session) && queue.next === write,
      queue,
      setSaving(isSaving) {
        sender.isSaving = isSaving;
        if (!isSaving) arm();
      },
      sent(write) {
        queue.sent([write], held.id);
        arm();
      },
      take(write) {
        queue.take(write);
        changed();
        arm();
      },
    },
    restore(kept) {
      queue.add(kept);
      changed();
      arm();
    },
    get waiting() {
      return queue.all;
    },
    arm,
  };
  return writer;
}
