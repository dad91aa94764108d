/**
 * Sends what waits in the queue of one topic, once it may leave: the topic is subscribed, the session known, and where there is a
 * keeper, every write on the disk with its number.
 *
 * Always: it looks once per turn, however often it is armed; a write is given up only with the reason that its receipt then has.
 * Rules: docs/protocol/writes.md WRITE1-WRITE7, OUTBOX1-OUTBOX4, docs/protocol/batch.md BATCH1-BATCH16.
 */
import { SyncError } from "../core/errors.ts";
import type { KindCore } from "./client.ts";
import type { Held } from "./held.ts";
import type { WriteQueue } from "./write-queue.ts";
import type { ClientWrites, Write } from "./writes.ts";

export interface Sender {
  /** Looks again at the end of the turn. */
  arm(): void;
  /** What goes next is being kept: nothing is sent meanwhile. */
  isSaving: boolean;
}

interface SenderHost {
  readonly core: KindCore;
  readonly writes: ClientWrites;
  readonly topic: string;
  readonly held: Held;
  readonly queue: WriteQueue;
  /** Whose writes are sent now: the user's id, empty for an anonymous one. */
  owner(): string;
  /** It left the queue, and ends so. */
  fail(write: Write, error: SyncError): void;
  /** Something may have left the queue. */
  changed(): void;
}

/** The error of a write that was sent and will have no answer. */
export function unknownOutcome(message: string, cause?: unknown): SyncError {
  return new SyncError("session-lost", `${message}; whether this was kept is unknown.`, { cause });
}

export function isOver(status: string): boolean {
  return status === "refused" || status === "deleted";
}

export function createSender({ core, writes, topic, held, queue, owner, fail, changed }: SenderHost): Sender {
  const { env, facts } = core;
  let isArmed = false;

  const refuse = (): void => {
    const status = held.status.get();
    const { error } = held;
    if (!error || !isOver(status)) return;
    for (const write of queue.cut()) {
      const isUnknown = write.isSent && (status !== "deleted" || write.together);
      fail(write, isUnknown ? unknownOutcome("The topic is refused now", error) : error);
    }
  };

  const begin = (session: string): void => {
    // Whoever is told may write again.
    for (const [write, why] of queue.begin(session, owner(), writes.keeper !== undefined)) {
      const error =
        why === "session-lost"
          ? unknownOutcome("The server no longer knows the session that sent this")
          : new SyncError(why, "Another user is signed in.");
      // What is kept stays kept, for the one who wrote it.
      if (why === "closed") write.receipt.settle(undefined, error);
      else fail(write, error);
    }
  };

  /** Sends the next that may go. False: nothing more, for now. */
  const sendNext = (session: string): boolean => {
    const { keeper } = writes;
    const together = queue.next?.together;
    if (together) return together.send();
    const batch = queue.batch(() => keeper?.mayNumber(topic, session) !== false);
    const unkept = batch.filter((write) => keeper?.has(write) === false);
    if (unkept.length) keep(unkept);
    else if (batch.length) return sendBatch(batch);
    return false;
  };

  const flush = (): void => {
    isArmed = false;
    refuse();
    const session = facts.welcome?.session;
    if (held.id && session && !sender.isSaving) {
      begin(session);
      while (sendNext(session));
    }
    changed();
  };

  /** Nothing is sent before it is kept. */
  const keep = (unkept: readonly Write[]): void => {
    sender.isSaving = true;
    void writes.keeper?.save(unkept).then((isOurs) => {
      sender.isSaving = false;
      if (!isOurs) for (const write of queue.cut()) fail(write, unknownOutcome("Another one sends this now"));
      sender.arm();
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
      queue.take(first);
      if (!first.isSent) queue.giveBack(first);
      fail(first, first.isSent ? unknownOutcome("It cannot be sent again", error) : (error as SyncError));
      sender.arm();
      return false;
    }
    queue.sent(batch, held.id);
    for (const { receipt } of batch) receipt.status = "sent";
    return true;
  };

  const sender: Sender = {
    isSaving: false,
    arm() {
      if (isArmed) return;
      isArmed = true;
      env.endOfTurn(flush);
    },
  };
  return sender;
}
