/**
 * A recipe on a draft, for the browser, which does not load Immer: plain objects and arrays are changed in place as it seems,
 * and what was not changed stays the same object. A map, a set, a date and bytes that a recipe looks at are copied whole, and count as
 * changed where they are no longer equal. Instances of other classes are values: assigned, and not to be changed.
 *
 * Always: the base is never changed; a recipe that throws leaves nothing behind; a draft is of no use once its recipe is over.
 * Rules: docs/protocol/shared.md DRAFT1-DRAFT5. Source of the idea: Immer.
 */
import { SyncError } from "../core/errors.ts";
import { isPlain } from "./patch.ts";
import { isSame } from "./same.ts";

export type DraftRecipe<T> = (draft: T) => T | void;

type Container = Record<PropertyKey, unknown> | unknown[];

interface Draft {
  readonly base: Container;
  /** The shallow copy that the proxy stands for; it holds the proxies of what was drafted beneath it. */
  readonly copy: Container;
  readonly parent: Draft | undefined;
  /** Keys that were written, or whose values were drafted. */
  readonly keys: Set<PropertyKey>;
  /** It came in by an assignment, and may hold drafts itself. */
  readonly isNew: boolean;
  changed: boolean;
}

/** A copy that a recipe may change in place, and where it stands. */
interface Copied {
  readonly from: unknown;
  readonly parent: Draft;
  readonly key: PropertyKey;
}

const isContainer = (value: unknown): value is Container => Array.isArray(value) || isPlain(value);
const isCopied = (value: unknown): boolean =>
  value instanceof Map || value instanceof Set || value instanceof Date || value instanceof Uint8Array;

/** What recipes made of what: nothing but these keys may differ. */
const origins = new WeakMap<object, { readonly base: object; readonly keys: ReadonlySet<PropertyKey> }>();

/** Where `to` may differ from `from`, as far as the recipe that made it knows; undefined: anywhere. */
export function keysTouched(from: object, to: object): ReadonlySet<PropertyKey> | undefined {
  const origin = origins.get(to);
  return origin?.base === from ? origin.keys : undefined;
}

/** The value after the recipe: what it returned, or the draft as it left it. */
export function draftNext<T>(base: T, recipe: DraftRecipe<T>): T {
  /** By proxy. */
  const drafts = new Map<unknown, Draft>();
  const assigned = new Set<unknown>();
  const copied = new Map<unknown, Copied>();
  let over = false;

  const touch = (draft: Draft): void => {
    for (let each: Draft | undefined = draft; each && !each.changed; each = each.parent) each.changed = true;
  };

  const open = (of: Container, parent?: Draft): Container => {
    const copy = Array.isArray(of) ? [...of] : copyOf(of);
    const keys = new Set<PropertyKey>();
    const draft: Draft = { base: of, copy, parent, keys, isNew: assigned.has(of) || parent?.isNew === true, changed: false };
    const must = (): void => {
      if (over) throw new SyncError("invalid", "A draft is of no use once its recipe is over.");
    };
    const proxy = new Proxy(copy, {
      get(target, key) {
        must();
        const value = Reflect.get(target, key) as unknown;
        if (!Object.hasOwn(target, key) || drafts.has(value) || copied.has(value)) return value;
        const isAside = isCopied(value) && !draft.isNew && !assigned.has(value);
        if (!isContainer(value) && !isAside) return value;
        const child = isAside ? deepCopy(value) : open(value as Container, draft);
        if (isAside) copied.set(child, { from: value, parent: draft, key });
        keys.add(key);
        define(target, key, child);
        return child;
      },
      set(target, key, value) {
        must();
        const before = Object.hasOwn(target, key) ? Reflect.get(target, key) : missing;
        if (before !== value || (key === "length" && Array.isArray(target))) {
          touch(draft);
          keys.add(key);
          if (isContainer(value) || isCopied(value)) assigned.add(value);
          define(target, key, value);
        }
        return true;
      },
      defineProperty: () => false,
      deleteProperty(target, key) {
        must();
        if (Object.hasOwn(target, key)) touch(draft);
        keys.add(key);
        return Reflect.deleteProperty(target, key);
      },
    });
    drafts.set(proxy, draft);
    return proxy;
  };

  const settleIn = (own: Map<unknown, unknown> | Set<unknown>): void => {
    const items = [...own.entries()];
    const settled = items.map((item) => item.map(settle) as [unknown, unknown]);
    if (settled.every(([key, value], at) => key === items[at]?.[0] && value === items[at]?.[1])) return;
    own.clear();
    for (const [key, value] of settled) {
      if (own instanceof Map) own.set(key, value);
      else own.add(value);
    }
  };
  const seen = new Set<unknown>();
  /** Without drafts in it. */
  const settle = (value: unknown): unknown => {
    const draft = drafts.get(value);
    if (draft && !draft.changed) return draft.isNew ? settle(draft.base) : draft.base;
    const own = draft ? draft.copy : value;
    // What is neither a draft nor new cannot have one in it.
    if (seen.has(own)) return own;
    if (own instanceof Map || own instanceof Set) {
      seen.add(own);
      settleIn(own);
      return own;
    }
    if (!isContainer(own)) return own;
    seen.add(own);
    if (!draft && Object.isFrozen(own)) return own;
    if (draft && !draft.isNew && !Array.isArray(own)) origins.set(own, draft);
    for (const key of origins.get(own)?.keys ?? Reflect.ownKeys(own)) {
      const inner = Reflect.get(own, key) as unknown;
      if (!isContainer(inner) && !(inner instanceof Map) && !(inner instanceof Set)) continue;
      if (draft && !draft.isNew && inner === Reflect.get(draft.base, key)) continue;
      const settled = settle(inner);
      if (settled !== inner) define(own, key, settled);
    }
    return own;
  };

  try {
    const start = isContainer(base) ? open(base) : base;
    const returned = recipe(start as T);
    if (returned instanceof Promise) {
      returned.catch(() => {});
      throw new SyncError("invalid", "A recipe is synchronous.");
    }
    for (const [copy, { from, parent, key }] of copied) {
      if (!isSame(copy, from)) touch(parent);
      else if (Reflect.get(parent.copy, key) === copy) define(parent.copy, key, from);
    }
    if (returned === undefined) return settle(start) as T;
    // A returned draft is what the draft is now.
    return settle(returned) as T;
  } finally {
    over = true;
  }
}

const missing = Symbol("missing");

/** Down to what nobody changes in place. */
function deepCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(deepCopy);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [deepCopy(key), deepCopy(item)]));
  if (value instanceof Set) return new Set([...value].map(deepCopy));
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array) return value.slice();
  if (!isPlain(value)) return value;
  const copy = copyOf(value);
  for (const key of Object.keys(copy)) define(copy, key, deepCopy(copy[key]));
  return copy;
}

function copyOf(value: Record<PropertyKey, unknown>): Record<PropertyKey, unknown> {
  const copy = Object.create(Object.getPrototypeOf(value)) as Record<PropertyKey, unknown>;
  for (const key of Object.keys(value)) define(copy, key, value[key]);
  return copy;
}

/** Also `__proto__` is a key like any other. */
function define(target: Container, key: PropertyKey, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else (target as Record<PropertyKey, unknown>)[key] = value;
}
