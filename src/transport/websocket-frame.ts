/**
 * WebSocket frames as a server sends them: one frame per message, final, unmasked, never compressed.
 *
 * Frame, big-endian:
 *    0  u8   0x81 text, 0x82 binary
 *    1  u8   payload length to 125; or 126, then u16; or 127, then u64
 *    …  …    payload
 *
 * Always: a frame is one Buffer, header and payload, so that writing it is one chunk; the length takes the
 * shortest form; a Frame is encoded once however many connections it goes to.
 * Rules: docs/protocol/transports.md TRANSPORT9, TRANSPORT11. Source: RFC 6455 section 5.2.
 */
import type { Frame } from "./transport.ts";

/** Longer frames get a Buffer of their own, kept in the Frame: they may be shared, and copying them twice costs. */
const maxJoinedLength = 1024;

/** Short frames are put here, then copied out: cheaper than asking each string for its byte length first, or writing each alone. */
const scratch: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Bytes of the header before `length` bytes of payload. */
export function frameHeaderBytes(length: number): 2 | 4 | 10 {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** Writes the header at `offset`; returns where the payload begins. */
export function writeFrameHeader(target: Buffer, offset: number, length: number, text: boolean): number {
  target[offset] = text ? 0x81 : 0x82;
  if (length < 126) {
    target[offset + 1] = length;
    return offset + 2;
  }
  if (length < 65_536) {
    target[offset + 1] = 126;
    return target.writeUInt16BE(length, offset + 2);
  }
  target[offset + 1] = 127;
  target.writeUInt16BE(0, offset + 2);
  return target.writeUIntBE(length, offset + 4, 6);
}

/** The frame's bytes, made on first use and kept in `frame.framed`; nobody may change them. */
export function frameOf(frame: Frame): Buffer {
  if (frame.framed) return frame.framed as Buffer;
  const { data, text } = frame;
  const length = typeof data === "string" ? Buffer.byteLength(data) : data.length;
  const framed = Buffer.allocUnsafe(frameHeaderBytes(length) + length);
  const payload = writeFrameHeader(framed, 0, length, text);
  if (typeof data === "string") framed.write(data, payload);
  else framed.set(data, payload);
  frame.framed = framed;
  return framed;
}

/** The bytes of all frames, in order: runs of short frames joined into one Buffer each, every other frame by itself. */
export function joinFrames(frames: readonly Frame[]): Buffer[] {
  const pieces: Buffer[] = [];
  const isAlone = frames.length === 1;
  let end = 0;
  const cut = (): void => {
    if (end) pieces.push(Buffer.from(scratch.subarray(0, end)));
    end = 0;
  };
  for (const frame of frames) {
    const { data, text, framed } = frame;
    const isBytes = framed !== undefined || typeof data !== "string";
    if (data.length > maxJoinedLength || (isAlone && isBytes)) {
      cut();
      pieces.push(frameOf(frame));
      continue;
    }
    if (end + 4 + data.length * 3 > scratch.length) cut();
    if (framed) end = put(end, framed);
    else if (typeof data === "string") end = putText(end, data, text);
    else end = put(writeFrameHeader(scratch, end, data.length, text), data);
  }
  cut();
  return pieces;
}

/** Puts bytes at `start`; returns where they end. */
function put(start: number, bytes: Uint8Array): number {
  scratch.set(bytes, start);
  return start + bytes.length;
}

/** Puts a frame of `data` at `start`; returns where it ends. */
function putText(start: number, data: string, text: boolean): number {
  const guess = frameHeaderBytes(data.length);
  const length = scratch.write(data, start + guess);
  const header = frameHeaderBytes(length);
  if (header !== guess) scratch.copyWithin(start + header, start + guess, start + guess + length);
  return writeFrameHeader(scratch, start, length, text) + length;
}
