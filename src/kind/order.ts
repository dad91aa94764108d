/**
 * Keys that order a list which many people reorder: each item has one, and the list is sorted by it. To move an item is to give it a
 * key between those of its new neighbours, so no other item is written.
 *
 * A key is a whole number and a fraction, in digits that sort as text: `a0` to `az`, then `b00` to `bzz`, …; `Zz` comes before `a0`, then
 * `Zy`, …. At either end the next number is taken, so keys stay short; between two, a fraction. The last digits are drawn at random:
 * two people who insert at the same place at the same time get different keys, but for one in 900 million times.
 * Always: the key is between both, never equal to one.
 * Rules: docs/protocol/shared.md ORDER1-ORDER4.
 */
import { realEnv } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const base = digits.length;
const jitterLength = 5;

const digit = (value: number): string => digits[value] as string;
const valueAt = (text: string, at: number): number => (at < text.length ? digits.indexOf(text[at] as string) : 0);

/**
 * A key after `a` and before `b`; null: from the beginning, to the end. Throws SyncError `invalid` for what is no key, or where `a` is
 * not before `b`.
 */
export function orderBetween(a: string | null, b: string | null, random: () => number = realEnv.random): string {
  for (const key of [a, b]) if (key !== null && !isKey(key)) throw new SyncError("invalid", `"${key}" is no key of an order.`);
  if (a !== null && b !== null && a >= b) throw new SyncError("invalid", `"${a}" is not before "${b}".`);
  if (a === null) return (b === null ? "a0" : step(wholeOf(b), -1)) + jitter(random);
  const whole = wholeOf(a);
  if (b === null) return step(whole, 1) + jitter(random);
  if (whole === wholeOf(b)) return whole + fraction(a.slice(whole.length), b.slice(whole.length), random);
  const next = step(whole, 1);
  return next < wholeOf(b) ? next + jitter(random) : whole + fraction(a.slice(whole.length), undefined, random);
}

/** `a` to `z`: one to 26 digits follow; `Z` to `A`: the same for what is below zero. */
function wholeLength(head: string): number {
  return head >= "a" ? head.charCodeAt(0) - 95 : 92 - head.charCodeAt(0);
}

const wholeOf = (key: string): string => key.slice(0, wholeLength(key[0] as string));

/** Ends in no zero: else nothing would fit before it. */
function isKey(key: unknown): key is string {
  if (typeof key !== "string" || !/^[A-Za-z][0-9A-Za-z]+$/.test(key)) return false;
  const length = wholeLength(key[0] as string);
  return key.length > length && !key.endsWith("0");
}

/** The whole number after, or before. */
function step(whole: string, by: 1 | -1): string {
  const [full, empty] = by > 0 ? [base - 1, 0] : [0, base - 1];
  let at = whole.length - 1;
  while (at > 0 && valueAt(whole, at) === full) at--;
  if (at > 0) return whole.slice(0, at) + digit(valueAt(whole, at) + by) + digit(empty).repeat(whole.length - 1 - at);
  const head = String.fromCharCode(whole.charCodeAt(0) + by);
  // From below zero to above, and back.
  if (whole[0] === "Z" && by > 0) return "a0";
  if (whole[0] === "a" && by < 0) return "Zz";
  if (!/[A-Za-z]/.test(head)) throw new SyncError("limit", "An order has no room at that end.");
  return head + digit(empty).repeat(wholeLength(head) - 1);
}

/** A fraction between two; `b` undefined: one. */
function fraction(a: string, b: string | undefined, random: () => number): string {
  let made = "";
  let below = b;
  for (let at = 0; ; at++) {
    const low = valueAt(a, at);
    const high = below === undefined ? base : valueAt(below, at);
    if (high - low > 1) return made + digit((low + high) >> 1) + jitter(random);
    made += digit(low);
    if (low < high) below = undefined;
  }
}

function jitter(random: () => number): string {
  let made = "";
  while (made.length < jitterLength - 1) made += digit(Math.floor(random() * base));
  return made + digit(1 + Math.floor(random() * (base - 1)));
}
