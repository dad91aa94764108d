/**
 * What became of an edit: as its write says, or where that is sent again, the next one.
 *
 * Always: it settles once, with the last of them.
 * Rules: docs/protocol/doc.md DOC17, DOC21.
 */
import type { SyncError } from "../../core/errors.ts";
import { type Durability, type Receipt, ReceiptState, type ReceiptStatus } from "../receipt.ts";

export class EditReceipt implements Receipt {
  readonly #own = new ReceiptState();
  /** The write that it is in now. */
  write: Receipt | undefined;

  get status(): ReceiptStatus {
    const { status } = this.#own;
    return status === "local" && this.write ? (this.write.status === "local" ? "local" : "sent") : status;
  }
  get offset(): number | undefined {
    return this.#own.offset;
  }
  get durability(): Durability | undefined {
    return this.write?.durability;
  }
  get stored(): Promise<void> {
    return this.#own.stored;
  }
  settle(error?: SyncError): void {
    this.#own.settle(this.write?.offset, error);
  }
}
