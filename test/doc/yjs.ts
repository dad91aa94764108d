/**
 * Yjs documents that were made at random, and what is asked of them.
 *
 * Always: the same seed makes the same documents.
 */
import { createRng, type Rng } from "sente-sync/testing";
import * as Y from "yjs";

/** A document of that client id, which no clock or chance has a part in. */
export function createDoc(clientID: number, gc = true): Y.Doc {
  const doc = new Y.Doc({ gc, guid: "test" });
  doc.clientID = clientID;
  return doc;
}

export function docOf(updates: readonly Uint8Array[], gc = true): Y.Doc {
  const doc = createDoc(1, gc);
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update);
  });
  return doc;
}

/** Nothing waits in it for what it depends upon. */
export function hasPending({ store }: Y.Doc): boolean {
  return store.pendingStructs !== null || store.pendingDs !== null;
}

/** All that one can read of it, and the structs that it is made of. */
export function contentOf(doc: Y.Doc): unknown {
  const text = doc.getText("text");
  const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
  return {
    text: plain(text.toDelta()),
    map: plain(doc.getMap("map").toJSON()),
    list: plain(doc.getArray("list").toJSON()),
    tree: doc.getXmlFragment("tree").toString(),
    vector: [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b),
  };
}

/** Without surrogate pairs: Yjs spoils one that an edit splits, on the side that splits it. */
const texts = ["a", "hello", "ß", "日本", "xy", "\u0000", "line\nline"];
const values: readonly unknown[] = [
  null,
  true,
  1,
  -77,
  1.5,
  2 ** 40,
  "text",
  "x👍🏽y",
  [1, [2, { a: [] }]],
  { k: { deep: ["er"] } },
  new Uint8Array([1, 2, 255]),
];

const edits: Readonly<Record<string, (doc: Y.Doc, rng: Rng) => void>> = {
  insert(doc, rng) {
    const text = doc.getText("text");
    text.insert(rng.int(text.length + 1), rng.pick(texts), rng.chance(0.2) ? { bold: true } : undefined);
  },
  embed(doc, rng) {
    const text = doc.getText("text");
    text.insertEmbed(rng.int(text.length + 1), { image: "x" });
  },
  format(doc, rng) {
    const text = doc.getText("text");
    if (text.length > 1) text.format(rng.int(text.length - 1), 1, { em: rng.pick([true, null]) });
  },
  delete(doc, rng) {
    const text = doc.getText("text");
    if (!text.length) return;
    const at = rng.int(text.length);
    text.delete(at, Math.min(text.length - at, 1 + rng.int(4)));
  },
  set(doc, rng) {
    doc.getMap("map").set(rng.pick(["a", "b", "c"]), rng.pick(values));
  },
  nest(doc, rng) {
    doc.getMap("map").set("inner", new Y.Map([["one", rng.int(9)]]));
  },
  reach(doc, rng) {
    const inner = doc.getMap("map").get("inner");
    if (inner instanceof Y.Map) inner.set(rng.pick(["one", "two"]), rng.pick(texts));
  },
  unset(doc, rng) {
    doc.getMap("map").delete(rng.pick(["a", "b", "inner"]));
  },
  push(doc, rng) {
    const list = doc.getArray("list");
    list.insert(rng.int(list.length + 1), [rng.pick(values), rng.int(100)]);
  },
  drop(doc, rng) {
    const list = doc.getArray("list");
    if (list.length) list.delete(rng.int(list.length), 1);
  },
  element(doc, rng) {
    const tree = doc.getXmlFragment("tree");
    const element = new Y.XmlElement("p");
    element.insert(0, [new Y.XmlText(rng.pick([...texts, "👍"]))]);
    element.setAttribute("class", "wide");
    tree.insert(rng.int(tree.length + 1), [element]);
  },
  subdocument(doc) {
    doc.getMap("map").set("sub", new Y.Doc({ guid: "sub" }));
  },
};

export const editNames: readonly string[] = Object.keys(edits);

/** One edit, in one transaction. */
export function edit(doc: Y.Doc, rng: Rng, origin?: unknown): void {
  doc.transact(() => edits[rng.pick(editNames)]?.(doc, rng), origin);
}

/** The updates of some clients who edit one document, each told of the others now and then: in an order that all can take. */
export function randomUpdates(seed: number | string, { clients = 3, steps = 40 } = {}): readonly Uint8Array[] {
  const rng = createRng(`updates/${seed}`);
  const log: Uint8Array[] = [];
  const docs = Array.from({ length: clients }, (_, index) => {
    const doc = createDoc(1000 + index * 7919 * (1 + rng.int(100_000)));
    doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== "log") log.push(update);
    });
    return { doc, told: 0 };
  });
  for (let i = 0; i < steps; i++) {
    const one = rng.pick(docs);
    if (rng.chance(0.5)) {
      for (; one.told < log.length; one.told++) Y.applyUpdate(one.doc, log[one.told] as Uint8Array, "log");
    }
    for (let n = 1 + rng.int(3); n > 0; n--) edit(one.doc, rng);
  }
  return log;
}
