/**
 * Values as packets of socket.io, by its own parser: JSON, and bytes as attachments beside it.
 *
 * Always: a value is one packet `2["value",…]`, alone in its frame, or `5n-["value",…]` with its n attachments; each is
 * referred to once, in order. The parser keeps nothing between frames.
 * Rules: docs/protocol/seals.md SIO1-SIO6.
 */
import { Decoder, Encoder, type Packet, PacketType } from "socket.io-parser";
import { SyncError } from "../core/errors.ts";
import { guardJson } from "./json-guard.ts";
import { readTree } from "./json-read.ts";
import { type Bytes, defaultBudget, type Packer } from "./packer.ts";
import { treeOf } from "./socketio-tree.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

const eventName = "value";
/** No packet's text begins with it. */
const partsMark = 0;
const lengthBytes = 4;

export function socketio(): Packer {
  const encoder = new Encoder();
  return {
    name: "socketio",
    format: "socketio",
    binary: true,
    pack(value) {
      const packet = { type: PacketType.EVENT, nsp: "/", data: [eventName, treeOf(value)] };
      const [text, ...attachments] = encoder.encode(packet) as [string, ...Uint8Array[]];
      return attachments.length === 0 ? encodeUtf8(text) : joinParts([encodeUtf8(text), ...attachments]);
    },
    unpack(packed, budget = defaultBudget) {
      const { text, attachments } = partsOf(packed);
      guardJson(text, budget);
      return readTree(treeIn(text, attachments), budget);
    },
  };
}

function treeIn(text: string, attachments: readonly Bytes[]): unknown {
  let packet: Packet | undefined;
  let referred = 0;
  // The parser would take the same attachment for two places, and none for the number 0.5.
  const reviver = (_: string, value: unknown): unknown => {
    const { _placeholder, num } = Object(value) as { _placeholder?: unknown; num?: unknown };
    if (_placeholder === true && num !== referred++) throw malformed();
    return value;
  };
  const decoder = new Decoder({ maxAttachments: attachments.length, ...(attachments.length > 0 && { reviver }) });
  decoder.on("decoded", (decoded) => {
    packet = decoded;
  });
  try {
    for (const part of [text, ...attachments]) decoder.add(part);
  } catch (cause) {
    throw malformed(cause);
  }
  const data: unknown = packet?.type === PacketType.EVENT && packet.nsp === "/" && packet.id === undefined && packet.data;
  if (!Array.isArray(data) || data.length !== 2 || data[0] !== eventName || referred !== attachments.length) throw malformed();
  return data[1];
}

/** A mark, and each part after its length. */
function joinParts(parts: readonly Uint8Array[]): Bytes {
  const frame = new Uint8Array(parts.reduce((length, part) => length + lengthBytes + part.length, 1));
  const view = new DataView(frame.buffer);
  frame[0] = partsMark;
  let at = 1;
  for (const part of parts) {
    view.setUint32(at, part.length);
    frame.set(part, at + lengthBytes);
    at += lengthBytes + part.length;
  }
  return frame;
}

function partsOf(packed: string | Uint8Array): { text: string; attachments: readonly Bytes[] } {
  if (typeof packed === "string") return { text: packed, attachments: [] };
  if (packed[0] !== partsMark) return { text: decodeUtf8(packed), attachments: [] };
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const parts: Bytes[] = [];
  for (let at = 1; at < packed.length; ) {
    const start = at + lengthBytes;
    if (start > packed.length) throw malformed();
    at = start + view.getUint32(at);
    if (at > packed.length) throw malformed();
    // A copy: bytes in a value keep no frame alive and are the receiver's to change.
    parts.push(new Uint8Array(packed.subarray(start, at)));
  }
  const [text, ...attachments] = parts;
  if (!text || attachments.length === 0) throw malformed();
  return { text: decodeUtf8(text), attachments };
}

function malformed(cause?: unknown): SyncError {
  return new SyncError("malformed", "Not a socket.io packet with a value.", { cause });
}
