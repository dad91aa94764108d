/**
 * The packers of the matrix, and a value of every kind. A new packer is one line.
 *
 * Always: both processes of a pair make the same packer from its name, and the same values.
 */
import { BigDecimal, Char, keyword, List, Ratio, Sym, Tagged, Uuid } from "sente-sync";
import { edn } from "sente-sync/packers/edn";
import { encrypted } from "sente-sync/packers/encrypted";
import { gzip } from "sente-sync/packers/gzip";
import { json } from "sente-sync/packers/json";
import { msgpack } from "sente-sync/packers/msgpack";
import { socketio } from "sente-sync/packers/socketio";
import { transit } from "sente-sync/packers/transit";
import type { Packer } from "../../src/wire/packer.ts";

const key = new Uint8Array(32).fill(7);

const all: readonly (() => Packer)[] = [
  edn,
  json,
  transit,
  () => transit({ verbose: true }),
  msgpack,
  socketio,
  () => gzip(edn()),
  () => gzip(msgpack()),
  () => encrypted(edn(), key),
  () => encrypted(gzip(msgpack()), key),
];

const byName = new Map(all.map((create) => [create().name, create]));

export const packerNames: readonly string[] = [...byName.keys()];

export function createPacker(name: string): Packer {
  const create = byName.get(name);
  if (!create) throw new Error(`No packer ${name}`);
  return create();
}

/** One value of every kind; with `list` as it was sent, or as it arrives where lists become vectors. */
export function everyKind(list: List | readonly unknown[] = new List([1, [2]])) {
  return {
    nothing: null,
    truths: [true, false],
    numbers: [0, -42, 2 ** 31, 2 ** 53, 12.34, 5e-324, 1 / 0],
    bigint: 10n ** 30n,
    ratio: new Ratio(-22n, 7n),
    decimal: new BigDecimal("1.50"),
    texts: ["", 'q" \\ \n ż ☃ 😀', "~:a"],
    char: new Char("a"),
    keywords: [keyword("a"), keyword("user/name")],
    symbol: new Sym("a/b"),
    uuid: new Uuid("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    date: new Date("1985-04-12T23:20:50.520Z"),
    bytes: Uint8Array.of(0, 1, 2, 255),
    set: new Set<unknown>([1, "1", keyword("a"), [1]]),
    map: new Map<unknown, unknown>([
      [1, "a"],
      [keyword("b"), new Set(["b"])],
      ["b", null],
      [[1], { "user/id": 7 }],
    ]),
    tagged: new Tagged("my/tag", [1, { a: 2 }]),
    list,
    nested: [[{ a: { "not a keyword": [new Map([["id", [new Uint8Array(3)]]])] } }]],
  };
}

/** What `everyKind()` is after a way through these packers. */
export function afterPackers(...names: readonly string[]): unknown {
  return everyKind(names.some((name) => name.endsWith("msgpack")) ? [1, [2]] : undefined);
}

/** Text that does not compress well, always the same. */
export function noise(length: number): string {
  let state = 1;
  let text = "";
  while (text.length < length) {
    state = (state * 48_271) % 2_147_483_647;
    text += state.toString(36);
  }
  return text.slice(0, length);
}
