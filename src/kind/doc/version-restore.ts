/**
 * Goes back to an earlier state of a document, by edits: what was deleted since is inserted again, what came since is deleted, and what
 * was there all the time is left alone.
 *
 * So it is an edit like another: it can be undone, it has an author, and what others write meanwhile stays where it was written.
 * Always: a document that nobody else edits shows what the version shows; one that does already is not edited.
 * Rules: docs/protocol/doc-versions.md VDOC11-VDOC13, VDOC18.
 */
import { isSame } from "../same.ts";
import { shown } from "./version-diff.ts";
import { type Attributes, isEqual, isType, type YDoc, type YType } from "./version-items.ts";
import { isClassed, isText, type Order, orderOf, partsOf } from "./version-parts.ts";

/** The document that is edited: a `Y.Doc`, in a transaction. */
export interface EditableDoc extends YDoc {
  getText(name: string): unknown;
  getMap(name: string): unknown;
  getArray(name: string): unknown;
  getXmlFragment(name: string): unknown;
}

interface EditableText extends YType {
  applyDelta(delta: readonly Delta[]): void;
}
interface EditableList extends YType {
  insert(index: number, values: readonly unknown[]): void;
  delete(index: number, length: number): void;
}
interface EditableMap extends YType {
  set(key: string, value: unknown): void;
  delete(key: string): void;
}
interface WithAttributes extends YType {
  setAttribute(key: string, value: unknown): void;
  removeAttribute(key: string): void;
}

type Delta =
  | { readonly retain: number; readonly attributes?: Attributes }
  | { readonly delete: number }
  | { readonly insert: unknown; readonly attributes?: Attributes };

export function restoreDoc(doc: EditableDoc, version: YDoc): void {
  const order = orderOf(doc, version);
  for (const name of new Set([...doc.share.keys(), ...version.share.keys()])) {
    const type = rootOf(doc, name, version.share.get(name));
    if (type) restoreType(type, version.share.get(name), order);
  }
}

/** Yjs does not keep of which class a root is: what is in it tells, here or there. Nothing: it is empty. */
function rootOf(doc: EditableDoc, name: string, there: YType | undefined): YType | undefined {
  const here = doc.share.get(name);
  if (here && isClassed(here)) return here;
  for (const type of [there, here]) {
    if (!type) continue;
    if ([...type._map.values()].some(({ deleted }) => !deleted)) return doc.getMap(name) as YType;
    if (isText(type)) return doc.getText(name) as YType;
    const parts = partsOf(undefined, type, "neither");
    const first = parts[0]?.to?.[0];
    if (parts.length) return (isXml(first) ? doc.getXmlFragment(name) : doc.getArray(name)) as YType;
  }
  return undefined;
}

function isXml(value: unknown): boolean {
  return isType(value) && "toDOM" in value;
}

function restoreType(type: YType, version: YType | undefined, order: Order): void {
  restoreKeys(type, version, order);
  if ("applyDelta" in type) restoreText(type as EditableText, version, order);
  else if ("insert" in type) restoreList(type as EditableList, version, order);
}

function restoreKeys(type: YType, version: YType | undefined, order: Order): void {
  for (const key of new Set([...type._map.keys(), ...(version?._map.keys() ?? [])])) {
    const now = shown(type._map.get(key));
    const then = shown(version?._map.get(key));
    if (!then) {
      if (now) unset(type, key);
    } else if (now && isSameClass(now.value, then.value)) restoreType(now.value as YType, then.value as YType, order);
    else if (!now || !isEqual(now.value, then.value)) set(type, key, copy(then.value));
  }
}

// What stands under a key in a list nobody sees.
function set(type: YType, key: string, value: unknown): void {
  if ("set" in type) (type as EditableMap).set(key, value);
  else if ("setAttribute" in type) (type as WithAttributes).setAttribute(key, value);
}

function unset(type: YType, key: string): void {
  if ("set" in type) (type as EditableMap).delete(key);
  else if ("removeAttribute" in type) (type as WithAttributes).removeAttribute(key);
}

function isSameClass(one: unknown, other: unknown): boolean {
  if (!isType(one) || !isType(other) || one.constructor !== other.constructor) return false;
  const [name, otherName] = [one, other].map((type) => (type as { readonly nodeName?: string }).nodeName);
  return name === otherName;
}

function restoreText(text: EditableText, version: YType | undefined, order: Order): void {
  const delta: Delta[] = [];
  for (const { from, to, fromAttributes, toAttributes } of partsOf(text, version, order)) {
    if (!from && to) {
      // Yjs writes into what it is given.
      if (typeof to === "string") delta.push({ insert: to, attributes: { ...toAttributes } });
      else {
        const values = to.map(copy).filter((value) => (value ?? null) !== null);
        for (const value of values) delta.push({ insert: value, attributes: { ...toAttributes } });
      }
    } else if (from && !to) delta.push({ delete: from.length });
    else if (from) {
      const attributes = changeOf(fromAttributes, toAttributes);
      delta.push({ retain: from.length, ...(attributes && { attributes }) });
    }
  }
  if (delta.some((step) => !("retain" in step) || step.attributes)) text.applyDelta(delta);
}

/** What makes the one of the other; null takes away. */
function changeOf(now: Attributes, then: Attributes): Attributes | undefined {
  const change: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(now), ...Object.keys(then)])) {
    if (!isSame(now[key], then[key])) change[key] = then[key] ?? null;
  }
  return Object.keys(change).length ? change : undefined;
}

function restoreList(list: EditableList, version: YType | undefined, order: Order): void {
  let index = 0;
  const kept: [YType, YType][] = [];
  for (const { from, to } of partsOf(list, version, order)) {
    if (from && !to) {
      list.delete(index, from.length);
      continue;
    }
    if (!from && to)
      list.insert(
        index,
        Array.from(to, (value) => (typeof value === "bigint" ? null : (copy(value) ?? null))),
      );
    for (let i = 0; from && i < from.length; i++) {
      const [now, then] = [from[i], to?.[i]];
      if (isType(now) && isType(then)) kept.push([now, then]);
    }
    index += to?.length ?? 0;
  }
  for (const [now, then] of kept) restoreType(now, then, order);
}

/** A value of another document, to be put into this one: null for what Yjs would not take of anybody. */
function copy(value: unknown): unknown {
  if (isType(value)) return (value as unknown as { clone(): unknown }).clone();
  if (typeof value !== "object" || value === null) return value;
  if (!("guid" in value && value.constructor !== Object && "store" in value)) {
    return [Object, Array, Uint8Array].includes(value.constructor as never) ? value : null;
  }
  const Doc = value.constructor as new (options: object) => unknown;
  const { guid, meta, autoLoad, shouldLoad } = value as { [key: string]: unknown };
  return new Doc({ guid, meta, autoLoad, shouldLoad });
}
