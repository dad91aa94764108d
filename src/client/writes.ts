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
import { createUnanswered, type Unanswered } from "./unanswered.ts";

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

/** Writes to several topics, one each, that are sent, answered and given up as one: together.ts. */
export interface Together {
  /** Names it where it is kept. */
  readonly name: string;
  readonly size: number;
  /** One of its topics has got to it: sends it, if all have. False: it waits, or has ended. */
  send(): boolean;
  /** One of its parts was answered, or given up, and so all are. */
  settle(error?: SyncError): void;
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
  /** The client ends; `discard`: what is kept of this user is deleted, else it waits for the next. */
  end(discard: boolean): Promise<void>;
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

/** What Together asks of each writer of its parts. */
export interface TogetherParts {
  /** The server's id of the topic. */
  readonly id: number;
  readonly durability: Durability | undefined;
  /** It can be sent now, and nothing is before it. */
  isNext(write: Write): boolean;
  /** Gives it the next number. */
  number(write: Write): void;
  /** It has never been sent: the number goes to the next. */
  giveBack(write: Write): void;
  /** While it is being kept, nothing is sent. */
  setSaving(isSaving: boolean): void;
  sent(write: Write): void;
  take(write: Write): void;
}

/** What all writers of a client share. */
interface Shared extends ClientWrites {
  keeper: Keeper | undefined;
  settle(write: Write, offset: number | undefined, error?: SyncError): void;
}

/** Those that can be part of a batch. */
const batchKinds = new Set(["shared", "store"]);

/** Operations of one frame. */
const maxOps = 256;

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
  const { env, facts, maxPending } = core;
  /** In the order in which they were made; the first `underWay` of them were sent on this line. */
  let writes: Write[] = [];
  let underWay = 0;
  let counted = 0;
  /** The session of the numbers, and the next one. */
  let numbering = "";
  let nextSeq = 1;
  let durability: Durability | undefined;
  let release: (() => void) | undefined;
  let armed = false;
  let saving = false;
  let closed = false;

  /** Something was added or settled. */
  const changed = (): void => {
    if (writes.length) release ??= held.use(false);
    else {
      release?.();
      release = undefined;
    }
    const more = writes.length - counted;
    counted = writes.length;
    if (more) shared.addPending(more);
  };

  const settle = (write: Write, offset: number | undefined, error?: SyncError): void => {
    if (write.together) return write.together.settle(error);
    write.receipt.durability = durability;
    shared.settle(write, offset, error);
  };

  const unknown = (message: string, cause?: unknown): SyncError =>
    new SyncError("session-lost", `${message}; whether this was kept is unknown.`, { cause });

  const over = (status: string): boolean => status === "refused" || status === "deleted";

  /** Numbers of another session mean nothing in this one. */
  const begin = (session: string): void => {
    const owner = ownerOf(facts.welcome?.user);
    if (numbering !== session) {
      numbering = session;
      nextSeq = 1;
    }
    const lost: [Write, SyncError][] = [];
    writes = writes.filter((write) => {
      if (write.seq && write.session === session) return true;
      const isOther = write.owner !== undefined && write.owner !== owner;
      // It waits for the one who wrote it.
      if (isOther && shared.keeper) write.receipt.settle(undefined, new SyncError("closed", "Another user is signed in."));
      else if (write.isSent && (isOther || !write.idempotent))
        lost.push([write, unknown("The server no longer knows the session that sent this")]);
      else if (isOther) lost.push([write, new SyncError("forbidden", "Another user is signed in.")]);
      else {
        Object.assign(write, { owner, seq: 0, isSent: false });
        return true;
      }
      return false;
    });
    // Whoever is told may write again.
    for (const [write, error] of lost) settle(write, undefined, error);
  };

  /** The next that go together: their numbers follow one another. */
  const nextBatch = (session: string): Write[] => {
    const batch: Write[] = [];
    for (const write of writes.slice(underWay, underWay + maxOps)) {
      if (write.together) break;
      if (write.seq === 0) {
        if (shared.keeper && !shared.keeper.mayNumber(topic, session)) break;
        write.session = session;
        write.seq = nextSeq++;
      }
      if (batch.length && write.seq !== (batch.at(-1) as Write).seq + 1) break;
      batch.push(write);
    }
    return batch;
  };

  const refuse = (): void => {
    const status = held.status.get();
    const { error } = held;
    if (!error || !over(status)) return;
    for (const write of writes.splice(underWay)) {
      const isUnknown = write.isSent && (status !== "deleted" || write.together);
      settle(write, undefined, isUnknown ? unknown("The topic is refused now", error) : error);
    }
  };

  const flush = (): void => {
    armed = false;
    refuse();
    const session = facts.welcome?.session;
    if (held.id && session && !saving) {
      begin(session);
      for (;;) {
        const together = writes[underWay]?.together;
        if (together) {
          if (together.send()) continue;
          break;
        }
        const batch = nextBatch(session);
        if (!batch.length) break;
        const unkept = shared.keeper && batch.filter((write) => !shared.keeper?.has(write));
        if (unkept?.length) {
          keep(unkept);
          break;
        }
        if (!sendBatch(batch)) break;
      }
    }
    changed();
  };

  /** Nothing is sent before it is kept. */
  const keep = (unkept: readonly Write[]): void => {
    saving = true;
    void shared.keeper?.save(unkept).then((isOurs) => {
      saving = false;
      if (!isOurs) {
        for (const write of writes.splice(underWay)) settle(write, undefined, unknown("Another one sends this now"));
      }
      arm();
    });
  };

  /** Halves what does not fit one frame; what does not fit alone is rejected, and its number given to the next. */
  const sendBatch = (batch: readonly Write[]): boolean => {
    const first = batch[0] as Write;
    const resent = batch.filter(({ isSent }) => isSent).length;
    const ops = batch.map(({ op }) => op);
    try {
      core.send("sync/write", resent ? [held.id, first.seq, ops, resent] : [held.id, first.seq, ops]);
    } catch (error) {
      const half = batch.length >> 1;
      if (half) return sendBatch(batch.slice(0, half)) && sendBatch(batch.slice(half));
      writes.splice(underWay, 1);
      if (!first.isSent) giveBack(first.seq);
      settle(first, undefined, first.isSent ? unknown("It cannot be sent again", error) : (error as SyncError));
      arm();
      return false;
    }
    underWay += batch.length;
    for (const write of batch) {
      write.sentTo = held.id;
      write.isSent = true;
      write.receipt.status = "sent";
    }
    return true;
  };

  /** From `seq` on, no number has been sent. */
  const giveBack = (seq: number): void => {
    nextSeq = seq;
    for (const write of writes.slice(underWay)) write.seq = 0;
  };

  const arm = (): void => {
    if (armed) return;
    armed = true;
    env.endOfTurn(flush);
  };
  held.onNamed((answer) => {
    ({ durability } = answer as { durability?: Durability });
    arm();
  });
  held.status.listen((status) => over(status) && arm());

  core.join({
    receive(id, data) {
      if ((id !== "sync/ack" && id !== "sync/reject") || !Array.isArray(data) || !isIndex(data[1])) return false;
      const [to, seq, outcome] = data as [unknown, number, unknown];
      if (to !== (underWay ? (writes[0] as Write).sentTo : held.id)) return false;
      if (id === "sync/ack") {
        while (underWay && (writes[0] as Write).seq <= seq) {
          const write = writes.shift() as Write;
          underWay--;
          settle(write, outcome ? (outcome as number) - (seq - write.seq) : undefined);
        }
      } else {
        const at = writes.findIndex((write) => write.seq === seq);
        if (at >= 0 && at < underWay) {
          underWay--;
          settle(writes.splice(at, 1)[0] as Write, undefined, fromWireError(outcome));
        }
      }
      changed();
      return true;
    },
    welcomed: arm,
    lost(isOver) {
      underWay = 0;
      closed = isOver;
      // What is kept stays kept, for whoever comes next.
      if (isOver) for (const { receipt } of writes.splice(0)) receipt.settle(undefined, new SyncError("closed"));
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
      if (writes.length + shared.unanswered.adopted(topic) < maxPending) return undefined;
      return new SyncError("backpressure", `${maxPending} writes are on their way already.`);
    },
    add(write) {
      if (facts.welcome) write.owner = ownerOf(facts.welcome.user);
      writes.push(write);
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
      isNext: (write) =>
        held.id > 0 && !saving && numbering === facts.welcome?.session && numbering !== "" && writes[underWay] === write,
      number(write) {
        write.session = numbering;
        write.seq = nextSeq++;
      },
      giveBack: ({ seq }) => giveBack(seq),
      setSaving(isSaving) {
        saving = isSaving;
        if (!saving) arm();
      },
      sent(write) {
        underWay++;
        write.sentTo = held.id;
        write.isSent = true;
        arm();
      },
      take(write) {
        const at = writes.indexOf(write);
        if (at < 0) return;
        writes.splice(at, 1);
        if (at < underWay) underWay--;
        changed();
        arm();
      },
    },
    restore(kept) {
      writes.push(...kept);
      changed();
      arm();
    },
    get waiting() {
      return writes;
    },
    arm,
  };
  return writer;
}
