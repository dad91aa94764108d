/** Random plain data and random changes to it, for the property tests of kinds. */
import fc from "fast-check";
import { Uuid } from "../../src/core/values.ts";
import { isPlain } from "../../src/kind/patch.ts";

/** Keys that have bitten others; all are ordinary keys of data here. */
export const evilKeys: readonly string[] = ["__proto__", "constructor", "prototype", "toString", "length", "0", ""];

export type Container = Record<string, unknown> | unknown[];

/** An object of these own keys, `__proto__` among them. */
export function objectOf(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  return Object.fromEntries(entries);
}

export const keys: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "c", "d") },
  { weight: 1, arbitrary: fc.constantFrom(...evilKeys) },
);

const leaves: fc.Arbitrary<unknown> = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(null, true, false, "", "text", "a longer text that costs more than its path", Number.NaN, -0, 2n ** 70n),
  fc.constantFrom(new Date(0), new Date(1)),
  fc.constantFrom(new Uuid("00000000-0000-4000-8000-000000000000")),
  fc.constantFrom(new Map([["a", 1]]), new Set([1])),
);

export const documents: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  node: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaves, tie("object"), tie("array")),
  object: fc.array(fc.tuple(keys, tie("node")), { maxLength: 5 }).map(objectOf),
  array: fc.array(tie("node"), { maxLength: 8 }),
})).node;

/** Documents whose root can be changed by a recipe. */
export const containers: fc.Arbitrary<Container> = documents.filter(
  (value) => Array.isArray(value) || isPlain(value),
) as fc.Arbitrary<Container>;

/** One change somewhere in a document: where is chosen by numbers, so that it fits any document. */
export interface Change {
  readonly route: readonly number[];
  readonly action: "assign" | "delete" | "push" | "splice" | "move" | "reverse" | "filter";
  readonly key: string;
  readonly at: number;
  readonly count: number;
  readonly value: unknown;
}

export const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    route: fc.array(fc.nat(7), { maxLength: 4 }),
    action: fc.constantFrom("assign", "delete", "push", "splice", "move", "reverse", "filter"),
    // Immer refuses drafts this one key.
    key: keys.filter((key) => key !== "__proto__"),
    at: fc.nat(8),
    count: fc.nat(3),
    value: documents,
  }),
  { maxLength: 6 },
);

/** Makes the change in place; for recipes. */
export function change(root: Container, { route, action, key, at, count, value }: Change): void {
  let node = root;
  for (const turn of route) {
    const children = Object.keys(node)
      .filter((name) => name !== "__proto__")
      .map((name) => (node as Record<string, unknown>)[name])
      .filter((child): child is Container => Array.isArray(child) || isPlain(child));
    const child = children[turn % Math.max(children.length, 1)];
    if (!child) break;
    node = child;
  }
  if (!Array.isArray(node)) {
    if (action === "delete") delete node[key];
    else node[key] = value;
  } else if (action === "splice") node.splice(at, count, value);
  else if (action === "move") node.unshift(...node.splice(at, 1));
  else if (action === "reverse") node.reverse();
  else if (action === "filter" || action === "delete") node.splice(0, node.length, ...node.filter((_, index) => index % 2));
  else if (action === "assign" && at < node.length) node[at] = value;
  else node.push(value);
}

/** Freezes what it can, so that a change in place throws. */
export function deepFreeze<T>(value: T): T {
  if ((Array.isArray(value) || isPlain(value)) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key of Object.keys(value)) deepFreeze((value as Record<string, unknown>)[key]);
  }
  return value;
}
