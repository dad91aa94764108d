/**
 * Writes to one topic on their way: numbered, sent in order, settled once.
 *
 * A write made while the line is down waits and is sent once. One that was sent when the line broke ends in `closed`:
 * whether it was kept is unknown. (Retrying without doing it twice needs a log that remembers; that is another module.)
 * Always: at most `maxPending` wait or are under way; a receipt settles exactly once.
 * Rules: docs/protocol/writes.md WRITE1-WRITE12.
 */
import { fromWireError, SyncError } from "../core/errors.ts";
import { isIndex, sync } from "../session/messages/sync.ts";
import type { ClientCore } from "./client.ts";
import type { Held } from "./held.ts";

export type ReceiptStatus = "local" | "sent" | "stored" | "rejected";

/** What became of a write. */
export interface Receipt {
  readonly status: ReceiptStatus;
  /** Its place in the topic, once stored. */
  readonly offset: number | undefined;
  /** Resolves when the topic's log has it; rejects with a SyncError. Not asked for, it is never an unhandled rejection. */
  readonly stored: Promise<void>;
}

interface Write {
  readonly op: unknown;
  readonly receipt: ReceiptState;
  seq: number;
  /** The server's id of the topic when it was sent: a subscription may be renewed before the answer is there. */
  topic: number;
}

class ReceiptState implements Receipt {
  status: ReceiptStatus = "local";
  offset: number | undefined;
  error: SyncError | undefined;
  #promise: Promise<void> | undefined;
  #settle: (() => void) | undefined;

  get stored(): Promise<void> {
    this.#promise ??= new Promise<void>((resolve, reject) => {
      this.#settle = () => (this.error ? reject(this.error) : resolve());
      if (this.status === "stored" || this.status === "rejected") this.#settle();
    });
    return this.#promise;
  }

  settle(offset: number | undefined, error?: SyncError): void {
    this.status = error ? "rejected" : "stored";
    this.offset = offset;
    this.error = error;
    this.#settle?.();
  }
}

/** Operations of one frame. */
const maxOps = 256;

export interface Writer {
  write(op: unknown): Receipt;
}

const writers = new WeakMap<Held, Writer>();

/** The one writer of a topic that a client holds. */
export function writerOf(core: ClientCore, held: Held): Writer {
  let writer = writers.get(held);
  if (!writer) {
    writer = createWriter(core, held);
    writers.set(held, writer);
  }
  return writer;
}

function createWriter({ env, send, join, maxPending }: ClientCore, held: Held): Writer {
  let waiting: Write[] = [];
  let sent: Write[] = [];
  let nextSeq = 1;
  let release: (() => void) | undefined;
  let armed = false;
  let closed = false;

  const settled = (): void => {
    if (waiting.length || sent.length) return;
    release?.();
    release = undefined;
  };

  const over = (status: string): boolean => status === "refused" || status === "deleted";

  const flush = (): void => {
    armed = false;
    if (held.error && waiting.length && over(held.status.get())) {
      for (const { receipt } of waiting.splice(0)) receipt.settle(undefined, held.error);
      return settled();
    }
    while (held.id && waiting.length) {
      const batch = waiting.slice(0, maxOps);
      waiting = waiting.slice(batch.length);
      const firstSeq = nextSeq;
      for (const write of batch) {
        write.seq = nextSeq++;
        write.topic = held.id;
        write.receipt.status = "sent";
      }
      sent.push(...batch);
      sendBatch(firstSeq, batch);
    }
  };

  /** Halves what does not fit one frame; what does not fit alone is rejected. */
  const sendBatch = (firstSeq: number, batch: Write[]): void => {
    try {
      send(sync.write, [held.id, firstSeq, batch.map(({ op }) => op)]);
    } catch (error) {
      if (batch.length === 1) {
        sent = sent.filter((write) => write !== batch[0]);
        return (batch[0] as Write).receipt.settle(undefined, error as SyncError);
      }
      const half = batch.length >> 1;
      sendBatch(firstSeq, batch.slice(0, half));
      sendBatch(firstSeq + half, batch.slice(half));
    }
  };

  const arm = (): void => {
    if (armed) return;
    armed = true;
    env.endOfTurn(flush);
  };
  held.onNamed(arm);
  held.status.listen((status) => over(status) && arm());

  join({
    receive(id, data) {
      if ((id !== sync.ack && id !== sync.reject) || !Array.isArray(data) || !isIndex(data[1])) return false;
      const [topic, seq, outcome] = data as [unknown, number, unknown];
      if (topic !== (sent[0]?.topic ?? held.id)) return false;
      if (id === sync.ack) {
        while (sent[0] && sent[0].seq <= seq) {
          const { receipt, seq: own } = sent.shift() as Write;
          receipt.settle((outcome as number) - (seq - own));
        }
      } else {
        const at = sent.findIndex((write) => write.seq === seq);
        if (at >= 0) (sent.splice(at, 1)[0] as Write).receipt.settle(undefined, fromWireError(outcome));
      }
      settled();
      return true;
    },
    lost(isOver) {
      closed = isOver;
      const error = new SyncError("closed", "The line broke after this was sent; whether it was kept is unknown.");
      for (const { receipt } of sent.splice(0)) receipt.settle(undefined, error);
      if (isOver) for (const { receipt } of waiting.splice(0)) receipt.settle(undefined, new SyncError("closed"));
      settled();
    },
  });

  return {
    write(op) {
      const receipt = new ReceiptState();
      if (closed) {
        receipt.settle(undefined, new SyncError("closed"));
        return receipt;
      }
      if (waiting.length + sent.length >= maxPending) {
        receipt.settle(undefined, new SyncError("backpressure", `${maxPending} writes are on their way already.`));
        return receipt;
      }
      waiting.push({ op, receipt, seq: 0, topic: 0 });
      release ??= held.use(false);
      arm();
      return receipt;
    },
  };
}
