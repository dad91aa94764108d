/**
 * Takes out of a change what was replaced by its like: its beginning and its end are kept.
 *
 * Always: the parts say the same of both states as before; none ends within a pair of surrogates because of it.
 * Rules: docs/protocol/doc-versions.md VDOC10.
 */
import { isSame } from "../same.ts";
import { type Attributes, isEqual, type Values } from "./version-items.ts";

/** A stretch of a text or list. Where both are there, they are the same or were the same item. */
export interface Part {
  readonly from: Values | undefined;
  readonly to: Values | undefined;
  readonly fromAttributes: Attributes;
  readonly toAttributes: Attributes;
  /** Who wrote what is there. */
  readonly client: number;
}

export const noAttributes: Attributes = Object.freeze({});

/** A stretch of one of the two states. */
interface Side {
  readonly values: Values;
  readonly attributes: Attributes;
  readonly client: number;
}

/** What a change puts where it took the same away is no change: its beginning and its end are kept. */
export function trimmed(parts: readonly Part[]): Part[] {
  const result: Part[] = [];
  let changed: Part[] = [];
  const close = (): void => {
    for (const part of trimChange(changed)) result.push(part);
    changed = [];
  };
  for (const part of parts) {
    if (!part.from || !part.to) {
      changed.push(part);
      continue;
    }
    close();
    result.push(part);
  }
  close();
  return joined(result);
}

function trimChange(changed: readonly Part[]): Part[] {
  const gone = changed.flatMap(({ from, fromAttributes, client }) =>
    from ? [{ values: from, attributes: fromAttributes, client }] : [],
  );
  const come = changed.flatMap(({ to, toAttributes, client }) => (to ? [{ values: to, attributes: toAttributes, client }] : []));
  const [goneLength, comeLength] = [lengthOf(gone), lengthOf(come)];
  let head = countLike(gone, come);
  if (head < Math.max(goneLength, comeLength) && isHalf(gone, head - 1, 0xd800)) head--;
  let tail = Math.min(countLike(reversed(gone), reversed(come)), Math.min(goneLength, comeLength) - head);
  if (isHalf(gone, goneLength - tail, 0xdc00) && tail > 0) tail--;
  if (head + tail === 0) return [...changed];
  const [goneEnd, comeEnd] = [goneLength - tail, comeLength - tail];
  const both = ([from, to]: readonly [Side, Side]): Part => partOfSides(from, to);
  return [
    ...overlaps(cut(gone, 0, head), cut(come, 0, head)).map(both),
    ...cut(gone, head, goneEnd).map((side) => partOfSides(side, undefined)),
    ...cut(come, head, comeEnd).map((side) => partOfSides(undefined, side)),
    ...overlaps(cut(gone, goneEnd, goneLength), cut(come, comeEnd, comeLength)).map(both),
  ];
}

function lengthOf(sides: readonly Side[]): number {
  return sides.reduce((sum, { values }) => sum + values.length, 0);
}

/** What lies side by side, from the beginning until one of the two is over. */
function overlaps(one: readonly Side[], other: readonly Side[]): [Side, Side][] {
  const pairs: [Side, Side][] = [];
  let [i, j, iAt, jAt] = [0, 0, 0, 0];
  for (;;) {
    const [a, b] = [one[i], other[j]];
    if (!a || !b) return pairs;
    const length = Math.min(a.values.length - iAt, b.values.length - jAt);
    const part = (side: Side, at: number): Side => ({ ...side, values: side.values.slice(at, at + length) });
    pairs.push([part(a, iAt), part(b, jAt)]);
    iAt += length;
    jAt += length;
    if (iAt === a.values.length) [i, iAt] = [i + 1, 0];
    if (jAt === b.values.length) [j, jAt] = [j + 1, 0];
  }
}

/** So many are the same, from the beginning. */
function countLike(one: readonly Side[], other: readonly Side[]): number {
  let count = 0;
  for (const [a, b] of overlaps(one, other)) {
    if (typeof a.values !== typeof b.values || !isSame(a.attributes, b.attributes)) return count;
    for (let i = 0; i < a.values.length; i++, count++) {
      if (a.values[i] !== b.values[i] && !isEqual(a.values[i], b.values[i])) return count;
    }
  }
  return count;
}

function reversed(sides: readonly Side[]): Side[] {
  const turned = (values: Values): Values =>
    typeof values === "string" ? values.split("").reverse().join("") : [...values].reverse();
  return [...sides].reverse().map((side) => ({ ...side, values: turned(side.values) }));
}

function cut(sides: readonly Side[], from: number, to: number): Side[] {
  let at = 0;
  return sides.flatMap((side) => {
    const start = at;
    at += side.values.length;
    const values = side.values.slice(Math.max(0, from - start), Math.max(0, to - start));
    return values.length ? [{ ...side, values }] : [];
  });
}

function partOfSides(from: Side | undefined, to: Side | undefined): Part {
  return {
    from: from?.values,
    to: to?.values,
    fromAttributes: from?.attributes ?? noAttributes,
    toAttributes: to?.attributes ?? noAttributes,
    client: (to ?? from)?.client ?? 0,
  };
}

/** At that place stands the one half of a pair of surrogates. */
function isHalf(sides: readonly Side[], at: number, first: number): boolean {
  const [side] = at < 0 ? [] : cut(sides, at, at + 1);
  return typeof side?.values === "string" && (side.values.charCodeAt(0) & 0xfc00) === first;
}

/** Those side by side that say the same of their values become one. */
function joined(parts: readonly Part[]): Part[] {
  const result: Part[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    const from = last && plus(last.from, part.from);
    const to = last && plus(last.to, part.to);
    const fits =
      last &&
      from !== null &&
      to !== null &&
      last.client === part.client &&
      isSame(last.fromAttributes, part.fromAttributes) &&
      isSame(last.toAttributes, part.toAttributes);
    if (fits) result[result.length - 1] = { ...last, from: from ?? undefined, to: to ?? undefined };
    else result.push(part);
  }
  return result;
}

/** Null: they are not of a kind. */
function plus(one: Values | undefined, other: Values | undefined): Values | undefined | null {
  if (one === undefined && other === undefined) return undefined;
  if (typeof one === "string" && typeof other === "string") return one + other;
  return Array.isArray(one) && Array.isArray(other) ? [...(one as unknown[]), ...(other as unknown[])] : null;
}
