/**
 * CRC-32C (Castagnoli), eight bytes at a step: what every byte of a segment is checked with.
 *
 * Always: the CRC of two ranges one behind the other is that of the second, seeded with that of the first.
 * Rules: docs/protocol/storage.md SEG2. Source: RFC 3720 appendix B.4 (the polynomial and its test values).
 */

const polynomial = 0x82f63b78;

/** Table k advances a byte over k further bytes of zeros. */
const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  t0[byte] = crc;
}
for (let byte = 0; byte < 256; byte++) {
  let crc = t0[byte] as number;
  for (const table of tables.slice(1)) {
    crc = (crc >>> 8) ^ (t0[crc & 255] as number);
    table[byte] = crc;
  }
}

/** The checksum of `bytes` from `start` to `end`, behind what `seed` is the checksum of. */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length, seed = 0): number {
  let crc = ~seed;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    const low =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24));
    crc =
      (t7[low & 255] as number) ^
      (t6[(low >>> 8) & 255] as number) ^
      (t5[(low >>> 16) & 255] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number);
  return ~crc >>> 0;
}
