/**
 * Frames on a stream of bytes: TCP, Unix sockets, pipes.
 *
 * Frame, big-endian:
 *    0  u32  the two highest bits: 0 open, 1 text, 2 binary, 3 close; the other 30: length of the payload
 *    4  …    open: the URL's path and query; text: UTF-8; binary: bytes; close: u16 code, then the reason
 *
 * Always: a length is checked before memory is taken for it, and an unfinished frame takes at most twice the memory of what came
 * of it; however the bytes are split, the frames are the same.
 * Rules: docs/protocol/streams.md STREAM1-STREAM5.
 */
import { SyncError } from "../core/errors.ts";
import { isOpening } from "./stream-opening.ts";
import type { Frame } from "./transport.ts";

export type StreamFrame =
  | { readonly kind: "open"; readonly url: string }
  | { readonly kind: "message"; readonly data: string | Uint8Array }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

const headerBytes = 4;
const kinds = { open: 0, text: 1, binary: 2, close: 3 } as const;
const maxLength = 2 ** 30 - 1;
const maxOpeningBytes = 8192;
const maxReasonBytes = 123;
/** Larger bytes are written as they are, behind their header: copying them costs more than a second piece. */
const maxJoinedBytes = 1024;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The frame's bytes, in order; what is large is not copied. */
export function framePieces({ data, text }: Frame): Uint8Array[] {
  const kind = text ? kinds.text : kinds.binary;
  if (typeof data === "string") return [stringFrame(kind, data)];
  if (data.length > maxJoinedBytes) return [startFrame(kind, data.length, 0), data];
  const joined = startFrame(kind, data.length);
  joined.set(data, headerBytes);
  return [joined];
}

/** What a client says first. Throws SyncError `too-large` beyond 8 KiB. */
export function openFrame(url: string): Uint8Array {
  const frame = stringFrame(kinds.open, url);
  if (frame.length > headerBytes + maxOpeningBytes) throw new SyncError("too-large", `A URL over ${maxOpeningBytes} bytes`);
  return frame;
}

/** A reason over 123 bytes is cut between two characters. */
export function closeFrame(code: number, reason: string): Uint8Array {
  const text = Buffer.alloc(maxReasonBytes);
  const length = text.write(reason);
  const frame = startFrame(kinds.close, 2 + length);
  frame.writeUInt16BE(code, headerBytes);
  frame.set(text.subarray(0, length), headerBytes + 2);
  return frame;
}

function stringFrame(kind: number, text: string): Buffer {
  const frame = startFrame(kind, Buffer.byteLength(text));
  frame.write(text, headerBytes);
  return frame;
}

/** The header, and room for `roomBytes` after it. */
function startFrame(kind: number, length: number, roomBytes: number = length): Buffer {
  if (length > maxLength) throw new SyncError("too-large", `A frame over ${maxLength} bytes`);
  const frame = Buffer.allocUnsafe(headerBytes + roomBytes);
  frame.writeUInt32BE(kind * 2 ** 30 + length);
  return frame;
}

const nothing: Buffer = Buffer.alloc(0);

/** Takes bytes as they come; gives frames as they are asked for. */
export class FrameReader {
  readonly #maxFrameBytes: number;
  #awaitsOpen: boolean;
  /** Pushed and not yet looked at. */
  #rest: Buffer = nothing;
  /** The beginning of what is not yet complete: a header or a payload. */
  #held: Buffer = nothing;
  #heldBytes = 0;
  #header: { readonly kind: number; readonly length: number } | undefined;

  /** `awaitsOpen`: the first frame must be an `open`; no other ever may. */
  constructor(maxFrameBytes: number, awaitsOpen: boolean) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#awaitsOpen = awaitsOpen;
  }

  push(chunk: Uint8Array): void {
    this.#rest = this.#rest.length
      ? Buffer.concat([this.#rest, chunk])
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  }

  /** The next frame, once it is complete. Throws SyncError `malformed` or `too-large`; nothing can be read after that. */
  next(): StreamFrame | undefined {
    if (!this.#header) {
      const bytes = this.#take(headerBytes);
      if (!bytes) return undefined;
      this.#header = this.#readHeader(bytes.readUInt32BE());
    }
    const { kind, length } = this.#header;
    const payload = this.#take(length);
    if (!payload) return undefined;
    this.#header = undefined;
    return readPayload(kind, payload);
  }

  #readHeader(word: number): { kind: number; length: number } {
    const kind = word >>> 30;
    const length = word & maxLength;
    if ((kind === kinds.open) !== this.#awaitsOpen) {
      throw new SyncError("malformed", this.#awaitsOpen ? "The stream does not begin with an opening" : "A second opening");
    }
    this.#awaitsOpen = false;
    if (kind === kinds.close && (length < 2 || length > 2 + maxReasonBytes)) throw new SyncError("malformed", "Not a close");
    const maxBytes = kind === kinds.open ? maxOpeningBytes : this.#maxFrameBytes;
    if (kind !== kinds.close && length > maxBytes) throw new SyncError("too-large", `Over ${maxBytes} bytes`);
    return { kind, length };
  }

  /** The next `length` bytes, once all are here; the caller must not keep them. */
  #take(length: number): Buffer | undefined {
    const rest = this.#rest;
    if (this.#heldBytes === 0 && rest.length >= length) {
      this.#rest = rest.length === length ? nothing : rest.subarray(length);
      return rest.subarray(0, length);
    }
    const part = rest.subarray(0, length - this.#heldBytes);
    const bytes = this.#heldBytes + part.length;
    if (bytes > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(length, 2 * bytes));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(part, this.#heldBytes);
    this.#heldBytes = bytes;
    this.#rest = rest.length === part.length ? nothing : rest.subarray(part.length);
    if (bytes < length) return undefined;
    const whole = this.#held;
    this.#held = nothing;
    this.#heldBytes = 0;
    return whole;
  }
}

function readPayload(kind: number, payload: Buffer): StreamFrame {
  switch (kind) {
    case kinds.open: {
      const url = readText(payload);
      if (!isOpening(url)) throw new SyncError("malformed", "The opening is not a path");
      return { kind: "open", url };
    }
    case kinds.text:
      return { kind: "message", data: readText(payload) };
    case kinds.binary:
      return { kind: "message", data: new Uint8Array(payload) };
    default: {
      const code = payload.readUInt16BE();
      if (code < 1000 || code > 4999 || code === 1006) throw new SyncError("malformed", "Not a close");
      return { kind: "close", code, reason: readText(payload.subarray(2)) };
    }
  }
}

function readText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new SyncError("malformed", "Text that is not UTF-8");
  }
}
