/**
 * `batch(client, run)`: what `run` writes to shared trees and stores becomes one write, that is done in all of them or in none.
 *
 * Always: `run` sees what it wrote, listeners are told once it is over; one that throws has written nothing; what the server rejects
 * is taken back in all topics before anybody is told.
 * Rules: docs/protocol/batch.md BATCH1-BATCH16.
 */
import { randomHex } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import { maxBatchTopics } from "../session/messages/batch.ts";
import { coreOf, type KindCore } from "./client.ts";
import type { Held } from "./held.ts";
import type { Recorder, RecordOptions } from "./history.ts";
import { type Receipt, ReceiptState } from "./receipt.ts";
import { type BatchOp, bind } from "./together.ts";
import { type ClientWrites, newWrite, writesOf } from "./writes.ts";

/** One topic's part, as its kind makes it. */
export interface BatchPart {
  /** What is shown. */
  value(): unknown;
  /** What everything that was written became; nothing where that was rejected here. */
  seal(): { readonly op: unknown; readonly idempotent: boolean } | undefined;
  /** It was answered, or given up: it is no longer shown on top. */
  drop(): void;
  /** Tells those who listen. */
  tell(): void;
}

/** A batch that is being made. */
export interface Collecting {
  /** Of all of it. */
  readonly receipt: Receipt;
  /** Names it: what it wrote is one step of a history. */
  readonly group: string;
  /** Runs that as a batch too: what it wrote is undone as one. */
  readonly together: (run: () => void) => void;
  /** The topic's part; `begin` makes it before anything is written. */
  part<P extends BatchPart>(topic: string, held: Held, begin: () => P): P;
  /** Runs it when the batch was made. */
  later(run: () => void): void;
}

interface Begun {
  readonly topic: string;
  readonly held: Held;
  readonly part: BatchPart;
  /** What listeners were told. */
  told: unknown;
}

/**
 * Runs `run`, and sends what it wrote as one: all or nothing, with one receipt, which every write in it returns as well. Only shared
 * trees and stores can be written in it, and it must not be asynchronous. Throws what `run` throws.
 */
export function batch(client: object, run: () => void): Receipt {
  return collect(coreOf(client), run);
}

/** Has a history record what is written now; of a batch when it is made, for one that throws has written nothing. */
export function recordLater(
  { collecting }: ClientWrites,
  { groupNow }: Recorder,
  group: string | undefined,
  record: (how: RecordOptions) => void,
): void {
  const named = group ?? groupNow;
  if (!collecting) return record({ group: named });
  const { together } = collecting;
  collecting.later(() => record({ group: named ?? collecting.group, together }));
}

/** Writes it again, and shows it where its topics have handles. */
export function batchAgain(core: KindCore, ops: BatchOp): Receipt {
  const writes = writesOf(core);
  return collect(core, () => {
    for (const [topic, kind, op] of ops) {
      const presenter = writes.unanswered.presenterOf(topic);
      if (presenter) presenter.again(op);
      else writes.collecting?.part(topic, core.hold(topic, kind), () => unseen(op));
    }
  });
}

const unseen = (op: unknown): BatchPart => ({
  value() {},
  seal: () => ({ op, idempotent: false }),
  drop() {},
  tell() {},
});

function collect(core: KindCore, run: () => unknown): Receipt {
  const writes = writesOf(core);
  if (writes.collecting) throw new SyncError("invalid", "A batch cannot be made in another one.");
  const receipt = new ReceiptState();
  const begun = new Map<Held, Begun>();
  const due: (() => void)[] = [];

  const tell = (): void => {
    for (const each of begun.values()) {
      const value = each.part.value();
      if (Object.is(value, each.told)) continue;
      each.told = value;
      each.part.tell();
    }
  };
  /** Nobody is told before all are as they were. */
  const drop = (): void => {
    for (const each of begun.values()) {
      each.told = each.part.value();
      each.part.drop();
    }
  };

  writes.collecting = {
    receipt,
    group: randomHex(core.env, 8),
    together: (task) => (writes.collecting ? task() : void collect(core, task)),
    part<P extends BatchPart>(topic: string, held: Held, begin: () => P): P {
      const known = begun.get(held);
      if (known) return known.part as P;
      const part = begin();
      begun.set(held, { topic, held, part, told: part.value() });
      return part;
    },
    later: (task) => void due.push(task),
  };
  try {
    const result = run();
    if (!(result instanceof Promise)) due.push(send);
    else {
      result.catch(() => {});
      throw new SyncError("invalid", "What a batch runs must not be asynchronous.");
    }
  } catch (error) {
    drop();
    throw error;
  } finally {
    writes.collecting = undefined;
  }
  for (const task of due) task();
  tell();
  return receipt;

  function send(): void {
    const sealed = [...begun.values()].flatMap(({ topic, held, part }) => {
      const made = part.seal();
      return made ? [{ topic, held, ...made, writer: writes.writer(topic, held.kind, held) }] : [];
    });
    const isTooMany = sealed.length > maxBatchTopics;
    const refusal = isTooMany
      ? new SyncError("limit", `A batch has at most ${maxBatchTopics} topics.`)
      : sealed.map(({ writer }) => writer.refusal).find((found) => found);
    if (refusal || !sealed.length) {
      drop();
      return receipt.settle(undefined, refusal);
    }
    const isIdempotent = sealed.every(({ idempotent }) => idempotent);
    const parts = sealed.map(({ topic, held, op }) => newWrite(topic, held.kind, op, isIdempotent, receipt));
    // Alone it is a write like any other.
    if (parts.length > 1) bind(core, parts, randomHex(core.env, 8));
    for (const [index, { writer }] of sealed.entries()) writer.add(parts[index] as (typeof parts)[number]);
    const answered = (): void => {
      drop();
      tell();
    };
    receipt.stored.then(answered, answered);
  }
}
