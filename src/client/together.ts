/**
 * Writes to several topics, one each, that leave as one message and end together.
 *
 * Each stands in the queue of its topic, behind what was written there before. They take their numbers, are kept, and are sent, when
 * all of them are the next of their topics: so all have numbers of one session, or none has.
 * Always: one answer settles all; what is not answered is sent again as a whole.
 * Rules: docs/protocol/batch.md BATCH1-BATCH16.
 */
import { SyncError } from "../core/errors.ts";
import { readAnnouncement } from "../session/capabilities.ts";
import type { KindCore } from "./client.ts";
import type { Durability } from "./receipt.ts";
import type { WriteQueue } from "./write-queue.ts";
import { unknownOutcome } from "./write-sender.ts";
import { newWrite, type Write, writesOf } from "./writes.ts";

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

/** What Together asks of each writer of its parts. */
export interface TogetherParts {
  /** The server's id of the topic. */
  readonly id: number;
  readonly durability: Durability | undefined;
  /** It can be sent now, and nothing is before it. */
  isNext(write: Write): boolean;
  readonly queue: WriteQueue;
  /** While it is being kept, nothing is sent. */
  setSaving(isSaving: boolean): void;
  sent(write: Write): void;
  take(write: Write): void;
}

/** What is said of a batch that was rejected. */
export type BatchOp = readonly (readonly [topic: string, kind: string, op: unknown])[];

/** Binds what an earlier process kept, once its topics have it. What is not all there is given up. */
export function rebind(core: KindCore, kept: readonly Write[]): void {
  const batches = new Map<string, Write[]>();
  for (const write of kept) {
    if (write.together) batches.set(write.together.name, [...(batches.get(write.together.name) ?? []), write]);
  }
  for (const [name, parts] of batches) {
    const size = parts[0]?.together?.size ?? 0;
    const { settle } = bind(core, parts, name);
    if (parts.length < size) settle(new SyncError("invalid", "Part of this batch could not be kept."));
  }
}

/** The kind of what is told to `onRejected`; its `op` is a BatchOp. */
export const batchKind = "batch";

const weakestFirst: readonly Durability[] = ["memory", "relaxed", "strict"];

/** Makes one of `parts`, which have one receipt. `name`: as it is kept. */
export function bind(core: KindCore, parts: readonly Write[], name: string): Together {
  const writes = writesOf(core);
  const [first] = parts as readonly [Write, ...Write[]];
  const queues = parts.map((write) => ({ write, of: writes.writer(write.topic, write.kind).parts }));
  let isOver = false;

  const settle = (error?: SyncError): void => {
    if (isOver) return;
    isOver = true;
    const known = queues.map(({ of }) => of.durability);
    first.receipt.durability = weakestFirst.find((durability) => known.includes(durability));
    for (const { write, of } of queues) {
      of.take(write);
      writes.keeper?.drop(write);
    }
    first.receipt.settle(undefined, error);
    if (!error) return;
    const op: BatchOp = parts.map(({ topic, kind, op }) => [topic, kind, op]);
    const { topic = first.topic } = (error.data ?? {}) as { readonly topic?: string };
    const rejected = newWrite(topic, batchKind, op, first.idempotent, first.receipt);
    core.attempt(() => writes.onRejected?.(rejected, error), topic);
  };

  const keep = (unkept: readonly Write[]): void => {
    for (const { of } of queues) of.setSaving(true);
    void writes.keeper?.save(unkept).then((isOurs) => {
      if (!isOurs) settle(unknownOutcome("Another one sends this now"));
      for (const { of } of queues) of.setSaving(false);
    });
  };

  const together: Together = {
    name,
    size: parts.length,
    settle,
    send() {
      const { keeper } = writes;
      if (isOver || !queues.every(({ write, of }) => of.isNext(write))) return false;
      const { isSent } = first;
      if (!readAnnouncement(core.facts.handshake?.[1])?.features.has("batch")) {
        settle(
          isSent
            ? unknownOutcome("The server no longer takes batches")
            : new SyncError("unsupported", "The server takes no batches."),
        );
        return false;
      }
      if (!first.seq) {
        if (keeper && !parts.every(({ topic }) => keeper.mayNumber(topic, core.facts.welcome?.session ?? ""))) return false;
        for (const { write, of } of queues) of.queue.number(write);
      }
      const unkept = keeper ? parts.filter((write) => !keeper.has(write)) : [];
      if (unkept.length) {
        keep(unkept);
        return false;
      }
      const message = queues.map(({ write, of }) => [of.id, write.seq, write.op]);
      try {
        core.send("sync/batch", isSent ? [message, 1] : [message]);
      } catch (error) {
        if (!isSent) for (const { write, of } of queues) of.queue.giveBack(write);
        settle(isSent ? unknownOutcome("It cannot be sent again", error) : (error as SyncError));
        return false;
      }
      for (const { write, of } of queues) of.sent(write);
      first.receipt.status = "sent";
      return true;
    },
  };
  for (const write of parts) write.together = together;
  return together;
}
