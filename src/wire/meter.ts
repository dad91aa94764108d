/**
 * The account of one message that is being read: what its budget still allows.
 *
 * Always: one message at a time, since no reader calls code of the application; whoever begins, resets it.
 * Rules: docs/protocol.md BUDGET1-BUDGET4.
 */
import { SyncError } from "../core/errors.ts";
import { type Budget, defaultBudget } from "./packer.ts";
import { encodeUtf8 } from "./utf8.ts";

let budget = defaultBudget;
let left = 0;
let depth = 0;

export function startMeter(allowed: Budget): void {
  budget = allowed;
  left = budget.maxValues;
  depth = 0;
}

/** Takes `count` values. */
export function spend(count: number): void {
  left -= count;
  if (left < 0) throw tooLarge(`${budget.maxValues} values`);
}

/** Goes into a collection or tag. */
export function enter(): void {
  if (++depth > budget.maxDepth) throw new SyncError("too-deep", `Nested deeper than ${budget.maxDepth}.`);
}

export function leave(): void {
  depth--;
}

/** Looks at the length of a key, keyword, symbol or tag, and returns it. */
export function checkKey(key: string): string {
  const max = budget.maxKeyBytes;
  if (key.length * 3 > max && (key.length > max || encodeUtf8(key).length > max)) throw tooLarge(`${max} bytes in a key`);
  return key;
}

/** Looks at the digits of a number, and returns it. */
export function checkDigits(number: string): string {
  const max = budget.maxDigits;
  if (number.length > max && number.replace(/\D/g, "").length > max) throw tooLarge(`${max} digits`);
  return number;
}

function tooLarge(what: string): SyncError {
  return new SyncError("too-large", `More than ${what}.`);
}
