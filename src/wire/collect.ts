/**
 * Makes maps and sets of what a reader read.
 *
 * Always: a map becomes a plain object exactly when the writer would write that object as the same map, else a `Map`;
 * a key or member that occurs twice is refused; no key changes a prototype; the time is linear.
 * Rules: docs/protocol.md EDN1, EDN3, PACK3, BUDGET3, BUDGET5.
 */
import { SyncError } from "../core/errors.ts";
import { hasTwice } from "./edn-write.ts";
import { checkKey, spend } from "./meter.ts";
import { propertyOf } from "./plain.ts";

export function collectMap(pairs: [unknown, unknown][]): object {
  const keys = pairs.map(([key]) => (typeof key === "string" ? checkKey(key) : key));
  checkDistinct(keys);
  const properties = keys.map(propertyOf);
  if (properties.includes(undefined)) return new Map(pairs);
  // Unlike assignment, this makes an own property of `__proto__` too.
  const object: object = Object.fromEntries(pairs.map(([, value], i) => [properties[i], value]));
  return object;
}

export function collectSet(items: readonly unknown[]): Set<unknown> {
  checkDistinct(items);
  return new Set(items);
}

/**
 * Engines hash numbers without a secret, so that a sender can choose many that collide: each costs the more values the
 * more members there are.
 */
function checkDistinct(keys: readonly unknown[]): void {
  keys.forEach((key, i) => {
    spend(typeof key === "number" ? i >> 10 : typeof key === "bigint" ? i >> 4 : 0);
  });
  if (hasTwice(keys)) throw new SyncError("malformed", "A key or member occurs twice.");
}
