/** Where items stand: how deep in types, and under keys. What Yjs could not bear is refused, and nothing that honest pages write. */
import { createRng, type Rng } from "sente-sync/testing";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { DocAuthority } from "../../src/kind/doc/authority.ts";
import { createWorld } from "./world.ts";
import { createDoc, docOf } from "./yjs.ts";

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return "taken";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

/** A type in a type in a type: one update for each, and all of them at once. */
function nested(depth: number): { readonly updates: Uint8Array[]; readonly all: Uint8Array } {
  const doc = createDoc(1000);
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => void updates.push(update));
  let map = doc.getMap<unknown>("map");
  for (let i = 0; i < depth; i++) {
    const inner = new Y.Map<unknown>();
    // Behind a letter, some of them: what is beside another says no more where it stands.
    if (i % 3) map.set("in", inner);
    else {
      const list = new Y.Array<unknown>();
      map.set("list", list);
      list.push(["letter", inner]);
    }
    map = inner;
  }
  return { updates, all: Y.encodeStateAsUpdate(doc) };
}

test("DOC64 types stand within each other so deep and no deeper, however they came, also after a restart", () => {
  const { updates, all } = nested(300);
  const whole = new DocAuthority();
  expect(codeOf(() => whole.decide(all, "ada", 0))).toBe("too-deep");
  let authority = new DocAuthority();
  const taken = updates.findIndex((update, index) => {
    if (index % 50 === 0) {
      const again = new DocAuthority();
      again.load(authority.snapshot());
      if (index % 100 === 0 && authority.updates.length) again.compact(again.updates.length, Y.mergeUpdates([...again.updates]));
      authority = again;
    }
    let code = "taken";
    try {
      const entry = authority.decide(update, "ada", 0);
      if (entry) authority.apply(entry);
    } catch (error) {
      ({ code } = error as { code: string });
    }
    return code === "too-deep";
  });
  // 257 types, of which every third step has two.
  expect(taken).toBeGreaterThan(180);
  const doc = docOf(authority.updates);
  doc.getMap("map").toJSON();
  for (const key of [...doc.getMap("map").keys()]) doc.getMap("map").delete(key);
  // What is beside it may still be written.
  const more = createDoc(2000);
  more.getMap("map").set("other", new Y.Array());
  expect(authority.decide(Y.encodeStateAsUpdate(more), "bob", 0)).toBeDefined();
});

test("DOC64 a client's update that is too deep is refused, and the server's own leaves nothing", async () => {
  const world = createWorld();
  const mallory = await world.hostile();
  expect((await mallory.write(nested(300).all)).code).toBe("too-deep");
  const served = await world.family.open({ id: "1" });
  const deep = (note: Y.Doc): void => {
    let map = note.getMap<unknown>("map");
    for (let i = 0; i < 300; i++) map = map.set("in", new Y.Map<unknown>());
  };
  expect(() => served.transact(deep)).toThrow(/within at most 256/);
  served.transact((note) => note.getText("text").insert(0, "goes on"));
  expect([served.read((note) => note.getMap("map").size), served.updates.length]).toEqual([0, 1]);
});

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}
const text = (value: string): number[] => {
  const bytes = new TextEncoder().encode(value);
  return [...varint(bytes.length), ...bytes];
};

/** Structs as nobody but somebody hostile makes them: any content beside, within or under the key of anything. */
function anyUpdate(client: number, vector: ReadonlyMap<number, number>, rng: Rng): Uint8Array {
  const first = vector.get(client) ?? 0;
  let clock = first;
  const anyId = (): number[] => {
    const all = [...vector].filter(([other, end]) => other !== client && end > 0);
    if (clock > 0) all.push([client, clock]);
    const [other, end] = rng.pick(all);
    return [...varint(other), ...varint(rng.int(end))];
  };
  const contents: readonly (() => readonly [kind: number, length: number, ...bytes: number[]])[] = [
    () => [1, 2, 2],
    () => [2, 2, 2, ...text("1"), ...text("undefined")],
    () => [4, 3, ...text("abc")],
    () => [5, 1, ...text("{}")],
    () => [6, 1, ...text("bold"), ...text("true")],
    () => [7, 1, rng.pick([0, 1, 2, 4, 6])],
    () => [8, 1, 1, 120],
    () => [8, 3, 3, 125, 1, 126, 119, ...text("x")],
  ];
  const body: number[] = [];
  const count = 1 + rng.int(4);
  for (let i = 0; i < count; i++) {
    const hasOthers = clock > 0 || vector.size > 0;
    const [kind, length, ...content] = rng.pick(contents)();
    const info = (hasOthers && rng.chance(0.6) ? 128 : 0) + (hasOthers && rng.chance(0.3) ? 64 : 0);
    const key = rng.chance(0.3) ? 32 : 0;
    body.push(kind + info + key);
    if (info & 128) body.push(...anyId());
    if (info & 64) body.push(...anyId());
    if (!info) {
      body.push(...(hasOthers && rng.chance(0.5) ? [0, ...anyId()] : [1, ...text(rng.pick(["text", "map", "list"]))]));
      if (key) body.push(...text(rng.pick(["a", "b"])));
    }
    body.push(...content);
    clock += length;
  }
  const at = rng.int(clock);
  const deleted = rng.chance(0.5) ? [1, ...varint(client), 1, ...varint(at), ...varint(1 + rng.int(clock - at))] : [0];
  return Uint8Array.from([1, count, ...varint(client), ...varint(first), ...body, ...deleted]);
}

test("DOC65 what passes makes Yjs throw for nobody: not who has it all, nor who has it bit by bit, nor who deletes it", () => {
  let refused = 0;
  let taken = 0;
  for (let seed = 0; seed < 700; seed++) {
    const rng = createRng(`places ${seed}`);
    const authority = new DocAuthority();
    const doc = createDoc(1);
    for (let i = 0; i < 20; i++) {
      const update = anyUpdate(1000 + rng.int(3), authority.vector, rng);
      const code = codeOf(() => {
        const entry = authority.decide(update, "ada", 0);
        if (entry) authority.apply(entry);
      });
      if (code === "taken") taken++;
      else {
        expect(code, `seed ${seed}`).toBe("invalid");
        refused++;
        continue;
      }
      Y.applyUpdate(doc, update);
      expect(doc.store.pendingStructs).toBeNull();
    }
    const fresh = docOf(authority.updates);
    for (const each of [doc, fresh]) {
      const [words, map, list] = [each.getText("text"), each.getMap("map"), each.getArray("list")];
      each.transact(() => {
        for (const key of [...map.keys()]) map.delete(key);
        list.delete(0, list.length);
        words.delete(0, words.length);
      });
      Y.applyUpdate(createDoc(2), Y.encodeStateAsUpdate(each));
    }
  }
  expect(taken).toBeGreaterThan(5000);
  expect(refused).toBeGreaterThan(500);
});

test("DOC64, DOC65 what honest pages write passes: maps, trees, undo, with and without what was deleted, whoever brings it", () => {
  for (let seed = 0; seed < 80; seed++) {
    const rng = createRng(`honest ${seed}`);
    const authority = new DocAuthority();
    const server = createDoc(1, rng.chance(0.5));
    const pages = [1000, 1001, 1002].map((client) => createDoc(client, rng.chance(0.5)));
    const undos = pages.map(
      (page) => new Y.UndoManager([page.getMap("map"), page.getXmlFragment("tree")], { captureTimeout: 0 }),
    );
    const send = (page: Y.Doc): void => {
      const update = Y.encodeStateAsUpdate(page, Y.encodeStateVector(server));
      const entry = authority.decide(update, "ada", 0);
      if (entry) authority.apply(entry);
      Y.applyUpdate(server, update);
    };
    for (let i = 0; i < 40; i++) {
      const at = rng.int(3);
      const page = pages[at] as Y.Doc;
      const map = page.getMap<unknown>("map");
      const inner = map.get("in");
      const tree = page.getXmlFragment("tree");
      rng.pick([
        () => map.set(rng.pick(["a", "b"]), i),
        () => map.set("in", new Y.Map([["z", i]])),
        () => inner instanceof Y.Map && inner.set("z", i),
        () => map.delete("a"),
        () => page.transact(() => [1, 2, 3].map((value) => map.set("a", value))),
        () => {
          const element = new Y.XmlElement("p");
          element.setAttribute("class", "x");
          element.insert(0, [new Y.XmlText("words")]);
          tree.insert(rng.int(tree.length + 1), [element]);
        },
        () => tree.length && tree.delete(rng.int(tree.length), 1),
        () => undos[at]?.undo(),
        () => undos[at]?.redo(),
      ])();
      if (rng.chance(0.3)) send(page);
      if (rng.chance(0.3)) Y.applyUpdate(page, Y.encodeStateAsUpdate(rng.pick([server, ...pages]), Y.encodeStateVector(page)));
      if (rng.chance(0.05) && authority.updates.length) {
        authority.compact(authority.updates.length, Y.encodeStateAsUpdate(server));
      }
      if (rng.chance(0.05)) authority.load(authority.snapshot());
    }
    for (const page of pages) send(page);
  }
});
