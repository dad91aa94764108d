/**
 * What packing and unpacking cost beside native JSON: `node test/bench/codec.mjs [rounds]`.
 *
 * Each operation goes from a value to UTF-8 bytes or back, on values and bytes that no codec has seen before.
 * The codecs take turns within a round; a ratio is the median over rounds of (this codec / JSON in the same round).
 */
import { build } from "esbuild";

const sources = new URL("../../src/wire/", import.meta.url).pathname;
const bundle = await build({
  stdin: { contents: 'export { edn } from "./edn.ts"; export { json } from "./json.ts";', resolveDir: sources, loader: "ts" },
  bundle: true,
  format: "esm",
  target: "es2022",
  write: false,
});
const packers = await import(`data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString("base64")}`);

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

const codecs = { json: { pack: JSON.stringify, unpack: (bytes) => JSON.parse(bytes.toString()) } };
codecs.edn = packers.edn();
codecs["json (ours)"] = packers.json();

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
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length];
      const codec = codecs[name];
      // JSON there and back: fresh strings, nothing shared with what was packed before.
      const values = Array.from({ length: countOf[payload] }, () => JSON.parse(JSON.stringify(payloads[payload](random, word))));
      const packed = values.map((value) => Buffer.from(codec.pack(value)));
      if (round === 0 && JSON.stringify(codec.unpack(packed[0])) !== JSON.stringify(values[0])) throw new Error(`${name} is wrong`);
      const fresh = Array.from({ length: countOf[payload] }, () => JSON.parse(JSON.stringify(payloads[payload](random, word))));
      ((times[`${payload} encode`] ??= {})[name] ??= []).push(time((value) => Buffer.from(codec.pack(value)), fresh));
      ((times[`${payload} decode`] ??= {})[name] ??= []).push(time((bytes) => codec.unpack(bytes), packed));
    }
  }
}

const warm = Math.floor(rounds / 3);
console.log(`| operation | ${Object.keys(codecs).flatMap((name) => [`${name} us`, "x json"]).join(" | ")} |`);
console.log(`|---|${Object.keys(codecs).map(() => "---:|---:|").join("")}`);
for (const [operation, byCodec] of Object.entries(times)) {
  const cells = Object.values(byCodec).flatMap((list) => {
    const ratios = list.slice(warm).map((us, i) => us / byCodec.json[warm + i]);
    return [median(list.slice(warm)).toFixed(2), median(ratios).toFixed(2)];
  });
  console.log(`| ${operation} | ${cells.join(" | ")} |`);
}
