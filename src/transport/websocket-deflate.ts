/**
 * permessage-deflate as the server sends it, and what it agrees to.
 *
 * Always: no message refers to one before it (no context takeover), so that a Frame is compressed once for all
 * connections and a connection holds nothing to send with; a message that does not get smaller leaves as it is.
 * Inflating is the business of `ws`, which stops at its limit.
 * Rules: docs/protocol/transports.md DEFLATE1-DEFLATE7. Source: RFC 7692 section 7.
 */

import { constants, deflateRawSync } from "node:zlib";
import { SyncError } from "../core/errors.ts";
import type { Frame } from "./transport.ts";
import { frameHeaderBytes, writeFrameHeader } from "./websocket-frame.ts";
import type { DeflateOptions } from "./ws-global.ts";

/** RSV1 of a frame's first byte: the message is compressed. */
const compressedBit = 0x40;
/** A sync flush ends in four bytes that both sides know: 00 00 ff ff. */
const flushTailBytes = 4;

/** The options with their defaults. Throws SyncError `invalid`. */
export function deflateTerms(options: DeflateOptions | true): Required<DeflateOptions> {
  const { thresholdBytes = 1024, level = 6 } = options === true ? {} : options;
  if (!(Number.isInteger(level) && level >= 1 && level <= 9)) {
    throw new SyncError("invalid", `A deflate level is 1 to 9, not ${level}.`);
  }
  return { thresholdBytes, level };
}

/** What `ws` is told to agree to. Small chunks: one is kept for each connection that ever sent something compressed. */
export const agreement = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  zlibInflateOptions: { chunkSize: 4096 },
};

/** True if the offer asks the server for a window that is smaller than the one it compresses with. */
export function asksForSmallWindow(offer: string | undefined): boolean {
  return offer?.includes("server_max_window_bits") ?? false;
}

/** Frames as they leave on connections that agreed: those that are smaller compressed, compressed once. */
export function createDeflater(options: DeflateOptions | true): (frame: Frame) => Frame {
  const { thresholdBytes, level } = deflateTerms(options);
  const deflated = new WeakMap<Frame, Frame>();
  return (frame) => {
    const { data } = frame;
    if ((typeof data === "string" ? Buffer.byteLength(data) : data.length) < thresholdBytes) return frame;
    let known = deflated.get(frame);
    if (!known) deflated.set(frame, (known = deflate(frame, level)));
    return known;
  };
}

function deflate(frame: Frame, level: number): Frame {
  const { text } = frame;
  const data = typeof frame.data === "string" ? Buffer.from(frame.data) : frame.data;
  const flushed = deflateRawSync(data, { level, finishFlush: constants.Z_SYNC_FLUSH });
  const body = flushed.subarray(0, -flushTailBytes);
  if (body.length >= data.length) return frame;
  const framed = Buffer.allocUnsafe(frameHeaderBytes(body.length) + body.length);
  framed.set(body, writeFrameHeader(framed, 0, body.length, text));
  framed[0] = (framed[0] as number) | compressedBit;
  return { data: body, text, framed };
}
