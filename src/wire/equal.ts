/**
 * Deep equality over all values of the type table.
 *
 * Always: two values are equal exactly when every packer writes them as the same value, whatever the order of keys and
 * members: nothing and null are one value, a property that is undefined is none, and a Map is equal to the plain object
 * it would be read as. What no packer carries is equal to itself only. Linear in the size of the values.
 * Rules: docs/protocol.md PACK6.
 */
import { isSyncError } from "../core/errors.ts";
import { List, Tagged } from "../core/values.ts";
import { canonicalText, forgetTexts } from "./edn-write.ts";
import { isPlain } from "./plain.ts";

/** The values must not contain themselves. */
export function equalValues(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null)
    return (a ?? null) === null && (b ?? null) === null;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && equalItems(a, b);
  if (isPlain(a) && isPlain(b)) return equalObjects(a, b);
  if (a instanceof List && b instanceof List) return equalItems(a.items, b.items);
  if (a instanceof Tagged && b instanceof Tagged) return a.tag === b.tag && equalValues(a.value, b.value);
  return equalTexts(a, b);
}

function equalItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && Array.from(a).every((item, i) => equalValues(item, b[i]));
}

function equalObjects(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const [keys, others] = [a, b].map((object) => Object.keys(object).filter((key) => object[key] !== undefined)) as [
    string[],
    string[],
  ];
  return (
    keys.length === others.length &&
    keys.every((key) => Object.hasOwn(b, key) && b[key] !== undefined && equalValues(a[key], b[key]))
  );
}

function equalTexts(a: object, b: object): boolean {
  try {
    return canonicalText(a) === canonicalText(b);
  } catch (error) {
    if (isSyncError(error)) return false;
    throw error;
  } finally {
    forgetTexts();
  }
}
