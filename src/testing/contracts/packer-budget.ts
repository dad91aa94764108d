/**
 * The contract of packers: what they read within a budget, and what they refuse beyond it.
 * Rules: docs/protocol/values.md BUDGET1-BUDGET3, BUDGET5.
 */
import { keyword, List, Sym, Tagged } from "../../core/values.ts";
import { equalValues } from "../../wire/equal.ts";
import { type Budget, defaultBudget } from "../../wire/packer.ts";
import type { PackerWorld } from "./packer.ts";
import { equal, ok, throws, type WorldTests } from "./suite.ts";

const within = (limits: Partial<Budget>): Budget => ({ ...defaultBudget, ...limits });

const nested: Readonly<Record<string, (inner: unknown) => unknown>> = {
  vectors: (inner) => [inner],
  objects: (inner) => ({ a: inner }),
  maps: (inner) => new Map([[1, inner]]),
  sets: (inner) => new Set([inner]),
  lists: (inner) => new List([inner]),
  tags: (inner) => new Tagged("t", inner),
};

const keyed: Readonly<Record<string, (key: string) => unknown>> = {
  "a keyword key": (key) => ({ [key]: 1 }),
  "a string key": (key) => ({ [` ${key.slice(1)}`]: 1 }),
  "a string key of a Map": (key) => new Map([[key, 1]]),
  "a keyword": (key) => keyword(key),
  "a symbol": (key) => new Sym(key),
  "a tag": (key) => new Tagged(key, 1),
};

export const budgetTests = (lists: boolean): WorldTests<PackerWorld> => ({
  ...Object.fromEntries(
    Object.entries(nested)
      .filter(([name]) => lists || name !== "lists")
      .map(([name, wrap]) => [
        `BUDGET1 ${name} nest to maxDepth and no deeper`,
        ({ packer, again }: PackerWorld) => {
          const deep = (depth: number): unknown => (depth === 0 ? 1 : wrap(deep(depth - 1)));
          const packed = packer.pack(deep(20));
          ok(equalValues(packer.unpack(packed, within({ maxDepth: 20 })), deep(20)), "depth 20 of 20");
          throws(() => packer.unpack(packed, within({ maxDepth: 19 })), "too-deep", "depth 20 of 19");
          ok(equalValues(again(deep(64)), deep(64)), "depth 64, which is the default");
          throws(() => packer.pack(deep(65)), "invalid", "depth 65, packed");
        },
      ]),
  ),

  "BUDGET2 a vector and its items are maxValues and no more": ({ packer }) => {
    const packed = packer.pack(Array.from({ length: 99 }, (_, i) => i));
    equal((packer.unpack(packed, within({ maxValues: 100 })) as unknown[]).length, 99);
    throws(() => packer.unpack(packed, within({ maxValues: 99 })), "too-large", "100 values of 99");
  },

  "BUDGET2 keys count as values": ({ packer }) => {
    const packed = packer.pack({ a: 1, b: 2 });
    equal(packer.unpack(packed, within({ maxValues: 5 })), { a: 1, b: 2 });
    throws(() => packer.unpack(packed, within({ maxValues: 4 })), "too-large", "an object with two keys, 5 values of 4");
  },

  ...Object.fromEntries(
    Object.entries(keyed).map(([name, make]) => [
      `BUDGET3 ${name} has maxKeyBytes bytes of UTF-8 and no more`,
      ({ packer }: PackerWorld) => {
        for (const key of ["a".repeat(60), `ab${"é".repeat(29)}`, `abc${"語".repeat(19)}`]) {
          const packed = packer.pack(make(key));
          for (const maxKeyBytes of [200, 60])
            ok(equalValues(packer.unpack(packed, within({ maxKeyBytes })), make(key)), `60 bytes of ${maxKeyBytes}`);
          throws(() => packer.unpack(packed, within({ maxKeyBytes: 59 })), "too-large", "60 bytes of 59");
        }
      },
    ]),
  ),

  "BUDGET5 numbers that collide in a hash table are too many before they are slow": ({ packer, again }) => {
    const bigints = packer.pack(new Set(Array.from({ length: 5000 }, (_, i) => (BigInt(i) << 64n) + 5n)));
    throws(() => packer.unpack(bigints), "too-large", "a set of 5000 large numbers that collide");
    const numbers = packer.pack(new Map(Array.from({ length: 20_000 }, (_, i) => [i * 7919, i])));
    throws(() => packer.unpack(numbers), "too-large", "a map of 20000 numbers");
    const fewer = new Set(Array.from({ length: 5000 }, (_, i) => i * 7919));
    equal(again(fewer), fewer);
  },
});
