/** What one reads of a document of a history, as a text that can be compared. */
import type * as Y from "yjs";
import { contentOf } from "../doc/yjs.ts";

/** All that is shown, and the structs that it is made of. */
export function structureOf(doc: Y.Doc): string {
  return written([contentOf(doc), marksOf(doc)]);
}

/** All that is shown, whatever it is made of. */
export function shownBy(doc: Y.Doc): string {
  const { text, ...rest } = contentOf(doc) as { readonly text: readonly Insert[] };
  return written([{ ...rest, text: joined(text), vector: null }, marksOf(doc)]);
}

interface Insert {
  readonly insert: unknown;
  readonly attributes?: object;
}

/** Yjs parts what looks alike where a format stands that has no effect. */
function joined(inserts: readonly Insert[]): readonly Insert[] {
  const all: Insert[] = [];
  for (const next of inserts) {
    const last = all.at(-1);
    const isAlike =
      typeof last?.insert === "string" &&
      typeof next.insert === "string" &&
      written(last.attributes) === written(next.attributes);
    if (isAlike) all[all.length - 1] = { ...next, insert: `${last.insert}${next.insert}` };
    else all.push(next);
  }
  return all;
}

const marksOf = (doc: Y.Doc): string[] => Object.keys(doc.getMap("marks").toJSON()).sort();

const written = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    // The order of keys is nobody's.
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
