/**
 * What changed between two states of a document, and by whom.
 *
 * Who inserted or set something is known by the client id of the item that shows it. Yjs does not say who deleted something, so nobody
 * is named there.
 * Always: a text or list is told as all of its parts, in order, only where something of it changed; without changes it is empty.
 * Rules: docs/protocol/doc-versions.md VDOC8-VDOC10.
 */
import { isSame } from "../same.ts";
import { type Attributes, isEqual, isType, plain, valuesOf, type YDoc, type YItem, type YType } from "./version-items.ts";
import { isText, type Order, orderOf, partsOf } from "./version-parts.ts";
import type { Part } from "./version-trim.ts";

/** The id of a user; null: the server; undefined: not known. */
export type Author = string | null | undefined;

/** A stretch of a text or list. */
export interface DiffPart {
  /** `format`: the same text with other attributes. */
  readonly op: "keep" | "insert" | "delete" | "format";
  /** Letters; absent where it is not letters. */
  readonly text?: string;
  /** Elements of a list, or what is embedded in a text; absent for letters. */
  readonly values?: readonly unknown[];
  /** What it is formatted with, where it is: now, or before it was deleted. */
  readonly attributes?: Attributes;
  /** Who inserted it. */
  readonly by?: Author;
}

/** A text or list of which something changed. */
export interface DiffOfParts {
  /** The root's name, then keys and indices. */
  readonly path: readonly (string | number)[];
  readonly parts: readonly DiffPart[];
}

/** A value under a key that was set, replaced or deleted. */
export interface DiffOfValue {
  readonly path: readonly (string | number)[];
  /** Undefined: there was none. */
  readonly before: unknown;
  /** Undefined: it was deleted. */
  readonly after: unknown;
  readonly by?: Author;
}

export type DocDiff = readonly (DiffOfParts | DiffOfValue)[];

/** Of an owner of client ids; what nobody claimed is the server's. */
export function authorOf(owner: string | undefined, authors: ReadonlyMap<string, string>): Author {
  return owner ? authors.get(owner) : null;
}

export function diffDocs(from: YDoc, to: YDoc, authorOf: (client: number) => Author): DocDiff {
  const order = orderOf(from, to);
  const names = new Set([...from.share.keys(), ...to.share.keys()]);
  const found: (DiffOfParts | DiffOfValue)[] = [];
  for (const name of names) diffType(found, [name], from.share.get(name), to.share.get(name), order, authorOf);
  return found;
}

function diffType(
  found: (DiffOfParts | DiffOfValue)[],
  path: readonly (string | number)[],
  from: YType | undefined,
  to: YType | undefined,
  order: Order,
  authorOf: (client: number) => Author,
): void {
  for (const key of new Set([...(from?._map.keys() ?? []), ...(to?._map.keys() ?? [])])) {
    const before = shown(from?._map.get(key));
    const after = shown(to?._map.get(key));
    const at = [...path, key];
    if (!before && !after) continue;
    if (isType(before?.value) && isType(after?.value) && before.value.constructor === after.value.constructor) {
      diffType(found, at, before.value, after.value, order, authorOf);
      continue;
    }
    if (before && after && isEqual(before.value, after.value)) continue;
    const by = after && authorOf(after.client);
    found.push({ path: at, before: plain(before?.value), after: plain(after?.value), ...(by !== undefined && { by }) });
  }
  const parts = partsOf(from, to, order);
  const isLetters = isText(to) || isText(from);
  const told = parts.map((part) => tell(part, authorOf));
  if (told.some(({ op }) => op !== "keep")) found.push({ path, parts: merged(told) });
  if (isLetters) return;
  let index = 0;
  for (const part of parts) {
    for (let i = 0; i < (part.to?.length ?? 0); i++, index++) {
      const [before, after] = [part.from?.[i], part.to?.[i]];
      if (isType(before) && isType(after)) diffType(found, [...path, index], before, after, order, authorOf);
    }
  }
}

/** The value under a key; of what was deleted, nothing. */
export function shown(item: YItem | undefined): { readonly value: unknown; readonly client: number } | undefined {
  if (!item || item.deleted) return undefined;
  const values = valuesOf(item);
  return { value: typeof values === "string" ? values : values[values.length - 1], client: item.id.client };
}

function tell({ from, to, fromAttributes, toAttributes, client }: Part, authorOf: (client: number) => Author): DiffPart {
  const values = to ?? from ?? [];
  const what = typeof values === "string" ? { text: values } : { values: values.map(plain) };
  const attributes = to ? toAttributes : fromAttributes;
  const how = Object.keys(attributes).length ? { attributes } : {};
  if (!to) return { op: "delete", ...what, ...how };
  if (from) return { op: isSame(fromAttributes, toAttributes) ? "keep" : "format", ...what, ...how };
  const by = authorOf(client);
  return { op: "insert", ...what, ...how, ...(by !== undefined && { by }) };
}

function merged(parts: readonly DiffPart[]): DiffPart[] {
  const result: DiffPart[] = [];
  for (const { text, values, ...how } of parts) {
    const last = result.at(-1);
    const { text: lastText, values: lastValues, ...lastHow } = last ?? {};
    if (last && isSame(how, lastHow) && (text === undefined) === (lastText === undefined)) {
      const more = text === undefined ? { values: [...(lastValues ?? []), ...(values ?? [])] } : { text: `${lastText}${text}` };
      result[result.length - 1] = { ...how, ...more };
    } else result.push({ ...how, ...(text === undefined ? { values: values ?? [] } : { text }) });
  }
  return result;
}
