/**
 * The boundary between values and bytes.
 *
 * Always: `unpack` either returns the value the whole input stands for or throws a SyncError
 * (`malformed`, `too-large`, `too-deep`); it never returns a part, and never changes a prototype.
 * Rules: docs/protocol.md PACK1-PACK6, BUDGET1-BUDGET7.
 */

import type { Transport } from "../transport/transport.ts";

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

/** For what was judged before, when it came in. */
export const ownBudget: Budget = { maxDepth: 64, maxValues: 1 / 0, maxKeyBytes: 1024, maxDigits: 1 / 0 };

export interface Packer {
  /** Unique for what comes out: `edn`, `gzip+msgpack`. */
  readonly name: string;
  /** What `pack` alone makes, without `seal`: `msgpack`. */
  readonly format: string;
  /** False: packs to strings, sent in text frames. */
  readonly binary: boolean;
  /** Throws SyncError `invalid` for a value the format cannot carry, naming the path to it. */
  pack(value: unknown): string | Bytes;
  unpack(packed: string | Uint8Array, budget?: Budget): unknown;
  /** Joining values that were packed one by one. Without it a batch is packed as a whole. */
  readonly splice?: Splice;
  /** What becomes of a whole frame after `pack` and before `unpack`. Sealed frames are binary. */
  readonly seal?: Seal;
  /** A transport whose frames are sealed; there exactly where `seal` is. `onBroken`: why it closes, where a frame cannot be opened. */
  over?(transport: Transport, onBroken?: (error: unknown) => void): Transport;
}

/** How packed pieces become a packed vector: `head(count) piece separator piece … tail`, copied and never re-encoded. */
export interface Splice {
  /** Packs a piece: without references to anything outside it. */
  pack(value: unknown): string | Bytes;
  head(count: number): Uint8Array;
  readonly separator: Uint8Array;
  readonly tail: Uint8Array;
}

/** Compression, encryption: bytes to bytes. May take time; frames keep their order. */
export interface Seal {
  /** The same bytes whoever receives them: a frame that goes to many is sealed once. */
  readonly shared: boolean;
  close(payload: Uint8Array): Bytes | Promise<Bytes>;
  /** Fails with SyncError `malformed`, or `too-large` for a payload over `maxBytes`. */
  open(sealed: Uint8Array, maxBytes?: number): Uint8Array | Promise<Uint8Array>;
  /** What closes instead for a peer whose round trip takes less than that; `open` opens both. */
  readonly near?: { readonly belowMs: number; readonly seal: Seal };
}

/** `make` of a value that is there already or will be. */
export function chain<A, B>(value: A | Promise<A>, make: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(make) : make(value);
}
