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
