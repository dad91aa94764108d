/**
 * The EDN packer: the default, and what a Sente peer speaks.
 *
 * Always: text; any value of the type table, written as Clojure's own reader takes it.
 * Rules: docs/protocol.md, "Values and packers".
 */
import { readEdn } from "./edn-read.ts";
import { writeEdn } from "./edn-write.ts";
import { type Bytes, defaultBudget, type Packer } from "./packer.ts";
import { encodeUtf8, textOf } from "./utf8.ts";

export { BigDecimal, Char, Keyword, keyword, List, Ratio, Sym, Tagged, Uuid } from "../core/values.ts";

export function edn(): Packer {
  const [head, separator, tail] = ["[", " ", "]"].map(encodeUtf8) as [Bytes, Bytes, Bytes];
  return {
    name: "edn",
    format: "edn",
    binary: false,
    pack: writeEdn,
    unpack: (packed, budget = defaultBudget) => readEdn(textOf(packed), budget),
    splice: { pack: writeEdn, head: () => head, separator, tail },
  };
}
