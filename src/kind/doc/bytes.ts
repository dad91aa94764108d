/**
 * What the parts of a Yjs update are made of: varints, and text whose length counts in UTF-16 units.
 *
 *   varint   little-endian, seven bits a byte, the eighth set where another follows; at most 2^53 - 1
 *   text     varint bytes, then UTF-8
 *
 * Always: a cursor never passes the end of its bytes; what it cannot read is `malformed`, and nothing else is thrown.
 * Rules: docs/protocol/doc.md DOC3.
 */
import { SyncError } from "../../core/errors.ts";

export function malformed(what: string): SyncError {
  return new SyncError("malformed", `Not a Yjs update: ${what}.`);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Cursor {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw malformed("it ends too early");
    return byte;
  }

  varint(): number {
    const first = this.bytes[this.at] as number;
    if (first < 128) {
      this.at++;
      return first;
    }
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49) throw malformed("a number over 2^53");
      if (byte < 128) return value;
    }
  }

  /** Passes over so many bytes. */
  skip(length: number): void {
    if (length > this.left) throw malformed("it ends too early");
    this.at += length;
  }

  /** The end of a part that says its length in bytes first. */
  partEnd(): number {
    const length = this.varint();
    if (length > this.left) throw malformed("it ends too early");
    return this.at + length;
  }

  text(): string {
    const end = this.partEnd();
    const piece = this.bytes.subarray(this.at, end);
    this.at = end;
    try {
      return decoder.decode(piece);
    } catch {
      throw malformed("text that is no UTF-8");
    }
  }

  /** Passes over a text; its length in UTF-16 units. */
  textLength(): number {
    const end = this.partEnd();
    const { bytes } = this;
    let units = 0;
    let at = this.at;
    while (at < end) {
      const byte = bytes[at] as number;
      if (byte < 128) at++;
      else at += sequence(bytes, at, end);
      units += byte < 0xf0 ? 1 : 2;
    }
    this.at = end;
    return units;
  }
}

/** Bytes of the character that begins there with a byte over 127. */
function sequence(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const second = at + 1 < end ? (bytes[at + 1] as number) : 0;
  // The shortest form only, no halves of surrogate pairs, nothing beyond U+10FFFF.
  const from = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const to = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  let isWhole = first >= 0xc2 && first <= 0xf4 && at + length <= end && second >= from && second <= to;
  for (let i = 2; isWhole && i < length; i++) isWhole = ((bytes[at + i] as number) & 0xc0) === 0x80;
  if (!isWhole) throw malformed("text that is no UTF-8");
  return length;
}

/** Bytes under way. */
export class Writer {
  #bytes = new Uint8Array(64);
  #length = 0;

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  varint(value: number): void {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  copy(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #room(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
