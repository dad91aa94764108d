/**
 * What compression costs a server, and saves on the wire: `node test/bench/deflate.mjs [rounds]`.
 *
 * Frames are batches of events in EDN, never twice the same, and go to 1 or to 200 connections. Nothing is written to a socket: what is timed is
 * from the packed frame to the bytes of the WebSocket frame, in CPU of all threads. The ways take turns within a round; medians over rounds.
 */
import { build } from "esbuild";
import { PerMessageDeflate, Sender } from "ws";

const bundle = await build({
  stdin: {
    contents: `
      export { edn } from "./wire/edn.ts";
      export { gzip } from "./session/gzip.ts";
      export { sealTransport } from "./session/sealed.ts";
      export { createDeflater } from "./transport/websocket-deflate.ts";
      export { frameOf } from "./transport/websocket-frame.ts";`,
    resolveDir: new URL("../../src/", import.meta.url).pathname,
    loader: "ts",
  },
  bundle: true,
  platform: "node",
  conditions: ["source"],
  format: "esm",
  write: false,
});
const { edn, gzip, sealTransport, createDeflater, frameOf } = await import(
  `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString("base64")}`
);

const rounds = Number(process.argv[2] ?? 40);
const packer = edn();

/** A small seeded generator of numbers in [0, 1). */
let state = 7;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const word = () => Math.floor(random() * 1e9).toString(36);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

function batch(events) {
  const list = Array.from({ length: events }, () => ({
    type: "chat/message",
    room: "lobby",
    id: Math.floor(random() * 1e5),
    user: { id: Math.floor(random() * 50), name: `user ${Math.floor(random() * 50)}` },
    text: `hello, "world" - how are you, ${word()}?`,
    at: 1700000000123 + Math.floor(random() * 1e6),
  }));
  return { data: new TextEncoder().encode(packer.pack(list)), text: true };
}

let sentBytes = 0;
const wire = {
  handlers: undefined,
  bufferedBytes: 0,
  send(frame) {
    sentBytes += frameOf(frame).length;
    return true;
  },
};
const socket = {
  cork() {},
  uncork() {},
  write(chunk, done) {
    sentBytes += chunk.length;
    if (typeof done === "function") done();
  },
};

const sealedBy = (options) => (connections) => {
  const { seal } = gzip(packer, options);
  return Array.from({ length: connections }, () => sealTransport({ ...wire }, seal));
};
const deflatedBy = (options) => (connections) => {
  const deflate = createDeflater(options);
  return Array.from({ length: connections }, () => ({ send: (frame) => wire.send(deflate(frame)) }));
};
const ways = {
  none: (connections) => Array.from({ length: connections }, () => wire),
  "gzip packer": sealedBy({}),
  "level 1": sealedBy({ level: 1 }),
  "near peer": (connections) => {
    const transports = sealedBy({ adaptive: true })(connections);
    for (const transport of transports) transport.measured(1);
    return transports;
  },
  "permessage-deflate": deflatedBy({}),
  "pmd, level 1": deflatedBy({ level: 1 }),
  "that of ws": (connections) =>
    Array.from({ length: connections }, () => {
      const extension = new PerMessageDeflate({ isServer: true, serverNoContextTakeover: true, clientNoContextTakeover: true });
      extension.accept([{}]);
      const sender = new Sender(socket, { "permessage-deflate": extension });
      const options = { fin: true, compress: true, mask: false, binary: false };
      return { send: ({ data }) => new Promise((resolve) => sender.send(data, options, resolve)) };
    }),
};

const works = [
  { events: 3, connections: 200, frames: 20 },
  { events: 10, connections: 1, frames: 200 },
  { events: 10, connections: 200, frames: 20 },
  { events: 100, connections: 1, frames: 50 },
  { events: 100, connections: 200, frames: 5 },
];
const names = Object.keys(ways);
console.log(`| frame | connections | ${names.map((name) => `${name}: us, bytes`).join(" | ")} |`);
console.log(`| --- | ---: | ${names.map(() => "---:").join(" | ")} |`);
for (const { events, connections, frames } of works) {
  const open = names.map((name) => ways[name](connections));
  const figures = names.map(() => ({ us: [], bytes: [] }));
  const warm = Math.ceil(rounds / 4);
  for (let round = 0; round < rounds + warm; round++) {
    for (let i = 0; i < names.length; i++) {
      const which = (i + round) % names.length;
      const list = Array.from({ length: frames }, () => batch(events));
      sentBytes = 0;
      const before = process.cpuUsage();
      for (const frame of list) await Promise.all(open[which].map((transport) => transport.send(frame)));
      const { user, system } = process.cpuUsage(before);
      if (round < warm) continue;
      figures[which].us.push((user + system) / frames / connections);
      figures[which].bytes.push(sentBytes / frames / connections);
    }
  }
  const cells = figures.map(({ us, bytes }) => `${median(us).toFixed(2)}, ${Math.round(median(bytes))}`);
  console.log(`| ${events} events | ${connections} | ${cells.join(" | ")} |`);
}
process.exit();
