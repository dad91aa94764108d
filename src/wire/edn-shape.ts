/**
 * What the EDN reader remembers of the maps it has read.
 *
 * Maps of one kind have the same keys in the same order, so the reader remembers which key followed which: a tree, where
 * the way from the root to a node is a list of different keys. A key that is the expected one needs no slice, no look-up,
 * no check of its name and no search for a duplicate.
 *
 * Always: at most `maxShapes` nodes, then it forgets them all; a wrong guess costs time, never a wrong value.
 * Rules: docs/protocol.md EDN1, EDN3.
 */
import { propertyOf } from "./plain.ts";
import { detach } from "./utf8.ts";

export interface Shape {
  /** The key as it stands in the text: `:a`, or `"a b"`. */
  readonly raw: string;
  /** The property it is in a plain object. */
  readonly key: string;
  /** How many keys lead here. */
  readonly count: number;
  readonly followers: Map<string, Shape>;
  /** The key that followed last. */
  next: Shape | undefined;
  /** The first key of the last map that stood under this key. */
  inner: Shape | undefined;
}

const maxRawLength = 80;
const maxCount = 64;
const maxShapes = 2048;
let shapes = 0;
let root = createShape("", "", 0);

/** Where a message begins. */
export function startShapes(): Shape {
  if (shapes >= maxShapes) {
    shapes = 0;
    root = createShape("", "", 0);
  }
  return root;
}

function createShape(raw: string, property: string, count: number): Shape {
  shapes++;
  // A property's own text is found faster than an equal one.
  const key = Object.keys({ [property]: 0 })[0] as string;
  return { raw, key, count, followers: new Map(), next: undefined, inner: undefined };
}

/** The shape with one key more, which stood in the text as `raw`; nothing if a plain object cannot have it, or `object` has it. */
export function nextShape(shape: Shape, raw: string, key: unknown, object: object): Shape | undefined {
  if (raw.length > maxRawLength) return undefined;
  const known = shape.followers.get(raw);
  const property = propertyOf(key);
  // Whatever Object.prototype has, `__proto__` above all, is not for assignment.
  if (known || property === undefined || property in object) return known;
  if (shapes >= maxShapes || shape.count === maxCount || !/^[:"][^\0]*$/.test(raw)) return undefined;
  const next = createShape(detach(raw), property, shape.count + 1);
  shape.followers.set(next.raw, next);
  return next;
}
