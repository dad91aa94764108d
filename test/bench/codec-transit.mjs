/**
 * What our Transit packer costs beside transit-js: `node test/bench/codec-transit.mjs [rounds]`, about 20 s.
 *
 * Each operation goes from a value to UTF-8 bytes or back, on values and bytes that no codec has seen before. Both write the
 * same bytes, with keywords as keys, and read plain objects. "strings" is transit-js at its quickest, with keys that are
 * strings and stay so: less work than ours does. The codecs take turns within a round; a ratio is the median over rounds of
 * (ours / transit-js in the same round): below 1 ours is faster.
 */
import { build } from "esbuild";
import transitJs from "transit-js";

const sources = new URL("../../src/wire/", import.meta.url).pathname;
const bundle = await build({
  stdin: { contents: 'export { transit } from "./transit.ts";', resolveDir: sources, loader: "ts" },
  bundle: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const { transit } = await import(`data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString("base64")}`);

/** A small seeded generator of numbers in [0, 1). */
function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const payloads = {
  event: (random, word) => ({
    type: "chat/message",
    room: "lobby",
    id: Math.floor(random() * 1e5),
    user: { id: 42, name: "Ada" },
    text: `hello, "world" - how are you, ${word()}?`,
    at: 1700000000123 + Math.floor(random() * 1e6),
    flags: ["new", "unread"],
  }),
  form: (_random, word) => {
    const field = (i) => [i * 3.25, i % 2 === 0, null, `value ${word()}`, { touched: true, errors: [], value: word() }][i % 5];
    return Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field_${i}`, field(i)]));
  },
  table: (random, word) => ({
    columns: ["id", "name", "qty", "price", "active", "note"],
    rows: Array.from({ length: 1000 }, (_, id) => ({
      id,
      name: `item ${word()}`,
      qty: Math.floor(random() * 500),
      price: Math.round(random() * 1e5) / 100,
      active: random() > 0.5,
      note: id % 7 === 0 ? null : `${word()} ${word()}`,
    })),
  }),
};
const countOf = { event: 1000, form: 300, table: 3 };

/** transit-js for plain objects with keywords as keys, each keyword made once, by the shortest way that it offers. */
function createPeer(type) {
  class Wrapped {
    constructor(object) {
      this.object = object;
    }
  }
  const keywords = new Map();
  const keywordOf = (key) => {
    if (!keywords.has(key)) keywords.set(key, transitJs.keyword(key));
    return keywords.get(key);
  };
  const handler = transitJs.makeWriteHandler({ tag: () => "map", rep: (object) => new Wrapped(object), stringRep: () => null });
  const objectBuilder = ({ object }, keyOf, valueOf) => {
    const items = ["^ "];
    for (const key in object) items.push(keyOf(keywordOf(key)), valueOf(object[key]));
    return type === "json"
      ? items
      : Object.fromEntries(Array.from({ length: items.length >> 1 }, (_, i) => items.slice(2 * i + 1, 2 * i + 3)));
  };
  const writer = transitJs.writer(type, { handlers: transitJs.map([Object, handler]), objectBuilder });
  return { pack: (value) => writer.write(value), unpack: createReader(type, (key) => key._name) };
}

function createReader(type, propertyOf) {
  const add = (object, key, value) => {
    object[propertyOf(key)] = value;
    return object;
  };
  const mapBuilder = { init: () => ({}), add, finalize: (object) => object };
  const reader = transitJs.reader(type, { mapBuilder });
  return (bytes) => reader.read(bytes.toString());
}

const stringWriter = transitJs.writer("json");
const codecs = {
  "ours": transit(),
  "transit-js": createPeer("json"),
  "strings": { pack: (value) => stringWriter.write(value), unpack: createReader("json", (key) => key) },
  "ours verbose": transit({ verbose: true }),
  "transit-js verbose": createPeer("json-verbose"),
};
const comparisons = [
  ["ours", "transit-js"],
  ["ours", "strings"],
  ["ours verbose", "transit-js verbose"],
];

const random = createRandom(7);
const word = () => Math.floor(random() * 1e9).toString(36);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Microseconds per call of `work` over inputs that are made just before. */
function time(work, inputs) {
  const start = performance.now();
  for (const input of inputs) work(input);
  return ((performance.now() - start) * 1000) / inputs.length;
}

const rounds = Number(process.argv[2] ?? 60);
const times = {};
for (let round = 0; round < rounds; round++) {
  for (const payload of Object.keys(payloads)) {
    const names = Object.keys(codecs);
    const make = () => Array.from({ length: countOf[payload] }, () => JSON.parse(JSON.stringify(payloads[payload](random, word))));
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length];
      const codec = codecs[name];
      const values = make();
      const packed = values.map((value) => Buffer.from(codec.pack(value)));
      if (round === 0 && JSON.stringify(codec.unpack(packed[0])) !== JSON.stringify(values[0])) throw new Error(`${name} is wrong`);
      if (round === 0 && name.startsWith("transit-js")) {
        const ours = codecs[name.replace("transit-js", "ours")];
        if (!packed[0].equals(Buffer.from(ours.pack(values[0])))) throw new Error(`${name} writes other bytes`);
      }
      const fresh = make();
      ((times[`${payload} encode`] ??= {})[name] ??= []).push(time((value) => Buffer.from(codec.pack(value)), fresh));
      ((times[`${payload} decode`] ??= {})[name] ??= []).push(time((bytes) => codec.unpack(bytes), packed));
    }
  }
}

const warm = Math.floor(rounds / 3);
console.log(`| operation | ${Object.keys(codecs).map((name) => `${name} us`).join(" | ")} | ${comparisons.map((pair) => pair.join(" / ")).join(" | ")} |`);
console.log(`|---|${"---:|".repeat(Object.keys(codecs).length + comparisons.length)}`);
for (const [operation, byCodec] of Object.entries(times)) {
  const us = Object.values(byCodec).map((list) => median(list.slice(warm)).toFixed(2));
  const ratios = comparisons.map(([ours, theirs]) =>
    median(byCodec[ours].slice(warm).map((own, i) => own / byCodec[theirs][warm + i])).toFixed(2),
  );
  console.log(`| ${operation} | ${[...us, ...ratios].join(" | ")} |`);
}
