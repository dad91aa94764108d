/** Our reader of Yjs updates beside Yjs itself: what it reads, what it refuses, and what it leaves of an update. */
import { isSyncError } from "sente-sync";
import { createRng } from "sente-sync/testing";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { type Judged, judgeUpdate } from "../../src/kind/doc/judge.ts";
import { trimUpdate } from "../../src/kind/doc/trim.ts";
import { UpdateReader } from "../../src/kind/doc/update.ts";
import { advance, readVector, type StateVector, writeVector } from "../../src/kind/doc/vector.ts";
import { contentOf, createDoc, docOf, edit, hasPending, randomUpdates } from "./yjs.ts";

/** What `run` throws: a SyncError, or the test fails. */
function refusal(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isSyncError(error)) throw error;
    return error.code;
  }
}

const vectorOf = (doc: Y.Doc): StateVector => readVector(Y.encodeStateVector(doc));

test("DOC3 an update is read as Yjs reads it: structs, lengths, ids and deleted ranges", () => {
  for (let seed = 0; seed < 25; seed++) {
    const log = randomUpdates(seed);
    for (const update of [...log, Y.encodeStateAsUpdate(docOf(log)), Y.mergeUpdates([...log])]) {
      const { structs, ds } = Y.decodeUpdate(update);
      const reader = new UpdateReader(update);
      const read: unknown[] = [];
      while (reader.next()) read.push([reader.client, reader.clock, reader.length, reader.originClient, reader.rightClient]);
      const theirs = structs.map((struct) => {
        const { origin, rightOrigin } = struct as Y.Item;
        return [struct.id.client, struct.id.clock, struct.length, origin?.client ?? -1, rightOrigin?.client ?? -1];
      });
      expect(read).toEqual(theirs);
      const deleted: unknown[] = [];
      while (reader.nextDeleted()) deleted.push([reader.client, reader.clock, reader.length]);
      expect(deleted).toEqual([...ds.clients].flatMap(([client, items]) => items.map(({ clock, len }) => [client, clock, len])));
    }
  }
});

test("DOC3 a vector is that of Yjs", () => {
  for (let seed = 0; seed < 30; seed++) {
    const log = randomUpdates(seed);
    const vector = new Map<number, number>();
    for (const update of log) advance(vector, update);
    const theirs = vectorOf(docOf(log));
    expect(vector).toEqual(new Map(theirs));
    expect(readVector(writeVector(vector))).toEqual(vector);
    const merged = new Map<number, number>();
    advance(merged, Y.encodeStateAsUpdate(docOf(log)));
    expect(merged).toEqual(new Map(theirs));
  }
});

test("DOC5 what honest clients write in order passes, and adds up to the vector of Yjs", () => {
  for (let seed = 0; seed < 30; seed++) {
    const vector = new Map<number, number>();
    for (const update of randomUpdates(seed)) {
      const { added, isPartlyKnown } = judgeUpdate(update, vector);
      expect(isPartlyKnown).toBe(false);
      for (const [client, clock] of added) vector.set(client, clock);
    }
    const log = randomUpdates(seed);
    expect(vector).toEqual(new Map(vectorOf(docOf(log))));
    // All at once, in whatever order of clients Yjs writes.
    expect(new Map(judgeUpdate(Y.encodeStateAsUpdate(docOf(log)), new Map()).added)).toEqual(vector);
  }
});

test("DOC5 what passes is integrated at once, and what would wait is refused", () => {
  const counts = { passed: 0, refused: 0 };
  for (let seed = 0; seed < 80; seed++) {
    const rng = createRng(`gaps/${seed}`);
    const log = randomUpdates(seed, { steps: 15 });
    const doc = createDoc(1);
    for (const update of log) {
      if (rng.chance(0.2)) continue;
      const code = refusal(() => judgeUpdate(update, vectorOf(doc)));
      if (code === undefined) {
        counts.passed++;
        Y.applyUpdate(doc, update);
        expect(hasPending(doc)).toBe(false);
      } else {
        expect(code).toBe("gap");
        const copy = docOf([Y.encodeStateAsUpdate(doc)]);
        Y.applyUpdate(copy, update);
        expect(hasPending(copy)).toBe(true);
        counts.refused++;
      }
    }
  }
  expect(counts.passed).toBeGreaterThan(300);
  expect(counts.refused).toBeGreaterThan(100);
});

test("DOC4 bytes that were changed never make Yjs throw, wait or change in part, if they pass", () => {
  const counts = { passed: 0, refused: 0 };
  for (let seed = 0; seed < 150; seed++) {
    const rng = createRng(`bytes/${seed}`);
    const log = randomUpdates(seed, { steps: 12 });
    const at = rng.int(log.length);
    const before = Y.encodeStateAsUpdate(docOf(log.slice(0, at)));
    const vector = vectorOf(docOf([before]));
    for (let i = 0; i < 30; i++) {
      const update = Uint8Array.from(log[at] as Uint8Array);
      for (let n = 1 + rng.int(2); n > 0; n--) {
        const place = rng.int(update.length);
        update[place] = rng.chance(0.5) ? (update[place] as number) ^ (1 << rng.int(8)) : rng.int(256);
      }
      const bytes = rng.chance(0.1) ? update.subarray(0, rng.int(update.length)) : update;
      let judged: Judged;
      try {
        judged = judgeUpdate(bytes, vector);
      } catch (error) {
        if (!isSyncError(error)) throw error;
        counts.refused++;
        continue;
      }
      counts.passed++;
      const doc = docOf([before]);
      Y.applyUpdate(doc, judged.isPartlyKnown ? trimUpdate(bytes, vector) : bytes);
      expect(hasPending(doc)).toBe(false);
      expect(new Map(vectorOf(doc))).toEqual(new Map([...vector, ...judged.added]));
      Y.applyUpdate(createDoc(2), Y.encodeStateAsUpdate(doc));
    }
  }
  expect(counts.passed).toBeGreaterThan(400);
  expect(counts.refused).toBeGreaterThan(1000);
});

test("DOC7 what is known is left out: the rest brings a document to where the whole does", () => {
  let cuts = 0;
  for (let seed = 0; seed < 40; seed++) {
    const rng = createRng(`trim/${seed}`);
    const log = randomUpdates(seed, { steps: 20 });
    const known = docOf(log.slice(0, rng.int(log.length)), false);
    const whole = rng.chance(0.5) ? Y.encodeStateAsUpdate(docOf(log)) : Y.encodeStateAsUpdate(docOf(log, false));
    const vector = vectorOf(known);
    const rest = trimUpdate(whole, vector);
    if (rest.length < whole.length) cuts++;
    const { isPartlyKnown } = judgeUpdate(rest, vector);
    expect(isPartlyKnown).toBe(false);
    const [one, other] = [docOf([Y.encodeStateAsUpdate(known)]), docOf([Y.encodeStateAsUpdate(known)])];
    Y.applyUpdate(one, whole);
    Y.applyUpdate(other, rest);
    expect(hasPending(other)).toBe(false);
    expect(contentOf(other)).toEqual(contentOf(one));
    expect(judgeUpdate(whole, vectorOf(other)).added.size).toBe(0);
  }
  expect(cuts).toBeGreaterThan(20);
});

test("DOC7 a struct that is known in part is cut, whatever it holds, also within a pair of surrogates", () => {
  const fills: ((doc: Y.Doc) => void)[] = [
    (doc) => doc.getText("text").insert(0, "abc👍def"),
    (doc) => doc.getArray("list").insert(0, [1, "two", { three: [3] }, null, 2.5]),
  ];
  for (const fill of fills) {
    const doc = createDoc(9);
    fill(doc);
    const update = Y.encodeStateAsUpdate(doc);
    const end = vectorOf(doc).get(9) as number;
    for (let clock = 1; clock < end; clock++) {
      const rest = trimUpdate(update, new Map([[9, clock]]));
      const theirs = Y.decodeUpdate(Y.diffUpdate(update, writeVector(new Map([[9, clock]])))).structs as Y.Item[];
      const ours = Y.decodeUpdate(rest).structs as Y.Item[];
      expect(ours.map(({ id, length, content }) => [id, length, content.getContent()])).toEqual(
        theirs.map(({ id, length, content }) => [id, length, content.getContent()]),
      );
    }
  }
});

const refused: readonly (readonly [what: string, code: string, bytes: readonly number[]])[] = [
  ["nothing", "malformed", []],
  ["a part of one", "malformed", [1, 1, 5]],
  ["bytes behind it", "malformed", [0, 0, 0]],
  ["an unknown content", "malformed", [1, 1, 5, 0, 11, 1, 1, 116, 1, 97, 0]],
  ["a count that does not fit", "malformed", [1, 1, 5, 0, 8, 1, 1, 116, 255, 255, 3, 0]],
  ["a struct of no length", "malformed", [1, 1, 5, 0, 4, 1, 1, 116, 0, 0]],
  ["a client twice", "malformed", [2, 1, 5, 0, 4, 1, 1, 116, 1, 97, 1, 5, 1, 4, 1, 1, 116, 1, 97, 0]],
  ["text that is no UTF-8", "malformed", [1, 1, 5, 0, 4, 1, 1, 116, 2, 0xc0, 0x80, 0]],
  ["half of a surrogate pair", "malformed", [1, 1, 5, 0, 4, 1, 1, 116, 3, 0xed, 0xa0, 0x80, 0]],
  ["JSON that is none", "malformed", [1, 1, 5, 0, 5, 1, 1, 116, 1, 123, 0]],
  ["a number over 2^53", "malformed", [1, 1, 255, 255, 255, 255, 255, 255, 255, 127, 0, 0, 1, 0]],
  ["2^40 clocks that were collected", "malformed", [1, 1, 5, 0, 0, 128, 128, 128, 128, 128, 32, 0]],
  ["a hole", "gap", [1, 2, 5, 0, 10, 3, 4, 1, 1, 116, 1, 97, 0]],
  ["a clock further on", "gap", [1, 1, 5, 3, 4, 1, 1, 116, 1, 97, 0]],
  ["an origin that is not there", "gap", [1, 1, 5, 0, 132, 6, 0, 1, 97, 0]],
  ["itself as its origin", "gap", [1, 1, 5, 0, 132, 5, 0, 1, 97, 0]],
  ["a parent that is not there", "gap", [1, 1, 5, 0, 4, 0, 6, 0, 1, 97, 0]],
  ["the deletion of what nobody wrote yet", "gap", [0, 1, 6, 1, 0, 128, 128, 4]],
  ["__proto__ as a key", "invalid", [1, 1, 5, 0, 40, 1, 1, 116, 9, ...Buffer.from("__proto__"), 1, 127, 0]],
  ["__proto__ within a value", "invalid", [1, 1, 5, 0, 8, 1, 1, 116, 1, 118, 1, 9, ...Buffer.from("__proto__"), 118, 0, 0]],
  ["__proto__ as a root", "invalid", [1, 1, 5, 0, 4, 1, 9, ...Buffer.from("__proto__"), 1, 97, 0]],
];

test.each(refused)("DOC4 refused: %s", (_what, code, bytes) => {
  expect(refusal(() => judgeUpdate(Uint8Array.from(bytes), new Map()))).toBe(code);
});

test("DOC4 values are at most 64 deep, keys at most 1,024 bytes, parts at most 100,000", () => {
  const made = (fill: (map: Y.Map<unknown>, doc: Y.Doc) => void): string | undefined => {
    const doc = createDoc(5);
    fill(doc.getMap("map"), doc);
    return refusal(() => judgeUpdate(Y.encodeStateAsUpdate(doc), new Map()));
  };
  const nested = (depth: number): unknown => (depth ? [nested(depth - 1)] : 1);
  expect(made((map) => map.set("a", nested(63)))).toBe(undefined);
  expect(made((map) => map.set("a", nested(64)))).toBe("too-deep");
  expect(made((_, doc) => doc.getText("text").insertEmbed(0, nested(64) as object))).toBe(undefined);
  expect(made((_, doc) => doc.getText("text").insertEmbed(0, nested(65) as object))).toBe("too-deep");
  expect(made((map) => map.set("k".repeat(1024), 1))).toBe(undefined);
  expect(made((map) => map.set("k".repeat(1025), 1))).toBe("too-large");
  expect(made((_, doc) => doc.getArray("list").push(Array.from({ length: 100_001 }, () => null)))).toBe("too-large");
});

test("DOC4 nothing is named `__proto__`, however it is spelled, and a document within has options that Yjs makes of it", () => {
  const bytes = (words: string): number[] => {
    const encoded = new TextEncoder().encode(words);
    return [encoded.length, ...encoded];
  };
  const root = [1, ...bytes("map")];
  const update = (kind: number, ...content: number[]): Uint8Array =>
    Uint8Array.from([1, 1, 77, 0, kind | 32, ...root, ...bytes("key"), ...content, 0]);
  const code = (given: Uint8Array): string => {
    try {
      judgeUpdate(given, new Map());
      return "taken";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(code(update(5, ...bytes('{"a":"\\u0041"}')))).toBe("taken");
  for (const key of ["__proto__", "__pr\\u006fto__", "\\u005f_proto__"]) {
    expect(code(update(5, ...bytes(`{"a":[{"${key}":{}}]}`)))).toBe("invalid");
  }
  const guid = bytes("guid");
  expect(code(update(9, ...guid, 118, 0))).toBe("taken");
  const honest = new Y.Doc();
  honest.getMap("map").set("key", new Y.Doc({ guid: "guid", gc: false, autoLoad: true, meta: { by: ["ada"] } }));
  expect(code(Y.encodeStateAsUpdate(honest))).toBe("taken");
  // Of all of these Yjs makes a document that throws: when it is read, deleted from, or written.
  for (const value of [[126], [127], [125, 1], [119, 1, 97], [117, 0]]) {
    expect([value, code(update(9, ...guid, ...value))]).toEqual([value, "malformed"]);
  }
  for (const option of ["gcFilter", "guid", "collectionid", "shouldLoad", "clientID"]) {
    expect([option, code(update(9, ...guid, 118, 1, ...bytes(option), 125, 1))]).toEqual([option, "invalid"]);
  }
  expect(code(update(9, ...guid, 118, 1, ...bytes("autoLoad"), 119, 0))).toBe("invalid");
});

test("DOC4 a depth of 10,000 is refused before anything goes that deep", () => {
  const depth = 10_000;
  const any = [1, 1, 5, 0, 8, 1, 1, 116, 1, ...Array.from({ length: depth }, () => [117, 1]).flat(), 127, 0];
  expect(refusal(() => judgeUpdate(Uint8Array.from(any), new Map()))).toBe("too-deep");
});

test("DOC5 structs of several clients that wait for each other in one update pass, a ring of them does not", () => {
  const [one, other] = [createDoc(10), createDoc(20)];
  const exchange = (): void => {
    Y.applyUpdate(other, Y.encodeStateAsUpdate(one));
    Y.applyUpdate(one, Y.encodeStateAsUpdate(other));
  };
  for (let i = 0; i < 20; i++) {
    edit(i % 2 ? one : other, createRng(i));
    exchange();
  }
  const update = Y.encodeStateAsUpdate(one);
  expect(judgeUpdate(update, new Map()).added.size).toBe(2);
  // 10 builds upon 20, and 20 upon 10.
  const ring = [2, 1, 20, 0, 132, 10, 0, 1, 97, 1, 10, 0, 132, 20, 0, 1, 97, 0];
  expect(refusal(() => judgeUpdate(Uint8Array.from(ring), new Map()))).toBe("gap");
});
