/**
 * The boundary between values and bytes.
 *
 * Always: `unpack` either returns the value the whole input stands for or throws a SyncError
 * (`malformed`, `too-large`, `too-deep`); it never returns a part, and never changes a prototype.
 * Rules: docs/protocol.md PACK1-PACK6, BUDGET1-BUDGET6.
 */

export type Bytes = Uint8Array<ArrayBuffer>;

/** What a decoder may spend on one message. */
export interface Budget {
  /** Nesting of collections and tags. Default 64. */
  readonly maxDepth: number;
  /** Values of any kind, keys included. Default 100 000. */
  readonly maxValues: number;
  /** UTF-8 bytes of one map key, symbol, keyword or tag. Default 1 024. */
  readonly maxKeyBytes: number;
  /** Decimal digits of one number. Default 1 000. */
  readonly maxDigits: number;
}

export const defaultBudget: Budget = { maxDepth: 64, maxValues: 100_000, maxKeyBytes: 1024, maxDigits: 1000 };

export interface Packer {
  readonly name: string;
  /** False: packs to strings, sent in text frames. */
  readonly binary: boolean;
  /** Throws SyncError `invalid` for a value the format cannot carry, naming the path to it. */
  pack(value: unknown): string | Bytes;
  unpack(packed: string | Uint8Array, budget?: Budget): unknown;
  /** Joining values that were packed one by one. */
  readonly splice: Splice;
}

/** How packed pieces become a packed vector: `head(count) piece separator piece … tail`, copied and never re-encoded. */
export interface Splice {
  head(count: number): Uint8Array;
  readonly separator: Uint8Array;
  readonly tail: Uint8Array;
}
