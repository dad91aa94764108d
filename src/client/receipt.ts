/**
 * What a writer is told of one write: `local`, `sent`, then `stored` or `rejected`.
 *
 * Always: a receipt settles once; whom nobody asks for `stored` makes no unhandled rejection.
 * Rules: docs/protocol/writes.md OUTBOX1.
 */
import type { SyncError } from "../core/errors.ts";

export type ReceiptStatus = "local" | "sent" | "stored" | "rejected";
export type Durability = "memory" | "relaxed" | "strict";

/** What became of a write. */
export interface Receipt {
  readonly status: ReceiptStatus;
  /** Its place in the topic, once stored, as far as the server still knows it. */
  readonly offset: number | undefined;
  /** What `stored` means for this topic; known once it is subscribed. */
  readonly durability: Durability | undefined;
  /** Resolves when the topic's log has it; rejects with a SyncError. Not asked for, it is never an unhandled rejection. */
  readonly stored: Promise<void>;
}

export class ReceiptState implements Receipt {
  status: ReceiptStatus = "local";
  offset: number | undefined;
  durability: Durability | undefined;
  #error: SyncError | undefined;
  #promise: Promise<void> | undefined;
  #settle: (() => void) | undefined;

  get stored(): Promise<void> {
    this.#promise ??= new Promise<void>((resolve, reject) => {
      this.#settle = () => (this.#error ? reject(this.#error) : resolve());
      if (this.status === "stored" || this.status === "rejected") this.#settle();
    });
    return this.#promise;
  }

  settle(offset: number | undefined, error?: SyncError): void {
    this.status = error ? "rejected" : "stored";
    this.offset = offset;
    this.#error = error;
    this.#settle?.();
  }
}

/** Of a write that takes more in for a while: it is given to the outbox after that. */
export class MergedReceipt implements Receipt {
  #inner: Receipt | undefined;
  #stored: Promise<void> | undefined;
  #begin: ((stored: Promise<void>) => void) | undefined;

  get status(): ReceiptStatus {
    return this.#inner?.status ?? "local";
  }
  get offset(): number | undefined {
    return this.#inner?.offset;
  }
  get durability(): Durability | undefined {
    return this.#inner?.durability;
  }
  get stored(): Promise<void> {
    this.#stored ??= this.#inner?.stored ?? new Promise((resolve) => (this.#begin = resolve));
    return this.#stored;
  }
  become(inner: Receipt): void {
    this.#inner = inner;
    this.#begin?.(inner.stored);
  }
}
