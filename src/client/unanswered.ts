/**
 * Writes that have no answer yet, as the handles of their topics show them: also those that no handle of this client made, because an
 * earlier page wrote them, or because they were written before the handle was there.
 *
 * Always: each write is given to the presenter of its topic once, those of earlier pages before the page's own.
 * Rules: docs/protocol/writes.md OUTBOX17, OUTBOX18.
 */
import type { Held } from "./held.ts";
import type { Receipt, ReceiptState } from "./receipt.ts";
import type { Write } from "./writes.ts";

/** What shows the writes of one topic before they are answered. */
export interface Presenter {
  /** Writes that others made; they come before all that it made itself. */
  adopt(writes: readonly Write[]): void;
  /** Makes a write that was rejected anew, and shows it. Throws what rejects it here. */
  again(op: unknown): Receipt;
}

export interface Unanswered {
  /** There is one for each topic. What is unanswered is given to it at once. */
  present(topic: string, presenter: Presenter): void;
  presenterOf(topic: string): Presenter | undefined;
  /** Writes of an earlier page: they are sent elsewhere, and shown here. */
  adopt(writes: readonly Write[]): void;
  /** How many of those the topic has. */
  adopted(topic: string): number;
}

/** `waiting`: what this client itself has on its way. */
export function createUnanswered(waiting: (topic: string) => readonly Write[]): Unanswered {
  const presenters = new Map<string, Presenter>();
  const adopted = new Map<string, Write[]>();
  const leave = (write: Write): void => {
    const rest = (adopted.get(write.topic) ?? []).filter((other) => other !== write);
    if (rest.length) adopted.set(write.topic, rest);
    else adopted.delete(write.topic);
  };

  return {
    present(topic, presenter) {
      presenters.set(topic, presenter);
      const writes = [...(adopted.get(topic) ?? []), ...waiting(topic)];
      if (writes.length) presenter.adopt(writes);
    },
    presenterOf: (topic) => presenters.get(topic),
    adopt(writes) {
      for (const write of writes) {
        adopted.set(write.topic, [...(adopted.get(write.topic) ?? []), write]);
        const left = (): void => leave(write);
        write.receipt.stored.then(left, left);
      }
      for (const topic of new Set(writes.map((write) => write.topic))) {
        presenters.get(topic)?.adopt(writes.filter((write) => write.topic === topic));
      }
    },
    adopted: (topic) => adopted.get(topic)?.length ?? 0,
  };
}

/**
 * Calls `done` once the write need not be shown on top any more: it was rejected, or what is held has it. The answer may come over
 * another line than the topic's entries, and so before them.
 */
export function whenConfirmed(held: Held, receipt: ReceiptState, done: () => void): void {
  let isOtherEpoch = false;
  const has = (): boolean => !receipt.offset || isOtherEpoch || held.next > receipt.offset;
  const stored = (): void => {
    if (has()) return done();
    const end = (): void => {
      for (const stop of stops) stop();
      done();
    };
    const stops = [
      // Its offset is none of these.
      held.onGap(({ from }) => void (isOtherEpoch ||= from === 0)),
      held.listen((cause) => (cause === "cleared" || has()) && end()),
    ];
  };
  receipt.stored.then(stored, done);
}
