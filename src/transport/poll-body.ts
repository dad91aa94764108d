/**
 * What one poll or post carries between two of ours: any number of frames, numbered, in one HTTP body.
 *
 * Body, big-endian:
 *    0  u32  number of the first frame; frames of each direction count from 0
 *    4  …    frames: u32 of which the two highest bits are the kind (0 name of the connection, 1 text, 2 binary, 3 close), the other
 *            30 the length of the payload; then the payload. Close: u16 code, then the reason.
 *
 * Always: a body is read whole or refused; frames of kind 0 and 3 have no number.
 * Rules: docs/protocol/ajax.md AJAX10, AJAX11, AJAX15.
 */
import { SyncError } from "../core/errors.ts";
import type { Frame } from "./transport.ts";

/** What our bodies are marked with: a plain Sente server answers in any other type. */
export const pollBodyType = "application/x-sente-sync";

export interface PollBody {
  readonly first: number;
  readonly frames: readonly (string | Uint8Array)[];
  /** What the server calls this connection: told once, with the handshake. */
  readonly name?: string;
  readonly close?: { readonly code: number; readonly reason: string };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const maxLength = 2 ** 30 - 1;

/** Bytes that a frame takes beside its payload. */
export const frameHeaderBytes = 4;

export function writePollBody(
  first: number,
  frames: readonly Frame[],
  extra: Pick<PollBody, "name" | "close"> = {},
): Uint8Array<ArrayBuffer> {
  const pieces: { kind: number; bytes: Uint8Array }[] = frames.map(({ data, text }) => ({
    kind: text ? 1 : 2,
    bytes: typeof data === "string" ? encoder.encode(data) : data,
  }));
  if (extra.name !== undefined) pieces.unshift({ kind: 0, bytes: encoder.encode(extra.name) });
  if (extra.close) {
    const { code, reason } = extra.close;
    pieces.push({ kind: 3, bytes: Uint8Array.of(code >> 8, code & 255, ...encoder.encode(reason)) });
  }
  const body = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + frameHeaderBytes + bytes.length, 4));
  const view = new DataView(body.buffer);
  view.setUint32(0, first);
  let at = 4;
  for (const { kind, bytes } of pieces) {
    view.setUint32(at, kind * 2 ** 30 + bytes.length);
    body.set(bytes, at + frameHeaderBytes);
    at += frameHeaderBytes + bytes.length;
  }
  return body;
}

/** Throws SyncError `malformed`. */
export function readPollBody(body: Uint8Array): PollBody {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const frames: (string | Uint8Array)[] = [];
  const extra: { name?: string; close?: { code: number; reason: string } } = {};
  try {
    const first = view.getUint32(0);
    let at = 4;
    while (at < body.length) {
      const word = view.getUint32(at);
      const end = at + frameHeaderBytes + (word & maxLength);
      if (end > body.length) throw new RangeError("Cut short");
      const bytes = body.subarray(at + frameHeaderBytes, end);
      at = end;
      const kind = word >>> 30;
      if (kind === 0) extra.name = decoder.decode(bytes);
      else if (kind === 1) frames.push(decoder.decode(bytes));
      else if (kind === 2) frames.push(bytes.slice());
      else extra.close = readClose(bytes);
    }
    return { first, frames, ...extra };
  } catch (cause) {
    throw new SyncError("malformed", "Not a body of frames.", { cause });
  }
}

/** Codes as a WebSocket's close frame may have them: 1006 says that nothing was said. */
function readClose(bytes: Uint8Array): { readonly code: number; readonly reason: string } {
  const code = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint16(0);
  if (code < 1000 || code > 4999 || code === 1006) throw new RangeError("No code to close with");
  return { code, reason: decoder.decode(bytes.subarray(2)) };
}
