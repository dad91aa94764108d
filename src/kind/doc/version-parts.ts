/**
 * What two states of one document have in common, part by part: the base of a difference, and of going back.
 *
 * Whoever has seen the other's structs has all of its items in its own list, what was deleted included; so their ids say what was kept,
 * and where the rest belongs. What was replaced by its like is kept as well.
 * Always: the `from` values of all parts, joined, are the one state, their `to` values the other.
 * Rules: docs/protocol/doc-versions.md VDOC8-VDOC11, VDOC18.
 */
import { type Attributes, refs, type Values, valuesOf, type YDoc, type YType } from "./version-items.ts";
import { noAttributes, type Part, trimmed } from "./version-trim.ts";

/** Which of two documents has the structs of the other; neither, where they are not of one history. */
export type Order = "from" | "to" | "neither";

interface Run {
  readonly client: number;
  readonly clock: number;
  readonly length: number;
  /** Undefined: deleted. */
  readonly values: Values | undefined;
  readonly attributes: Attributes;
}

export function orderOf(from: YDoc, to: YDoc): Order {
  if (isWithin(from, to)) return "to";
  return isWithin(to, from) ? "from" : "neither";
}

function isWithin(one: YDoc, other: YDoc): boolean {
  return [...one.store.clients].every(([client, structs]) => endOf(structs) <= endOf(other.store.clients.get(client)));
}

function endOf(structs: readonly { readonly id: { readonly clock: number }; readonly length: number }[] | undefined): number {
  const last = structs?.[structs.length - 1];
  return last ? last.id.clock + last.length : 0;
}

/** What a text shows; it passes over everything else. */
const inText: ReadonlySet<number> = new Set([refs.string, refs.embed, refs.type]);

function runsOf(type: YType | undefined, isLetters: boolean): Run[] {
  const runs: Run[] = [];
  let attributes = noAttributes;
  for (let item = type?._start ?? null; item; item = item.right) {
    const { id, length, deleted, content } = item;
    if (content.getRef() === refs.format) {
      const { key, value } = content as unknown as { readonly key: string; readonly value: unknown };
      const { [key]: _, ...others } = attributes;
      if (!deleted) attributes = value === null ? others : { ...others, [key]: value };
      continue;
    }
    if (isLetters && !deleted && !inText.has(content.getRef())) continue;
    runs.push({ client: id.client, clock: id.clock, length, values: deleted ? undefined : valuesOf(item), attributes });
  }
  return runs;
}

const ofText: ReadonlySet<number> = new Set([refs.string, refs.embed, refs.format]);

/** It is one, or has in it what only texts have. */
export function isText(type: YType | undefined): boolean {
  if (!type || "applyDelta" in type) return type !== undefined;
  for (let item = type._start; item; item = item.right) if (ofText.has(item.content.getRef())) return true;
  return false;
}

/** Yjs knows of what class it is. */
export function isClassed(type: YType): boolean {
  return "insert" in type || "set" in type;
}

/** As their class says, else as the later one looks, where there is something in it. */
function areLetters(from: YType | undefined, to: YType | undefined): boolean {
  const classed = [from, to].find((type) => type && isClassed(type));
  if (classed) return "applyDelta" in classed;
  return isText(to?._start ? to : from);
}

/** The parts in their order. */
export function partsOf(from: YType | undefined, to: YType | undefined, order: Order): Part[] {
  const isLetters = areLetters(from, to);
  const own = runsOf(from, isLetters);
  const other = runsOf(to, isLetters);
  if (order === "to") return trimmed(aligned(other, own).map(([t, f]) => partOf(f, t)));
  if (order === "from") return trimmed(aligned(own, other).map(([f, t]) => partOf(f, t)));
  const there = own.filter(({ values }) => values).map((run) => partOf(run, undefined));
  return trimmed([...there, ...other.filter(({ values }) => values).map((run) => partOf(undefined, run))]);
}

function partOf(from: Run | undefined, to: Run | undefined): Part {
  return {
    from: from?.values,
    to: to?.values,
    fromAttributes: from?.attributes ?? noAttributes,
    toAttributes: to?.attributes ?? noAttributes,
    client: (to?.values ? to : from)?.client ?? 0,
  };
}

/** Goes through the list that has all of both; pairs of its runs and the other's, of the same ids. */
function aligned(whole: readonly Run[], part: readonly Run[]): [Run, Run | undefined][] {
  const byClient = new Map<number, Run[]>();
  for (const run of part) {
    if (!run.values) continue;
    const own = byClient.get(run.client);
    if (own) own.push(run);
    else byClient.set(run.client, [run]);
  }
  for (const own of byClient.values()) own.sort((a, b) => a.clock - b.clock);
  const pairs: [Run, Run | undefined][] = [];
  for (const run of whole) {
    const own = byClient.get(run.client) ?? [];
    const end = run.clock + run.length;
    let at = run.clock;
    for (let i = firstPast(own, at); at < end; ) {
      const next = own[i];
      const isIn = next !== undefined && next.clock <= at;
      const to = Math.min(end, next === undefined ? end : isIn ? next.clock + next.length : next.clock);
      const cut = sliced(run, at, to);
      const same = isIn ? sliced(next, at, to) : undefined;
      if (cut.values || same) pairs.push([cut, same]);
      if (isIn) i++;
      at = to;
    }
  }
  return pairs;
}

/** The first that ends behind that clock. */
function firstPast(runs: readonly Run[], clock: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { clock: start, length } = runs[middle] as Run;
    if (start + length > clock) high = middle;
    else low = middle + 1;
  }
  return low;
}

function sliced(run: Run, from: number, to: number): Run {
  const start = from - run.clock;
  return { ...run, clock: from, length: to - from, values: run.values?.slice(start, start + to - from) };
}
