/**
 * UTF-8 in and out, and strings that keep nothing else in memory.
 *
 * Always: bytes that are not UTF-8 are refused, never replaced; a byte order mark is a character like any other.
 * Rules: docs/protocol.md PACK5, BUDGET6.
 */
import { SyncError } from "../core/errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Throws SyncError `malformed` for bytes that are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new SyncError("malformed", "Not UTF-8.", { cause });
  }
}

/** The text of a packed value. */
export function textOf(packed: string | Uint8Array): string {
  return typeof packed === "string" ? packed : decodeUtf8(packed);
}

/**
 * The same text, holding no other string in memory. A slice of 13 or more characters keeps the whole string it was cut
 * from; two of at most 12 are copies, and a slice of a sum keeps the sum.
 */
export function detach(slice: string): string {
  const { length } = slice;
  if (length < 13) return slice;
  return length < 25 ? slice.slice(0, 12) + slice.slice(12) : ` ${slice}`.slice(1);
}
