/**
 * Refuses a JSON text of too many or too deep collections before the engine makes them: each costs it some hundred nanoseconds, so that a
 * megabyte of brackets takes a third of a second to parse, only to be refused.
 *
 * A short text is not looked at, and of others mostly the brackets are counted, which costs a hundredth of reading them.
 * Always: what the walk over the parsed value would take passes.
 * Rules: docs/protocol/values.md BUDGET7.
 */
import { SyncError } from "../core/errors.ts";
import type { Budget } from "./packer.ts";

const quote = 0x22;
const backslash = 0x5c;
/** In both pairs the closing one is two above the opening one. */
const [bracket, brace] = [0x5b, 0x7b];

/** Throws SyncError `too-large` or `too-deep`. */
export function guardJson(input: string, { maxDepth, maxValues }: Budget): void {
  // Each collection takes two characters.
  if (input.length <= 2 * maxValues || !hasMore(input, maxValues)) return;
  let count = 0;
  let depth = 0;
  for (let i = 0; i < input.length; i++) {
    const code = input.charCodeAt(i);
    if (code === quote) i = endOfString(input, i);
    else if (code === bracket || code === brace) {
      // A tagged value has two.
      if (++depth > 2 * maxDepth) throw new SyncError("too-deep", `More than ${maxDepth} levels.`);
      if (++count > 2 * maxValues) throw new SyncError("too-large", `More than ${maxValues} values.`);
    } else if (code === bracket + 2 || code === brace + 2) depth--;
  }
}

/** More opening brackets than that, those in strings included. */
function hasMore(input: string, max: number): boolean {
  let count = 0;
  for (const opening of "[{")
    for (let at = input.indexOf(opening); at >= 0; at = input.indexOf(opening, at + 1)) if (++count > max) return true;
  return false;
}

/** Where the string that begins there ends. */
function endOfString(input: string, start: number): number {
  let i = start + 1;
  while (i < input.length && input.charCodeAt(i) !== quote) i += input.charCodeAt(i) === backslash ? 2 : 1;
  return i;
}
