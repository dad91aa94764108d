/**
 * Numbers, texts and bytes written one behind the other into a buffer that grows, and read back.
 *
 * Always: a varint is 1 to 8 bytes of 7 bits, the lowest first, and at most 2^53 - 1; whoever reads past the end, or finds a number
 * that is none, gets SyncError `malformed`, and no other error.
 * Rules: docs/protocol/storage.md SEG3.
 */
import { SyncError } from "../../core/errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class ByteWriter {
  /** Valid up to `length`; replaced when it grows. */
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;
  readonly #idleBytes: number;

  /** `idleBytes`: what is kept at most for the next use. */
  constructor(idleBytes: number) {
    this.#idleBytes = idleBytes;
    this.bytes = new Uint8Array(Math.min(idleBytes, 1 << 12));
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > this.#idleBytes) this.bytes = new Uint8Array(this.#idleBytes);
  }

  /** Room for `count` more; answers where they go. */
  skip(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const smaller = this.bytes;
      this.bytes = new Uint8Array(this.length * 2);
      this.bytes.set(smaller.subarray(0, at));
    }
    return at;
  }

  byte(value: number): void {
    const at = this.skip(1);
    this.bytes[at] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  raw(bytes: Uint8Array): void {
    const at = this.skip(bytes.length);
    this.bytes.set(bytes, at);
  }

  sized(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(text: string): void {
    this.sized(encoder.encode(text));
  }

  /** A copy of what was written. */
  taken(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  byte(): number {
    if (this.at >= this.#end) throw malformed();
    return this.#bytes[this.at++] as number;
  }

  varint(): number {
    let value = 0;
    let weight = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 127) * weight;
      if (byte < 128) break;
      weight *= 128;
      if (weight > 2 ** 49) throw malformed();
    }
    if (value > Number.MAX_SAFE_INTEGER) throw malformed();
    return value;
  }

  /** The bytes themselves, not a copy. */
  sized(): Uint8Array {
    return this.raw(this.varint());
  }

  raw(length: number): Uint8Array {
    if (this.at + length > this.#end) throw malformed();
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  skip(length: number): void {
    if (this.at + length > this.#end) throw malformed();
    this.at += length;
  }

  text(): string {
    return decoder.decode(this.sized());
  }
}

const malformed = (): SyncError => new SyncError("malformed", "Not a table of a segment.");
