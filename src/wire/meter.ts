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
let used = 0;
let depth = 0;

export function startMeter(allowed: Budget): void {
  budget = allowed;
  used = depth = 0;
}

/** Throws for more than the budget has. */
function check(count: number, max: number, what: string, code: "too-large" | "too-deep" = "too-large"): void {
  if (count > max) throw new SyncError(code, `More than ${max} ${what}.`);
}

/** Takes `count` values. */
export function spend(count: number): void {
  used += count;
  check(used, budget.maxValues, "values");
}

/** Goes into a collection or tag. */
export function enter(): void {
  check(++depth, budget.maxDepth, "levels", "too-deep");
}

export function leave(): void {
  depth--;
}

/** Looks at the length of a key, keyword, symbol or tag, and returns it. */
export function checkKey(key: string): string {
  const max = budget.maxKeyBytes;
  if (key.length * 3 > max) check(encodeUtf8(key).length, max, "bytes in a key");
  return key;
}

/** Looks at the digits of a number, and returns it. */
export function checkDigits(number: string): string {
  const max = budget.maxDigits;
  if (number.length > max) check(number.replace(/\D/g, "").length, max, "digits");
  return number;
}
