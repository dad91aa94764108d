/**
 * What packing and unpacking cost beside @msgpack/msgpack: `node test/bench/codec-msgpack.mjs [rounds]`.
 *
 * Each operation goes from a value to bytes or back, on values and bytes that no codec has seen before. Keys are keywords
 * to us and strings to them. The codecs take turns within a round; a ratio is the median over rounds of (ours / theirs in
 * the same round): below 1 ours is faster.
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
import { build } from "esbuild";

const sources = new URL("../../src/wire/", import.meta.url).pathname;
const bundle = await build({
  stdin: { contents: 'export { msgpack } from "./msgpack.ts";', resolveDir: sources, loader: "ts" },
  bundle: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const { msgpack } = await import(
  `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString("base64")}`
);

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

const [encoder, decoder] = [new Encoder(), new Decoder()];
const ours = msgpack();
const codecs = {
  "@msgpack/msgpack": { pack: (value) => encoder.encode(value), unpack: (bytes) => decoder.decode(bytes) },
  ours: { pack: (value) => ours.pack(value), unpack: (bytes) => ours.unpack(bytes) },
  "ours, pieces": { pack: (value) => ours.splice.pack(value), unpack: (bytes) => ours.unpack(bytes) },
};

const random = createRandom(7);
const word = () => Math.floor(random() * 1e9).toString(36);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Microseconds per call of `work` over inputs that are made just before. */
function time(work, inputs) {
  const start = performance.now();
  for (const input of inputs) work(input);
  return ((performance.now() - start) * 1000) / inputs.length;
}

const rounds = Number(process.argv[2] ?? 160);
const times = {};
const bytes = {};
for (let round = 0; round < rounds; round++) {
  for (const payload of Object.keys(payloads)) {
    const names = Object.keys(codecs);
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length];
      const codec = codecs[name];
      // JSON there and back: fresh strings, nothing shared with what was packed before.
      const fresh = () =>
        Array.from({ length: countOf[payload] }, () => JSON.parse(JSON.stringify(payloads[payload](random, word))));
      const values = fresh();
      const packed = values.map((value) => codec.pack(value));
      if (JSON.stringify(codec.unpack(packed[0])) !== JSON.stringify(values[0])) throw new Error(`${name} is wrong`);
      ((bytes[payload] ??= {})[name] ??= []).push(packed[0].length);
      const inputs = fresh();
      ((times[`${payload} encode`] ??= {})[name] ??= []).push(time((value) => codec.pack(value), inputs));
      ((times[`${payload} decode`] ??= {})[name] ??= []).push(time((packed) => codec.unpack(packed), packed));
    }
  }
}

const warm = Math.floor(rounds / 3);
const [base, ...others] = Object.keys(codecs);
console.log(`| operation | ${base} us | ${others.flatMap((name) => [`${name} us`, "ratio"]).join(" | ")} |`);
console.log(`|---|---:|${others.map(() => "---:|---:|").join("")}`);
for (const [operation, byCodec] of Object.entries(times)) {
  const cells = others.flatMap((name) => {
    const ratios = byCodec[name].slice(warm).map((us, i) => us / byCodec[base][warm + i]);
    return [median(byCodec[name].slice(warm)).toFixed(2), median(ratios).toFixed(2)];
  });
  console.log(`| ${operation} | ${median(byCodec[base].slice(warm)).toFixed(2)} | ${cells.join(" | ")} |`);
}
for (const [payload, byCodec] of Object.entries(bytes)) {
  console.log(`${payload}: ${Object.entries(byCodec).map(([name, list]) => `${name} ${median(list)} bytes`).join(", ")}`);
}
