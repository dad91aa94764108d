/** Going back, and comparing, with documents that were made at random. */
import { createRng } from "sente-sync/testing";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { type DocDiff, diffDocs } from "../../src/kind/doc/version-diff.ts";
import { restoreDoc } from "../../src/kind/doc/version-restore.ts";
import { contentOf, createDoc, docOf, edit } from "./yjs.ts";

interface Insert {
  readonly insert: unknown;
  readonly attributes?: object;
}

const sorted = (attributes: object = {}): string => JSON.stringify(attributes, Object.keys(attributes).toSorted());

function shown(doc: Y.Doc): unknown {
  const { vector: _, text, ...content } = contentOf(doc) as { vector: unknown; text: readonly Insert[] };
  // Where Yjs splits one text in two is a matter of its past.
  const joined: Insert[] = [];
  for (const part of text) {
    const last = joined.at(-1);
    const isMore = typeof part.insert === "string" && typeof last?.insert === "string";
    if (isMore && sorted(last.attributes) === sorted(part.attributes)) {
      joined[joined.length - 1] = { ...last, insert: `${last.insert}${part.insert}` };
    } else joined.push(part);
  }
  return { ...content, text: joined };
}

/** The document with more edits of several clients, some of whom do not know of each other. */
function editMore(update: Uint8Array, seed: string, steps: number): Y.Doc {
  const rng = createRng(seed);
  const docs = [1, 2, 3].map((n) => {
    const doc = createDoc(1000 * n + rng.int(900));
    Y.applyUpdate(doc, update);
    return doc;
  });
  for (let i = 0; i < steps; i++) {
    edit(rng.pick(docs), rng);
    if (!rng.chance(0.2)) continue;
    const [one, other] = [rng.pick(docs), rng.pick(docs)];
    Y.applyUpdate(one, Y.encodeStateAsUpdate(other));
  }
  for (const doc of docs) Y.applyUpdate(docs[0] as Y.Doc, Y.encodeStateAsUpdate(doc));
  return docs[0] as Y.Doc;
}

const empty = Y.encodeStateAsUpdate(new Y.Doc());

test("VDOC11 after a restore a document shows what the version shows, whatever happened between; again, it is not edited", () => {
  for (let seed = 0; seed < 60; seed++) {
    const version = Y.encodeStateAsUpdate(editMore(empty, `before/${seed}`, 25));
    const doc = docOf([Y.encodeStateAsUpdate(editMore(version, `after/${seed}`, 25))]);
    doc.clientID = 77;
    doc.transact(() => restoreDoc(doc, docOf([version])));
    expect(shown(doc), `seed ${seed}`).toEqual(shown(docOf([version])));
    let edits = 0;
    doc.on("update", () => edits++);
    doc.transact(() => restoreDoc(doc, docOf([version])));
    expect(edits, `seed ${seed} again`).toBe(0);
  }
});

test("VDOC11 what was there all the time is left alone: it is the same item, and nested types stay as they are", () => {
  const doc = createDoc(11);
  doc.getText("text").insert(0, "one two");
  doc.getMap("map").set("inner", new Y.Map([["a", 1]]));
  doc.getArray("list").insert(0, [1, new Y.Text("deep"), 3]);
  const inner = doc.getMap("map").get("inner");
  const version = Y.encodeStateAsUpdate(doc);
  doc.getText("text").insert(3, " and a half");
  (inner as Y.Map<unknown>).set("a", 2);
  (doc.getArray("list").get(1) as Y.Text).insert(4, "er");
  doc.getArray("list").delete(2, 1);
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  doc.transact(() => restoreDoc(doc, docOf([version])));
  expect(doc.getText("text").toString()).toBe("one two");
  expect(doc.getMap("map").get("inner")).toBe(inner);
  expect(doc.getArray("list").toJSON()).toEqual([1, "deep", 3]);
  const written = updates.flatMap((update) => Y.decodeUpdate(update).structs).reduce((sum, { length }) => sum + length, 0);
  expect(written).toBe(2);
});

test("VDOC11 a version of another past, as of a document that began anew, is put in the place of what is there", () => {
  const other = createDoc(9);
  other.getText("text").insert(0, "of the old document");
  const doc = createDoc(11);
  doc.getText("text").insert(0, "of the new document");
  doc.getMap("map").set("a", 1);
  doc.transact(() => restoreDoc(doc, docOf([Y.encodeStateAsUpdate(other)])));
  expect([doc.getText("text").toString(), doc.getMap("map").toJSON()]).toEqual(["of the old document", {}]);
});

test("VDOC8 of a text all parts are told, which add up to both states, forwards and backwards", () => {
  const textOf = (diff: DocDiff, ops: readonly string[], without: string): string => {
    const of = diff.find(({ path }) => path.length === 1 && path[0] === "text");
    if (!of || !("parts" in of)) return without;
    return of.parts.flatMap(({ op, text }) => (text !== undefined && ops.includes(op) ? [text] : [])).join("");
  };
  let changed = 0;
  for (let seed = 0; seed < 40; seed++) {
    const one = editMore(empty, `one/${seed}`, 20);
    const other = editMore(Y.encodeStateAsUpdate(one), `other/${seed}`, 20);
    const [before, after] = [one, other].map((doc) => doc.getText("text").toString()) as [string, string];
    if (before !== after) changed++;
    for (const [from, to, was, is] of [
      [one, other, before, after],
      [other, one, after, before],
    ] as const) {
      const diff = diffDocs(from, to, () => "somebody");
      expect(textOf(diff, ["keep", "format", "delete"], was), `seed ${seed}`).toBe(was);
      expect(textOf(diff, ["keep", "format", "insert"], is), `seed ${seed}`).toBe(is);
    }
    expect(diffDocs(other, other, () => "nobody")).toEqual([]);
  }
  expect(changed).toBeGreaterThan(30);
});

test("VDOC8, VDOC9 lists, keys and formats are told by their paths, with who wrote what is there now, and nobody for what is not", () => {
  const ada = createDoc(11);
  ada.getText("text").insert(0, "hello big world");
  ada.getArray("list").insert(0, ["a", "b", new Y.Map([["x", 1]])]);
  ada.getMap("map").set("kept", 1);
  ada.getMap("map").set("gone", 2);
  const bob = createDoc(2);
  Y.applyUpdate(bob, Y.encodeStateAsUpdate(ada));
  const before = docOf([Y.encodeStateAsUpdate(ada)]);
  bob.getText("text").delete(6, 4);
  bob.getText("text").insert(11, "!");
  bob.getText("text").format(0, 5, { bold: true });
  bob.getArray("list").delete(0, 1);
  (bob.getArray("list").get(1) as Y.Map<unknown>).set("x", 2);
  bob.getMap("map").delete("gone");
  bob.getMap("map").set("new", [1]);
  ada.getArray("list").insert(3, [9]);
  Y.applyUpdate(bob, Y.encodeStateAsUpdate(ada));
  const diff = diffDocs(before, bob, (client) => ({ 11: "ada", 2: "bob" })[client]);
  expect(diff).toEqual([
    {
      path: ["text"],
      parts: [
        { op: "format", text: "hello", attributes: { bold: true } },
        { op: "keep", text: " " },
        { op: "delete", text: "big " },
        { op: "keep", text: "world" },
        { op: "insert", text: "!", by: "bob" },
      ],
    },
    {
      path: ["list"],
      parts: [
        { op: "delete", values: ["a"] },
        { op: "keep", values: ["b", { x: 2 }] },
        { op: "insert", values: [9], by: "ada" },
      ],
    },
    { path: ["list", 1, "x"], before: 1, after: 2, by: "bob" },
    { path: ["map", "gone"], before: 2, after: undefined },
    { path: ["map", "new"], before: undefined, after: [1], by: "bob" },
  ]);
});

test("VDOC10 what was replaced by its like is no change, and no pair of surrogates is split", () => {
  const doc = createDoc(11);
  doc.getText("text").insert(0, "a😀b");
  const before = docOf([Y.encodeStateAsUpdate(doc)]);
  doc.getText("text").delete(0, 4);
  doc.getText("text").insert(0, "a😁b");
  const [diff] = diffDocs(before, doc, () => "ada");
  expect(diff).toEqual({
    path: ["text"],
    parts: [
      { op: "keep", text: "a" },
      { op: "delete", text: "😀" },
      { op: "insert", text: "😁", by: "ada" },
      { op: "keep", text: "b" },
    ],
  });
  doc.getText("text").delete(0, 4);
  doc.getText("text").insert(0, "a😀b");
  expect(diffDocs(before, doc, () => "ada")).toEqual([]);
});
