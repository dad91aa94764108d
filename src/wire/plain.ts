/**
 * Plain objects as maps: what counts as one, and which property is which key.
 *
 * Always: two keys that are different values are different properties.
 * Rules: docs/protocol.md EDN1.
 */
import { Keyword } from "../core/values.ts";
import { isKeyName } from "./names.ts";

/** True for an object that stands for a map: made by a literal, `Object.create(null)` or JSON, in any realm. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The property that a map's key is, or nothing: a keyword with a key name, or a string that is no key name. */
export function propertyOf(key: unknown): string | undefined {
  const isKeyword = key instanceof Keyword;
  const name = isKeyword ? key.name : key;
  return typeof name === "string" && isKeyName(name) === isKeyword ? name : undefined;
}

/** The map's key that a property is. */
export function keyOf(property: string): Keyword | string {
  return isKeyName(property) ? new Keyword(property) : property;
}

/** The keys and values of a plain object as a map. */
export function entriesOf(object: Record<string, unknown>): [Keyword | string, unknown][] {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return entries.map(([property, value]) => [keyOf(property), value]);
}
