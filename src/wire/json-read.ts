/**
 * JSON text to values: the engine parses it, then one walk counts what is there and puts values in place of tagged
 * strings and arrays.
 *
 * Always: the walk goes no deeper than the budget allows; what holds nothing tagged stays the parser's own object.
 * Rules: docs/protocol.md JSON1-JSON7, BUDGET1-BUDGET5, BUDGET7.
 */
import { SyncError } from "../core/errors.ts";
import { List, Tagged } from "../core/values.ts";
import { collectMap, collectSet } from "./collect.ts";
import { forgetTexts } from "./edn-write.ts";
import { guardJson } from "./json-guard.ts";
import { checkDigits, checkKey, enter, leave, spend, startMeter } from "./meter.ts";
import type { Budget } from "./packer.ts";
import { isOpenTag, readScalar } from "./scalars.ts";

/** Throws SyncError `malformed`, `too-large` or `too-deep`. */
export function readJson(input: string, budget: Budget): unknown {
  guardJson(input, budget);
  let parsed: unknown;
  try {
    parsed = JSON.parse(input);
  } catch (cause) {
    throw new SyncError("malformed", "Not JSON.", { cause });
  }
  return readTree(parsed, budget);
}

/** The value that a parser's own tree stands for; where the parser gives bytes, they stand for themselves. */
export function readTree(tree: unknown, budget: Budget): unknown {
  startMeter(budget);
  try {
    return revive(tree);
  } finally {
    forgetTexts();
  }
}

function revive(value: unknown): unknown {
  spend(1);
  if (typeof value === "string") return value.startsWith("~") ? reviveString(value) : value;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  enter();
  const revived = Array.isArray(value) ? reviveArray(value) : reviveObject(value as Record<string, unknown>);
  leave();
  return revived;
}

function reviveObject(object: Record<string, unknown>): unknown {
  // JSON.parse makes own properties only, `__proto__` too, so that storing to them stores to no prototype.
  for (const key of Object.keys(object)) {
    spend(1);
    checkKey(key);
    const value = object[key];
    const revived = revive(value);
    if (revived !== value) object[key] = revived;
  }
  return object;
}

function reviveItems(items: unknown[]): unknown[] {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    const revived = revive(item);
    if (revived !== item) items[i] = revived;
  }
  return items;
}

function reviveArray(array: unknown[]): unknown {
  const [kind, content, value] = array;
  if (typeof kind !== "string" || !kind.startsWith("~#")) return reviveItems(array);
  if (kind === "~#tag" && array.length === 3 && typeof content === "string") {
    return isOpenTag(checkKey(content)) ? new Tagged(content, revive(value)) : refuse(content);
  }
  if (array.length !== 2 || !Array.isArray(content)) return refuse(kind);
  const items = reviveItems(content);
  if (kind === "~#set") return collectSet(items);
  if (kind === "~#list") return new List(items);
  if (kind !== "~#map" || items.length % 2 !== 0) return refuse(kind);
  return collectMap(Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]]));
}

const doubles = new Map([
  ["~z-0", -0],
  ["~zNaN", Number.NaN],
  ["~zInf", Number.POSITIVE_INFINITY],
  ["~z-Inf", Number.NEGATIVE_INFINITY],
]);

function reviveString(text: string): unknown {
  const code = text[1];
  if (code === "~") return text.slice(1);
  if (code === "z") return doubles.get(text) ?? refuse(text);
  if (code === ":" || code === "$") checkKey(text.slice(2));
  if (code === "n" || code === "f" || code === "r") checkDigits(text);
  return readScalar(text.slice(1)) ?? refuse(text);
}

function refuse(what: string): never {
  throw new SyncError("malformed", `JSON with ${what.slice(0, 20)}, which is no value.`);
}
