/**
 * Values as trees that JSON can carry, besides their bytes: what the JSON packer would write, before it is text.
 *
 * Always: `readTree` gives back an equal value. No object of the tree has a key that changes a prototype when it is assigned,
 * or one that socket.io would take for an attachment: such an object is a tagged map.
 * Rules: docs/protocol/seals.md SIO2, SIO3; JSON1-JSON4.
 */
import { List, Tagged } from "../core/values.ts";
import { checkDistinct, forgetTexts } from "./edn-write.ts";
import { entriesOf, isPlain } from "./plain.ts";
import { checkDepth, refusal, trail } from "./refuse.ts";
import { isOpenTag, writeScalar } from "./scalars.ts";

/** Throws SyncError `invalid` for what no packer carries. */
export function treeOf(value: unknown): unknown {
  try {
    return branch(value, 0);
  } finally {
    forgetTexts();
  }
}

function branch(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return value.startsWith("~") ? `~${value}` : value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0) ? value : specialNumber(value);
    case "bigint":
      return `~n${value}`;
    case "object":
    case "boolean":
    case "undefined":
      if (Array.isArray(value)) return branches(value, depth);
      if (typeof value !== "object" || value === null) return value ?? null;
      return isPlain(value) ? objectTree(value, depth) : otherTree(value, depth);
    default:
      throw refusal(`A ${typeof value}`, depth);
  }
}

/** JSON.stringify would write `0` and `null`. */
function specialNumber(value: number): string {
  return value === 0 ? "~z-0" : `~z${value}`.replace("inity", "");
}

function branches(items: readonly unknown[], depth: number): unknown[] {
  checkDepth(depth);
  return Array.from(items, (item, i) => {
    trail[depth] = i;
    return branch(item, depth + 1);
  });
}

function objectTree(value: Record<string, unknown>, depth: number): unknown {
  if (Object.hasOwn(value, "__proto__") || Object.hasOwn(value, "_placeholder")) {
    return ["~#map", branches(entriesOf(value).flat(), depth)];
  }
  checkDepth(depth);
  const tree: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    if (value[key] === undefined) continue;
    trail[depth] = key;
    tree[key] = branch(value[key], depth + 1);
  }
  return tree;
}

function otherTree(value: object, depth: number): unknown {
  if (value instanceof Uint8Array) return value;
  if (value instanceof Map || value instanceof Set) {
    const items = Array.from<unknown>(value).flat(value instanceof Map ? 1 : 0);
    const tree = [value instanceof Map ? "~#map" : "~#set", branches(items, depth)];
    checkDistinct(Array.from(value.keys()), depth);
    return tree;
  }
  if (value instanceof List) return ["~#list", branches(value.items, depth)];
  if (!(value instanceof Tagged)) return `~${writeScalar(value, depth)}`;
  if (!isOpenTag(value.tag)) throw refusal(`The tag ${value.tag}`, depth);
  checkDepth(depth);
  trail[depth] = value.tag;
  return ["~#tag", value.tag, branch(value.value, depth + 1)];
}
