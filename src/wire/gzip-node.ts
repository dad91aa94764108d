/**
 * `node:zlib`: what `#gzip` means in Node.
 *
 * Always: synchronous, so that a sealed frame costs no turn of the event loop; never makes more than `maxBytes`.
 * Rules: docs/protocol/seals.md GZIP2, GZIP4-GZIP6.
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { SyncError } from "../core/errors.ts";
import type { GzipCodec } from "./gzip-web.ts";
import type { Bytes } from "./packer.ts";

/** What zlib gives if it is asked for `info`. */
interface Inflated {
  readonly buffer: Bytes;
  /** `bytesWritten`: how much of the input was taken. */
  readonly engine: { readonly bytesWritten: number };
}

export const codec: GzipCodec = {
  compress: (payload, level) => gzipSync(payload, level === undefined ? {} : { level }),
  decompress(body, maxBytes) {
    try {
      const options = { maxOutputLength: Math.max(1, maxBytes), info: true };
      const { buffer, engine } = gunzipSync(body, options) as unknown as Inflated;
      if (engine.bytesWritten < body.length) throw new SyncError("malformed", "Bytes after a gzip stream.");
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") return undefined;
      throw error;
    }
  },
};
