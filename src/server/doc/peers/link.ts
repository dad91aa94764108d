/**
 * What one peer of a document speaks on, and what the peers of one server share.
 *
 * Rules: docs/protocol/yjs-peers.md YPEER1-YPEER5.
 */
import type { Env } from "../../../core/env.ts";
import type { StateVector } from "../../../kind/doc/vector.ts";
import type { Frame } from "../../../transport/transport.ts";
import type { Packer } from "../../../wire/packer.ts";
import type { DocPeer } from "./peer.ts";

/** A document as a snapshot brought it. */
export interface Loaded {
  readonly updates: readonly Uint8Array[];
  readonly vector: StateVector;
}

export interface PeerHost {
  readonly env: Env;
  readonly packer: Packer;
  /** Messages that a frame of entries is, as they were made for its first reader. */
  readonly entries: WeakMap<Frame, { readonly topicId: number; readonly messages: readonly Uint8Array[] }>;
  /** What a snapshot says, by its last part. */
  readonly snapshots: WeakMap<Frame, Loaded>;
  readonly onStateless: ((peer: DocPeer, payload: string) => void) | undefined;
  /** For what a peer cannot be told. */
  report(error: unknown, where: string): void;
}

/** One peer's way to its client. */
export interface PeerLink {
  readonly name: string;
  readonly bufferedBytes: number;
  /** Takes a token in the line, and is told who may what and what was stored. */
  readonly isHocuspocus: boolean;
  /** False: it is full, and `onDrain` of the peer's handlers follows. */
  say(message: Uint8Array): boolean;
  ping(): void;
  cork(): void;
  uncork(): boolean;
  pause(): void;
  resume(): void;
  /** What was asked for is not given. */
  deny(code: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
}
