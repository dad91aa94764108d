/**
 * Writes that were rejected, to be tried again, changed or given up: they block nothing meanwhile.
 *
 * Always: at most `limit` are held, the newest; how many were dropped for that is counted; each leaves the list once.
 * Rules: docs/protocol/writes.md OUTBOX7, OUTBOX8, OUTBOX18, OUTBOX19.
 */
import type { SyncError } from "../core/errors.ts";
import { createStore, type Readable } from "../core/store.ts";
import { batchAgain } from "./batch.ts";
import { coreOf } from "./client.ts";
import type { Receipt } from "./receipt.ts";
import { type RejectedCall, type RejectedPath, whatWas } from "./rejected-op.ts";
import { type BatchOp, batchKind } from "./together.ts";
import { newWrite, type Write, writesOf } from "./writes.ts";

export interface RejectedWrite extends Partial<RejectedPath>, Partial<RejectedCall> {
  /** Of this list; no other write has it. */
  readonly id: number;
  readonly topic: string;
  readonly kind: string;
  /** What was written; for a channel `[event, data]`, for a batch its parts `[topic, kind, op]`. */
  readonly op: unknown;
  readonly code: string;
  readonly error: SyncError;
  /** Writes it again, behind what was written since. */
  retry(): Receipt;
  /** Writes another one in its place. */
  edit(op: unknown): Receipt;
  discard(): void;
}

export interface RejectedWrites extends Readable<readonly RejectedWrite[]> {
  /** Dropped because the list was full. */
  readonly dropped: number;
}

export interface RejectedOptions {
  /** Default 100. */
  readonly limit?: number;
}

const lists = new WeakMap<object, RejectedWrites>();

/** A store of the client's rejected writes, from the first call on: call it where the client is made. */
export function rejectedWrites(client: object, { limit = 100 }: RejectedOptions = {}): RejectedWrites {
  const list = lists.get(client) ?? createList(client, limit);
  lists.set(client, list);
  return list;
}

function createList(client: object, limit: number): RejectedWrites {
  const core = coreOf(client);
  const writes = writesOf(core);
  const store = createStore<readonly RejectedWrite[]>([]);
  let nextId = 1;
  let dropped = 0;

  const entryOf = ({ topic, kind, op, idempotent }: Write, error: SyncError): RejectedWrite => {
    const entry: RejectedWrite = {
      id: nextId++,
      topic,
      kind,
      op,
      code: error.code,
      error,
      ...whatWas(kind, op, error, () => core.hold(topic, kind).replica?.value),
      retry: () => entry.edit(op),
      edit(next) {
        entry.discard();
        const presenter = writes.unanswered.presenterOf(topic);
        try {
          if (kind === batchKind) return batchAgain(core, next as BatchOp);
          if (!presenter) return writes.writer(topic, kind).write(next, { idempotent });
          return presenter.again(next);
        } catch (thrown) {
          // Rejected here already: as if the server had done it.
          const write = newWrite(topic, kind, next, idempotent);
          write.receipt.settle(undefined, thrown as SyncError);
          add(write, thrown as SyncError);
          return write.receipt;
        }
      },
      discard() {
        const all = store.get();
        if (all.includes(entry)) store.set(all.filter((other) => other !== entry));
      },
    };
    return entry;
  };

  const add = (write: Write, error: SyncError): void => {
    const all = [...store.get(), entryOf(write, error)];
    dropped += Math.max(0, all.length - limit);
    store.set(all.slice(-limit));
  };
  writes.onRejected = add;
  return {
    get: store.get,
    listen: store.listen,
    subscribe: store.subscribe,
    get dropped() {
      return dropped;
    },
  };
}
