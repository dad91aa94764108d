/**
 * One wire format's view of a topic: the tail of its entries in those bytes, and what was made of them in this turn.
 *
 * Always: an entry is encoded once per packer; a frame is made once per (from, packer) and turn, and goes to every reader that stands there.
 * Rules: docs/protocol.md SUB1-SUB20, DELIVER1-DELIVER6.
 */
import type { Tail } from "../tail/tail.ts";
import type { Frame } from "../transport/transport.ts";
import type { Framer } from "./frames.ts";
import type { Projection } from "./projection.ts";

/** Payload of a frame that joins entries: with its 4-byte header it stays within one WebSocket length class. */
export const maxJoinedBytes = 65_000;

export interface Feed {
  readonly framer: Framer;
  /** Of the positions of its readers. */
  readonly epoch: string;
  /** What it is a feed of; absent: of the topic itself. */
  readonly projection?: Projection | undefined;
  readonly tail: Tail;
  /** Frames of this turn by their first offset; compact ones by its negative. */
  readonly frames: Map<number, { readonly frame: Frame; readonly last: number }>;
  snapshot: SnapshotFrames | undefined;
}

/** A state at an offset, as the frames that carry it. */
export interface SnapshotFrames {
  readonly offset: number;
  readonly parts: readonly Frame[];
}
