/**
 * The JSON packer: the same values as EDN in a text that any JSON reader takes.
 *
 * Always: a value that JSON can carry is written as JSON would; the rest are strings that begin with `~` and arrays that
 * begin with such a string.
 * Rules: docs/protocol.md JSON1-JSON7.
 */
import { readJson } from "./json-read.ts";
import { writeJson } from "./json-write.ts";
import { type Bytes, defaultBudget, type Packer } from "./packer.ts";
import { encodeUtf8, textOf } from "./utf8.ts";

export function json(): Packer {
  const [head, separator, tail] = ["[", ",", "]"].map(encodeUtf8) as [Bytes, Bytes, Bytes];
  return {
    name: "json",
    format: "json",
    binary: false,
    pack: writeJson,
    unpack: (packed, budget = defaultBudget) => readJson(textOf(packed), budget),
    splice: { pack: writeJson, head: () => head, separator, tail },
  };
}
