/**
 * A message as a frame that the server takes.
 *
 * Always: what is larger than the server said it takes is refused here, before any of it leaves.
 * Rules: docs/protocol.md HELLO1-HELLO7, LIMIT1-LIMIT13.
 */
import { SyncError } from "../core/errors.ts";
import type { Frame } from "../transport/transport.ts";
import type { Packer } from "../wire/packer.ts";

/** Throws SyncError `too-large`. */
export function frameOf(packer: Packer, message: unknown, maxBytes: number): Frame {
  const data = packer.pack(message);
  // A character is at most three bytes of UTF-8; only near the limit is it worth counting.
  if (data.length * 3 > maxBytes && byteLength(data) > maxBytes) throw new SyncError("too-large", `Over ${maxBytes} bytes`);
  return { data, text: !packer.binary };
}

function byteLength(data: string | Uint8Array): number {
  return typeof data === "string" ? new TextEncoder().encode(data).length : data.length;
}
