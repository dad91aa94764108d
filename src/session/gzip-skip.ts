/**
 * Frames that compression would not make smaller: two tests for `skip` of `gzip`.
 *
 * Always: looks at packed bytes alone, since no more is known where frames are sealed, and at a bounded number of them.
 * Rules: docs/protocol/seals.md GZIP8, GZIP9.
 */
import { encodeUtf8 } from "../wire/utf8.ts";

const sampleBytes = 1024;
const pieces = 4;
/** Ids stand in front: of a batch, the first event's. */
const headBytes = 128;

/**
 * True for bytes that look like noise: compressed or encrypted before. In a sample of four pieces, two bytes are equal less often than once
 * in 128 pairs; in noise it is once in 256, in base64 once in 64, in text once in 15. What repeats only over long distances looks like noise, too.
 */
export function isDense(payload: Uint8Array): boolean {
  const counts = new Uint16Array(256);
  const pieceBytes = Math.min(sampleBytes, payload.length) / pieces;
  const stride = payload.length / pieces;
  let total = 0;
  for (let piece = 0; piece < pieces; piece++) {
    const start = Math.floor(piece * stride);
    for (let at = start; at < start + pieceBytes && at < payload.length; at++, total++) {
      const byte = payload[at] as number;
      counts[byte] = (counts[byte] as number) + 1;
    }
  }
  let equalPairs = 0;
  for (const count of counts) equalPairs += count * (count - 1);
  return equalPairs * 128 < total * (total - 1);
}

/** True for frames that name one of these near their beginning: `"app/thumbnail"`, or what ids begin with, `"media/"`. */
export function mentions(...ids: readonly string[]): (payload: Uint8Array) => boolean {
  const wanted = ids.map(encodeUtf8);
  return (payload) => {
    const head = payload.subarray(0, headBytes);
    return wanted.some((id) => {
      for (let at = head.indexOf(id[0] as number); at >= 0; at = head.indexOf(id[0] as number, at + 1)) {
        if (id.every((byte, i) => head[at + i] === byte)) return true;
      }
      return false;
    });
  };
}
