/**
 * The platform's compression streams: what `#gzip` means in browsers, and what it can mean anywhere they exist.
 *
 * Always: takes turns of the event loop; the input goes in by small pieces, so that no more than the output of one of them is
 * made before it is counted. That nothing follows a gzip stream is for the platform to see: browsers do, Node lets zeros pass.
 * Rules: docs/protocol/seals.md GZIP2, GZIP4-GZIP6.
 */
import type { Bytes } from "./packer.ts";

export interface GzipCodec {
  /** A gzip stream of `payload`. */
  compress(payload: Uint8Array, level?: number): Uint8Array | Promise<Uint8Array>;
  /** What the gzip stream `body` holds; nothing if that is more than `maxBytes`. Fails if `body` is anything else. */
  decompress(body: Uint8Array, maxBytes: number): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** Compressed bytes can grow a thousandfold: 4 KiB to 4 MiB. */
const pieceBytes = 4096;

export const codec: GzipCodec = {
  compress: async (payload) => (await through(payload, new CompressionStream("gzip"), Number.POSITIVE_INFINITY)) as Bytes,
  decompress: (body, maxBytes) => through(body, new DecompressionStream("gzip"), maxBytes),
};

async function through(input: Uint8Array, transform: GenericTransformStream, maxBytes: number): Promise<Bytes | undefined> {
  let at = 0;
  const pieces = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < input.length) controller.enqueue(input.subarray(at, (at += pieceBytes)));
      else controller.close();
    },
  });
  const reader = pieces.pipeThrough<Uint8Array>(transform).getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(value);
  }
  const output = new Uint8Array(length);
  for (const chunk of chunks.reverse()) output.set(chunk, (length -= chunk.length));
  return output;
}
