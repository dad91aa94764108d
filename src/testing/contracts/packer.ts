/**
 * The contract of packers: what every packer does with the values that all of them carry. A new one's test is a factory and its traits.
 *
 * Always: random values come from a seed that a failure names; small ones come first.
 * Rules: docs/protocol/values.md PACK1-PACK6.
 */
import { isSyncError } from "../../core/errors.ts";
import { BigDecimal, Char, keyword, Ratio, Sym, Tagged, Uuid } from "../../core/values.ts";
import { edn } from "../../wire/edn.ts";
import { equalValues } from "../../wire/equal.ts";
import type { Packer } from "../../wire/packer.ts";
import { createRng, type Rng } from "../rng.ts";
import { budgetTests } from "./packer-budget.ts";
import { examples, objectOf, randomValue } from "./packer-values.ts";
import { ContractFailure, type ContractTest, type ContractWorld, equal, ok, suiteIn, throws, type WorldTests } from "./suite.ts";
import { textOf } from "./text.ts";

/** What not every packer does. */
export interface PackerTraits {
  /** Bytes that follow a whole value are ignored, not refused. */
  readonly ignoresTrailingBytes?: boolean;
  /** A list is read as a vector. */
  readonly listsAreVectors?: boolean;
  /** Has no `splice`. */
  readonly cannotSplice?: boolean;
  /** Random values in each test that has them. Default 400. */
  readonly runs?: number;
  /** Of the random values. Default: another one each time. */
  readonly seed?: number | string;
}

export interface PackerWorld extends ContractWorld {
  readonly packer: Packer;
  create(): Packer;
  readonly traits: PackerTraits;
  /** Packed and read back. */
  again(value: unknown): unknown;
  /** Calls `check` with `runs` random values. */
  forAll(check: (value: unknown, rng: Rng) => void, runs?: number): void;
}

/** Tests of a packer that carries every value that EDN does. */
export function packerContractSuite(create: () => Packer, traits: PackerTraits = {}): readonly ContractTest[] {
  const lists = traits.listsAreVectors !== true;
  const open = (): PackerWorld => {
    const packer = create();
    return {
      packer,
      create,
      traits,
      again: (value) => packer.unpack(packer.pack(value)),
      forAll(check, runs = traits.runs ?? 400) {
        const seed = traits.seed ?? Math.random();
        for (let run = 0; run < runs; run++) {
          const rng = createRng(`${seed}/${run}`);
          const value = randomValue(rng, { depth: Math.min(4, Math.floor((run * 10) / runs)), lists });
          try {
            check(value, rng);
          } catch (cause) {
            const why = cause instanceof Error ? cause.message : String(cause);
            throw new ContractFailure(`seed ${seed}, value ${run}, ${textOf(value).slice(0, 500)}: ${why}`, { cause });
          }
        }
      },
    };
  };
  return suiteIn(open, { ...exampleTests(lists), ...valueTests, ...refusals, ...byteTests(traits), ...budgetTests(lists) });
}

/** Of packed text its UTF-8. */
export const bytesOf = (packed: string | Uint8Array): Uint8Array =>
  typeof packed === "string" ? new TextEncoder().encode(packed) : packed;

const prototypeOf = (value: unknown): unknown => Object.getPrototypeOf(Object(value));
const reference = edn();

const exampleTests = (lists: boolean): WorldTests<PackerWorld> =>
  Object.fromEntries(
    Object.entries(examples)
      .filter(([name]) => lists || name !== "list")
      .map(([name, value]) => [
        `PACK2 ${name} is read back as an equal value of the same type`,
        ({ again }: PackerWorld) => {
          const back = again(value);
          ok(equalValues(back, value), `${textOf(value)} is read back as ${textOf(back)}`);
          ok(prototypeOf(back) === prototypeOf(value), `${textOf(value)} is read back as another type: ${textOf(back)}`);
        },
      ]),
  );

const valueTests: WorldTests<PackerWorld> = {
  "PACK2 any value is read back as an equal one": ({ again, forAll }) =>
    forAll((value) => ok(equalValues(again(value), value), `it is read back as ${textOf(again(value))}`)),

  "PACK2 what was read packs to the same again": ({ packer, again, forAll }) =>
    forAll((value) => equal(packer.pack(again(again(value))), packer.pack(again(value)))),

  "PACK2 nothing is nil, and no property at all in an object": ({ again }) => {
    equal(again(undefined), null);
    equal(again([undefined, 1]), [null, 1]);
    equal(Object.keys(again({ a: undefined, b: 1 }) as object), ["b"]);
  },

  "PACK3 no key changes a prototype": ({ again }) => {
    const names = ["__proto__", "constructor", "prototype", "toString", "__defineGetter__", "hasOwnProperty"];
    for (const name of names) {
      for (const key of [name, keyword(name), `${name} `]) {
        const inner = typeof key === "string" ? objectOf([[key, { polluted: true }]]) : new Map([[key, { polluted: true }]]);
        const back = again([inner, { after: 1 }]) as object[];
        ok(equalValues(back, [inner, { after: 1 }]), `the key ${name} is read back`);
        ok(prototypeOf(back[0]) === (back[0] instanceof Map ? Map.prototype : Object.prototype), `${name} changes its prototype`);
        ok(!("polluted" in {}), `${name} changes the prototype of all objects`);
        equal((back[0] as { polluted?: unknown }).polluted, undefined, name);
      }
    }
  },

  "PACK6 it carries the values that EDN carries": ({ again, forAll }) => {
    forAll((value) => ok(equalValues(again(value), reference.unpack(reference.pack(value))), "EDN reads another value"));
    const map = new Map([
      [keyword("a"), 1],
      [keyword("b/c"), 2],
    ]);
    equal(again(map), { "a": 1, "b/c": 2 }, "a map of keywords is a plain object");
  },
};

const twoKeys = new Map([
  [keyword("k"), 1],
  [keyword("k"), 2],
]);
const refused: readonly (readonly [name: string, value: unknown, message: RegExp])[] = [
  ["a function", { user: { tags: [1, () => 1] } }, /at "user\.tags\.1"/],
  ["a symbol", [Symbol("s")], /at "0"/],
  ["an instance of an unknown class", { at: new (class Unknown {})() }, /Unknown.*at "at"/],
  ["an invalid date", [[new Date(Number.NaN)]], /at "0\.0"/],
  ["a date past the year 9999", new Date(8.64e15), /Date/],
  ["a keyword that is none", { a: keyword("a b") }, /at "a"/],
  ["a symbol that is a literal", [new Sym("nil")], /at "0"/],
  ["a ratio with a denominator below one", [new Ratio(2n, -4n)], /at "0"/],
  ["a decimal that is none", [new BigDecimal("one")], /at "0"/],
  ["a uuid that is none", [new Uuid("1")], /at "0"/],
  ["a character of two units", [new Char("ab")], /at "0"/],
  ["a tag with a type of its own", [new Tagged("inst", "x")], /at "0"/],
  ["a tag that is none", [new Tagged("1", "x")], /at "0"/],
  ["two equal members", { a: new Set([[1], [1]]) }, /twice.*at "a"/],
  ["two equal keys", { a: twoKeys }, /twice.*at "a"/],
];

const refusals: WorldTests<PackerWorld> = {
  ...Object.fromEntries(
    refused.map(([name, value, message]) => [
      `PACK2 ${name} is refused, and the path is named`,
      ({ packer, create }: PackerWorld) => {
        throws(() => packer.pack(value), "invalid", name, message);
        equal(packer.pack([1]), create().pack([1]), "what is packed after a refusal");
      },
    ]),
  ),

  "PACK2 a value that contains itself is refused": ({ packer }) => {
    const value: Record<string, unknown> = { id: 1 };
    value["self"] = [value];
    throws(() => packer.pack(value), "invalid", "an object in itself", /at "self\.0\.self/);
    const set = new Set<unknown>();
    set.add(set);
    throws(() => packer.pack(set), "invalid", "a set in itself");
  },
};

const spliced: readonly (readonly unknown[])[] = [[], [1], [{ a: 1 }, "two", new Set([3])]];

const byteTests = ({ ignoresTrailingBytes = false, cannotSplice = false }: PackerTraits): WorldTests<PackerWorld> => ({
  "PACK1 part of a packed value is refused at every length": ({ packer }) => {
    const bytes = bytesOf(packer.pack(["ab", { a: [1.5, null] }, new Set([keyword("x/y")]), new Tagged("t", "é")]));
    for (let length = 0; length < bytes.length; length++) {
      throws(() => packer.unpack(bytes.slice(0, length)), "malformed", `the first ${length} of ${bytes.length} bytes`);
    }
  },

  [`PACK1 bytes after the value are ${ignoresTrailingBytes ? "ignored" : "refused"}`]: ({ packer }) => {
    const longer = Uint8Array.of(...bytesOf(packer.pack([1])), ...bytesOf(packer.pack(2)));
    if (ignoresTrailingBytes) equal(packer.unpack(longer), [1]);
    else throws(() => packer.unpack(longer), "malformed", "two values");
  },

  "PACK1 changed bytes give a value or a SyncError, and nothing else": ({ packer, traits, forAll }) =>
    forAll(
      (value, rng) => {
        const bytes = Array.from(bytesOf(packer.pack(value)));
        for (let changes = 1 + rng.int(4); changes > 0; changes--) {
          const kind = rng.pick(["set", "cut", "insert"]);
          bytes.splice(rng.int(bytes.length + 1), kind === "insert" ? 0 : 1, ...(kind === "cut" ? [] : [rng.int(256)]));
        }
        try {
          packer.pack(packer.unpack(Uint8Array.from(bytes)));
        } catch (error) {
          if (!isSyncError(error)) throw error;
        }
      },
      (traits.runs ?? 400) * 5,
    ),

  "PACK1 what is refused is refused again the same way": ({ packer, again }) => {
    const garbage = packer.binary ? Uint8Array.of(0xc1) : "[";
    for (let time = 1; time <= 3; time++) throws(() => packer.unpack(garbage), "malformed", `garbage, time ${time}`);
    equal(again({ a: 1 }), { a: 1 });
  },

  ...Object.fromEntries(
    spliced.map((values) => [
      `PACK4 ${values.length} pieces spliced together are the packed vector`,
      ({ packer }: PackerWorld) => {
        const { splice } = packer;
        equal(splice === undefined, cannotSplice, "whether it has no splice");
        if (!splice) return;
        const { head, separator, tail } = splice;
        const pieces = values.map((value) => bytesOf(splice.pack(value)));
        const bytes = [...head(values.length), ...pieces.flatMap((piece, i) => [...(i > 0 ? separator : []), ...piece]), ...tail];
        equal(bytes, Array.from(bytesOf(splice.pack(values))));
        ok(equalValues(packer.unpack(Uint8Array.from(bytes)), values), `${textOf(values)} is what the pieces are read as`);
      },
    ]),
  ),

  "PACK5 packed text and its UTF-8 bytes are one and the same": ({ packer }) => {
    equal(typeof packer.pack("a"), packer.binary ? "object" : "string");
    const value = ["é", "☃", "😀", "\ud800", { ключ: 1 }];
    equal(packer.unpack(bytesOf(packer.pack(value))), value);
  },
});
