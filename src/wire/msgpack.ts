/**
 * The MessagePack packer: binary, as Sente's own MessagePack packer speaks it.
 *
 * Always: each payload holds a repeated key once; a spliced piece refers to no key outside it, nor to one within.
 * Rules: docs/protocol/msgpack.md MSGPACK1-MSGPACK10.
 */
import { readMsgpack } from "./msgpack-read.ts";
import { collectBytes, putArrayHead } from "./msgpack-sink.ts";
import { maxCachedKeys } from "./msgpack-types.ts";
import { writeMsgpack } from "./msgpack-write.ts";
import { defaultBudget, type Packer } from "./packer.ts";

export function msgpack(): Packer {
  const nothing = new Uint8Array();
  return {
    name: "msgpack",
    format: "msgpack",
    binary: true,
    pack: (value) => writeMsgpack(value, maxCachedKeys),
    unpack: (packed, budget = defaultBudget) => readMsgpack(packed, budget),
    splice: {
      pack: (value) => writeMsgpack(value, 0),
      head: (count) => collectBytes(() => putArrayHead(count)),
      separator: nothing,
      tail: nothing,
    },
  };
}
