/**
 * Makes maps and sets of what a reader read.
 *
 * Always: a map becomes a plain object exactly when the writer would write that object as the same map, else a `Map`;
 * a key or member that occurs twice is refused; no key changes a prototype; the time is linear.
 * Rules: docs/protocol.md EDN1, EDN3, PACK3, BUDGET5.
 */
import { SyncError } from "../core/errors.ts";
import { canonicalText } from "./edn-write.ts";
import { checkKey, spend } from "./meter.ts";
import { propertyOf, setOwn } from "./plain.ts";

/** The map of `entries`: key, value, key, value and so on. */
export function collectMap(entries: readonly unknown[]): object {
  const keys = entries.filter((_, i) => i % 2 === 0);
  const properties = keys.map(propertyOf);
  const object = {};
  const map = new Map();
  const isPlain = !properties.includes(undefined);
  const checkNew = createCheck(map);
  keys.forEach((key, i) => {
    const [property, value] = [properties[i] as string, entries[2 * i + 1]];
    if (typeof key === "string") checkKey(key);
    if (isPlain) {
      if (Object.hasOwn(object, property)) throw duplicate();
      setOwn(object, property, value);
    } else {
      checkNew(key);
      map.set(key, value);
    }
  });
  return isPlain ? object : map;
}

export function collectSet(items: readonly unknown[]): Set<unknown> {
  const set = new Set();
  const checkNew = createCheck(set);
  for (const item of items) {
    checkNew(item);
    set.add(item);
  }
  return set;
}

/**
 * Throws for a key that is in the Map or Set already. Engines hash numbers without a secret, so that a sender can choose
 * many that collide: each costs the more values the more members there are. Objects are compared by their text.
 */
function createCheck(members: { size: number; has(key: unknown): boolean }): (key: unknown) => void {
  const texts = new Set<string>();
  return (key) => {
    const { size } = members;
    if (typeof key === "number") spend(size >> 10);
    if (typeof key === "bigint") spend(size >> 4);
    if (members.has(key)) throw duplicate();
    if (typeof key === "object" && key && texts.size === texts.add(canonicalText(key)).size) throw duplicate();
  };
}

function duplicate(): SyncError {
  return new SyncError("malformed", "A key or member occurs twice.");
}
