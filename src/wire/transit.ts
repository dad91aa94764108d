/**
 * The Transit packer: what Sente peers speak that are set up with Transit over JSON.
 *
 * Always: a whole packing refers back to texts it wrote before, a piece does not; both ways are read, and the verbose form
 * as well, whichever of them is written.
 * Rules: docs/protocol/transit.md TRANSIT10-TRANSIT13.
 */
import { type Bytes, defaultBudget, type Packer } from "./packer.ts";
import { readTransit } from "./transit-read.ts";
import { writeTransit, writeTransitPiece } from "./transit-write.ts";
import { encodeUtf8, textOf } from "./utf8.ts";

export interface TransitOptions {
  /** Writes maps as JSON objects, instants as text, and nothing short: for people who read along. Default false. */
  readonly verbose?: boolean;
}

export function transit(options: TransitOptions = {}): Packer {
  const { verbose = false } = options;
  const name = verbose ? "transit-verbose" : "transit";
  const [head, separator, tail] = ["[", ",", "]"].map(encodeUtf8) as [Bytes, Bytes, Bytes];
  return {
    name,
    format: name,
    binary: false,
    pack: (value) => writeTransit(value, verbose),
    unpack: (packed, budget = defaultBudget) => readTransit(textOf(packed), budget),
    splice: { pack: (value) => writeTransitPiece(value, verbose), head: () => head, separator, tail },
  };
}
