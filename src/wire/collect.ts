/**
 * Makes maps and sets of what a reader read.
 *
 * Always: a map becomes a plain object exactly when the writer would write that object as the same map, else a `Map`;
 * a key or member that occurs twice is refused; no key changes a prototype; the time is linear.
 * Rules: docs/protocol.md EDN1, EDN3, PACK3, BUDGET3, BUDGET5.
 */
import { SyncError } from "../core/errors.ts";
import { canonicalText } from "./edn-write.ts";
import { checkKey, spend } from "./meter.ts";
import { propertyOf } from "./plain.ts";

export function collectMap(pairs: [unknown, unknown][]): object {
  const keys = pairs.map(([key]) => (typeof key === "string" ? checkKey(key) : key));
  const properties = keys.map(propertyOf);
  if (properties.includes(undefined)) {
    checkDistinct(keys);
    return new Map(pairs);
  }
  // Unlike assignment, this makes an own property of `__proto__` too.
  const object: object = Object.fromEntries(properties.map((property, i) => [property, pairs[i]?.[1]]));
  if (Object.keys(object).length < pairs.length) throw duplicate();
  return object;
}

export function collectSet(items: readonly unknown[]): Set<unknown> {
  checkDistinct(items);
  return new Set(items);
}

/**
 * Engines hash numbers without a secret, so that a sender can choose many that collide: each costs the more values the
 * more members there are. Objects are compared by their text, which never begins as that of a string does.
 */
function checkDistinct(keys: readonly unknown[]): void {
  const seen = new Set<unknown>();
  for (const key of keys) {
    const { size } = seen;
    if (typeof key === "number") spend(size >> 10);
    if (typeof key === "bigint") spend(size >> 4);
    seen.add(typeof key === "string" ? `"${key}` : typeof key === "object" && key ? canonicalText(key) : key);
    if (size === seen.size) throw duplicate();
  }
}

function duplicate(): SyncError {
  return new SyncError("malformed", "A key or member occurs twice.");
}
