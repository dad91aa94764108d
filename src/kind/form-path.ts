/**
 * Names of fields: keys with dots between them, and what they name in a value.
 *
 * Always: a name and its keys say the same; no key is empty or has a dot in it.
 * Rules: docs/protocol/form.md FORM1-FORM3.
 */
import { SyncError } from "../core/errors.ts";
import { checkPath, isBelow } from "./changes.ts";
import { type Keys, nothing, put, read } from "./registers.ts";

/** The keys of a field, from its name or from themselves. Throws SyncError `invalid`. */
export function keysOf(field: string | Keys): Keys {
  const keys = typeof field === "string" ? field.split(".") : checkPath(field);
  if (!keys.length || keys.some((key) => key === "" || key.includes(".")))
    throw new SyncError("invalid", `"${keys.join(".")}" names no field: keys have no dots, and at least a letter.`);
  return keys;
}

export const nameOf = (keys: readonly PropertyKey[]): string => keys.map(String).join(".");

/** What is there; undefined where nothing is. */
export function valueIn(value: unknown, keys: Keys): unknown {
  const found = read(value, keys);
  return found === nothing ? undefined : found;
}

/** The value with `set` there; undefined takes it out. */
export function withValue(value: unknown, keys: Keys, set: unknown): unknown {
  return put(value, keys, set === undefined ? nothing : set);
}

/** One is the other, or part of it. */
export function overlaps(a: Keys, b: Keys): boolean {
  return isBelow(a, b) || isBelow(b, a);
}
