/**
 * A tree of registers: each path that was assigned remembers what and when, and the newest assignment counts. What a parent is
 * assigned covers what is older beneath it; what is newer beneath it stays, on top of it. A deletion is an assignment of nothing.
 *
 * The tree is a set of assignments, and joining two such sets is their union without what is covered: so it does not matter in
 * which order, or how often, they come. The value is a function of the set, and shares what no assignment went through.
 * Always: no register is as old as one above it; keys of plain objects alone are ways down, an array is one value.
 * Rules: docs/protocol/shared.md REG1-REG8.
 */
import { compareStamps, type Stamp } from "../core/hlc.ts";
import { isPlain } from "./patch.ts";

export type Keys = readonly string[];

/** Nothing is there: what a deletion assigns. */
export const nothing: unique symbol = Symbol("nothing");

export interface Assignment {
  readonly path: Keys;
  readonly value: unknown;
}

class Register {
  /** Absent: only something below it was assigned. */
  stamp: Stamp | undefined;
  value: unknown;
  below: Map<string, Register> | undefined;
  /** What it and all below it add up to, with `own` beneath; absent where that is to be made anew. */
  shown: { readonly own: unknown; readonly value: Shown } | undefined;
  /** Keys below that changed since it was shown, and whether each was new then. */
  changed: Map<string, boolean> | undefined;
  constructor(stamp: Stamp | undefined, value: unknown) {
    this.stamp = stamp;
    this.value = value;
    this.below = undefined;
    this.shown = undefined;
    this.changed = undefined;
  }
}

type Shown = Record<string, unknown>;

/** What an assignment came upon. */
export interface Overwritten {
  readonly path: Keys;
  /** The newer one that it came too late for, or the one that it replaced. */
  readonly stamp: Stamp;
  readonly value: unknown;
}

/** Registers as a list, parents first: what a snapshot holds. */
export type RegisterList = readonly (readonly [path: Keys, stamp: Stamp, value: unknown])[];

export class Registers {
  readonly #root: Register;
  /** Deletions before it are forgotten; what is older is not taken. */
  compactedBefore = 0;
  /** Assignments that count, the first one included. */
  size = 1;

  /** `initial` is what every replica starts from, older than any assignment. */
  constructor(initial: unknown, stamp: Stamp) {
    this.#root = new Register(stamp, initial);
  }

  /** What all assignments add up to. Made when it is asked for: what was not assigned since is the same object as before. */
  get value(): unknown {
    return show(this.#root, nothing);
  }

  /** The register at or above the path that is as new as `stamp` or newer: an assignment with that stamp changes nothing. */
  covering(path: Keys, stamp: Stamp): Overwritten | undefined {
    let register: Register | undefined = this.#root;
    for (let depth = 0; register; depth++) {
      if (register.stamp && compareStamps(register.stamp, stamp) >= 0)
        return { path: path.slice(0, depth), stamp: register.stamp, value: register.value };
      if (depth === path.length) return undefined;
      register = register.below?.get(path[depth] as string);
    }
    return undefined;
  }

  /** Something was assigned there: another assignment makes the tree no larger. */
  has(path: Keys): boolean {
    let register: Register | undefined = this.#root;
    for (const key of path) register = register?.below?.get(key);
    return register?.stamp !== undefined;
  }

  /** The newest assignment that counts at the path: its own, or one above. */
  at(path: Keys): Overwritten | undefined {
    let found: Overwritten | undefined;
    let register: Register | undefined = this.#root;
    for (let depth = 0; register; depth++) {
      if (register.stamp) found = { path: path.slice(0, depth), stamp: register.stamp, value: register.value };
      if (depth === path.length) break;
      register = register.below?.get(path[depth] as string);
    }
    return found;
  }

  /** False: something as new or newer is there. */
  assign({ path, value }: Assignment, stamp: Stamp): boolean {
    if (this.covering(path, stamp)) return false;
    let register = this.#root;
    for (const key of path) {
      register.below ??= new Map();
      let next = register.below.get(key);
      const isNew = !next;
      if (!next) {
        next = new Register(undefined, undefined);
        register.below.set(key, next);
      }
      if (register.shown && !register.changed?.has(key)) (register.changed ??= new Map()).set(key, isNew);
      register = next;
    }
    if (!register.stamp) this.size++;
    register.stamp = stamp;
    register.value = value;
    this.size -= prune(register, stamp);
    return true;
  }

  /** The value as it would be with that assignment, which stays out of the tree. `made`: as for `put`. */
  overlay(value: unknown, { path, value: assigned }: Assignment, stamp: Stamp, made?: Made): unknown {
    if (this.covering(path, stamp)) return value;
    let register: Register | undefined = this.#root;
    for (const key of path) register = register?.below?.get(key);
    return put(value, path, withBelow(assigned, register?.below, stamp), made);
  }

  /** Forgets deletions that are older than `beforeMs`, where the value is the same without them; nothing older is taken from then on. */
  compact(beforeMs: number): void {
    this.compactedBefore = Math.max(this.compactedBefore, beforeMs);
    const visit = ({ below }: Register, own: unknown): void => {
      for (const [key, child] of below ?? []) {
        const has = isPlain(own) && Object.hasOwn(own, key);
        visit(child, child.stamp ? child.value : has ? own[key] : nothing);
        const isOld = child.stamp !== undefined && child.value === nothing && child.stamp.ms < beforeMs;
        // What leads nowhere else is an object for its sake alone.
        const isObject = isPlain(own) || (below as Map<string, Register>).size > 1;
        if (!isOld || child.below?.size || !isObject || has) continue;
        below?.delete(key);
        this.size--;
      }
    };
    visit(this.#root, this.#root.value);
  }

  list(): RegisterList {
    const list: [Keys, Stamp, unknown][] = [];
    const visit = (register: Register, path: Keys): void => {
      if (register.stamp) list.push([path, register.stamp, register.value]);
      for (const [key, child] of register.below ?? []) visit(child, [...path, key]);
    };
    visit(this.#root, []);
    return list;
  }

  /** Joins what another tree lists. */
  join(list: RegisterList): void {
    for (const [path, stamp, value] of list) this.assign({ path, value }, stamp);
  }
}

/** `above`: what the assignment above it has at its place. */
function show(register: Register, above: unknown): unknown {
  const own = register.stamp ? register.value : above;
  if (!register.below?.size) return own;
  const { shown, changed } = register;
  register.changed = undefined;
  if (!shown || shown.own !== own) register.shown = { own, value: showAll(register, own) };
  else if (changed) register.shown = { own, value: showChanged(register, own, shown.value, changed) ?? showAll(register, own) };
  return register.shown?.value;
}

function showAll({ below }: Register, own: unknown): Shown {
  const value: Shown = {};
  if (isPlain(own)) for (const key of Object.keys(own)) define(value, key, own[key]);
  for (const [key, child] of below ?? []) {
    const shown = show(child, at(own, key));
    if (shown === nothing) delete value[key];
    else define(value, key, shown);
  }
  return value;
}

/** Undefined: a key came back, and its place is not the last. */
function showChanged({ below }: Register, own: unknown, before: Shown, changed: ReadonlyMap<string, boolean>): Shown | undefined {
  const value = { ...before };
  for (const [key, isNew] of changed) {
    const child = below?.get(key);
    const shown = child && show(child, at(own, key));
    if (shown === nothing) delete value[key];
    else if (child && (isNew || Object.hasOwn(before, key))) define(value, key, shown);
    else return undefined;
  }
  return value;
}

const at = (own: unknown, key: string): unknown => (isPlain(own) && Object.hasOwn(own, key) ? own[key] : nothing);

/** Also `__proto__` is a key like any other. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** Takes out what is older than what covers it; says how many. */
function prune(register: Register, stamp: Stamp): number {
  let pruned = 0;
  register.shown = undefined;
  for (const [key, child] of register.below ?? []) {
    if (child.stamp && compareStamps(child.stamp, stamp) <= 0) {
      child.stamp = undefined;
      child.value = undefined;
      pruned++;
    }
    pruned += prune(child, stamp);
    if (!child.stamp && !child.below?.size) register.below?.delete(key);
  }
  return pruned;
}

/** `value`, and on top what is below it and newer; all of it without a stamp. */
function withBelow(value: unknown, below: ReadonlyMap<string, Register> | undefined, newerThan?: Stamp): unknown {
  let result = value;
  for (const [key, child] of below ?? []) {
    const counts = child.stamp !== undefined && (!newerThan || compareStamps(child.stamp, newerThan) > 0);
    const own = counts ? child.value : isPlain(result) && Object.hasOwn(result, key) ? result[key] : nothing;
    const shown = withBelow(own, child.below, counts ? undefined : newerThan);
    if (counts || leadsOn(child, newerThan)) result = put(result, [key], shown);
  }
  return result;
}

/** Something that counts is below it. */
function leadsOn({ below }: Register, newerThan: Stamp | undefined): boolean {
  if (!newerThan) return true;
  for (const child of below?.values() ?? []) {
    if ((child.stamp && compareStamps(child.stamp, newerThan) > 0) || leadsOn(child, newerThan)) return true;
  }
  return false;
}

/** What is at the path; `nothing` where nothing is. */
export function read(value: unknown, path: Keys): unknown {
  let found = value;
  for (const key of path) {
    if (!isPlain(found) || !Object.hasOwn(found, key)) return nothing;
    found = found[key];
  }
  return found;
}

/** Objects made for a value that nobody has seen yet: they may be changed in place, so that many changes copy a parent once. */
export type Made = Set<object>;

/** The value with `set` at the path. Whatever a path leads through is an object, also where `nothing` is set at its end. */
export function put(value: unknown, path: Keys, set: unknown, made?: Made, depth = 0): unknown {
  if (depth === path.length) return set;
  const key = path[depth] as string;
  const isObject = isPlain(value);
  const before = isObject && Object.hasOwn(value, key) ? value[key] : nothing;
  const after = put(before, path, set, made, depth + 1);
  if (after === before && isObject) return value;
  const isOurs = isObject && made?.has(value);
  const next: Record<string, unknown> = isOurs ? value : isObject ? { ...value } : {};
  if (after === nothing) delete next[key];
  else define(next, key, after);
  if (!isOurs) made?.add(next);
  return next;
}

/** The value with all of them, in their order. */
export function putAll(value: unknown, changes: readonly Assignment[]): unknown {
  const made: Made = new Set();
  return changes.reduce((next, { path, value: set }) => put(next, path, set, made), value);
}
