/**
 * Our own entry in the harness: the public API on the server, a lean WebSocket client on the load side, so that the
 * server is what is measured. (target-client.mjs puts our own client there.)
 *
 * Limits are on, except the rates of messages and bytes. Subscribers keep every frame that they get and, once the timed
 * part is over, decode every event of it and check its number.
 */
import { randomUUID } from "node:crypto";
import { createHybridClock } from "../../dist/src/core/hlc.js";
import { defineDoc, defineShared, Keyword } from "../../dist/src/index.js";
import { sharedOp } from "../../dist/src/kind/shared.js";
import { SharedTree } from "../../dist/src/kind/shared-tree.js";
import { entriesMark as compactMark, readEntries } from "../../dist/src/session/messages/entries.js";
import { edn } from "../../dist/src/wire/edn.js";
import { json } from "../../dist/src/wire/json.js";
import { msgpack } from "../../dist/src/wire/msgpack.js";
import { leanConnect } from "./lib/leanws.mjs";

const unlimited = { perSecond: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY };

/** What `lww` writes. */
export const map = defineShared("bench-map", { initial: {} });

/** What `yjs-relay` and `yjs-load` edit. */
export const documents = defineDoc("bench-doc/:id");

async function startServer({ bench, docFile } = {}) {
  const { channel, createServer, shared } = await import("../../dist/src/server/index.js");
  const { defineChannel } = await import("../../dist/src/index.js");
  const limits = { messages: unlimited, bytes: unlimited, newTopics: unlimited };
  const sync = createServer({ limits, ...(/^(lww|yjs)/.test(bench ?? "") && { packer: msgpack() }) });
  channel(sync, defineChannel("bench/:room"));
  shared(sync, map);
  if (bench?.startsWith("yjs")) {
    const { doc } = await import("../../dist/src/server/doc/index.js");
    const { readFile } = await import("node:fs/promises");
    const stored = docFile ? new Uint8Array(await readFile(docFile)) : undefined;
    doc(sync, documents, { onLoadDocument: () => stored });
  }
  sync.on("bench/get", ({ data }) => ({ ok: true, n: data.n }));
  return { port: await sync.listen(0, { host: "127.0.0.1", path: "/" }) };
}

const packer = edn();
const kw = (name) => new Keyword(name);
const entryMark = Buffer.from('["evt" ');
const entriesMark = "[[[:sync/entries";

/** Frames by what is in them: subscribers of one process share the memory of equal frames. */
const kept = new Map();
function keep(payload) {
  const key = payload.toString("latin1", 0, 40) + payload.length;
  const known = kept.get(key);
  if (known?.equals(payload)) return known;
  const copy = Buffer.from(payload);
  kept.set(key, copy);
  return copy;
}

function countEntries(payload) {
  let n = 0;
  for (let at = payload.indexOf(entryMark); at >= 0; at = payload.indexOf(entryMark, at + entryMark.length)) n++;
  return n;
}

const subscribers = new Set();
let verifying;

/** Once the line is quiet: decodes every event that every subscriber got, and checks that none is missing or doubled. */
function verifyLater() {
  verifying ??= setTimeout(() => {
    verifying = undefined;
    for (const me of subscribers) {
      for (const frame of me.frames) verifyFrame(me, packer.unpack(frame.toString())[0][0][1]);
      me.frames = [];
    }
    kept.clear();
  }, 250);
}

function verifyFrame(me, [, first, entries]) {
  for (const [index, [, { seq }]] of entries.entries()) {
    const { last } = me;
    me.last = { seq, offset: first + index };
    if (!last || (me.last.offset === last.offset + 1 && (seq === last.seq + 1 || seq === 0))) continue;
    console.error(`event ${seq} at ${me.last.offset} came after event ${last.seq} at ${last.offset}`);
    process.exit(3);
  }
}

async function connectClient({ port, onEvent, onClose }) {
  const callbacks = new Map();
  let next = 1;
  let topic = 0;
  let seq = 1;
  let welcome;
  const ready = new Promise((resolve) => {
    welcome = resolve;
  });
  const send = (value, settle) => {
    const callback = settle ? `c${next++}` : null;
    if (settle) callbacks.set(callback, settle);
    line.send(packer.pack([value, callback]));
  };
  const ask = (id, data) => new Promise((resolve) => send([kw(id), data], resolve));
  const me = { frames: [], last: undefined };
  subscribers.add(me);
  const newest = () => {
    verifyLater();
    return packer.unpack(me.frames.at(-1).toString())[0][0][1][2].at(-1)[1];
  };
  const line = await leanConnect({
    port,
    path: `/?client-id=${randomUUID()}&sync=1`,
    onClose,
    onMessage(payload) {
      if (payload.latin1Slice(0, entriesMark.length) === entriesMark) {
        me.frames.push(keep(payload));
        return onEvent(countEntries(payload), newest);
      }
      const [value, callback] = packer.unpack(payload.toString());
      if (typeof callback === "string") {
        const settle = callbacks.get(callback);
        callbacks.delete(callback);
        settle(value);
      } else if (value?.name === "chsk/ws-ping") send([kw("chsk/ws-pong")]);
      else if (value?.[0]?.name === "chsk/handshake") welcome();
    },
  });
  await ready;
  await ask("sync/hello", { v: 1, session: null, token: null });
  const join = async (room, read) => {
    const [{ id }] = await ask("sync/subscribe", [{ topic: `bench/${room}`, kind: "channel", since: null, read }]);
    topic = id;
  };
  return {
    subscribe: (room) => join(room, true),
    attach: (room) => join(room, false),
    publish: (_room, data) => send([kw("sync/write"), [topic, seq++, [["evt", data]]]]),
    publishMany(_room, list) {
      send([kw("sync/write"), [topic, seq, list.map((data) => ["evt", data])]]);
      seq += list.length;
    },
    request: (data, settle) => send([kw("bench/get"), data], settle),
    close() {
      subscribers.delete(me);
      line.close();
    },
  };
}

/** A lean line in MessagePack and compact frames, subscribed to one topic. */
async function joinTopic({ port, topic, kind, onWelcome, onSnapshot, onEntry }) {
  const wire = msgpack();
  const callbacks = new Map();
  let nextCallback = 1;
  let seq = 1;
  let parts = [];
  let welcome;
  let loaded;
  const handshake = new Promise((resolve) => {
    welcome = resolve;
  });
  const snapshot = new Promise((resolve) => {
    loaded = resolve;
  });
  const send = (value, settle) => {
    const callback = settle ? `c${nextCallback++}` : null;
    if (settle) callbacks.set(callback, settle);
    line.send(wire.pack([value, callback]));
  };
  const ask = (id, data) => new Promise((resolve) => send([kw(id), data], resolve));
  const hear = (event) => {
    const name = event?.[0]?.name;
    if (name === "chsk/ws-ping") send([kw("chsk/ws-pong")]);
    else if (name === "chsk/handshake") welcome();
    else if (name === "sync/reject") {
      console.error("rejected:", event[1][2]);
      process.exit(3);
    } else if (name === "sync/snapshot") {
      parts.push(Buffer.from(event[1][4]));
      if (!event[1][3]) return;
      onSnapshot(wire.unpack(Buffer.concat(parts)));
      parts = [];
      loaded();
    } else if (name === "sync/entries") for (const entry of event[1][2]) onEntry(entry);
  };
  const line = await leanConnect({
    port,
    path: `/?client-id=${randomUUID()}&sync=1`,
    onMessage(payload) {
      if (payload[0] === compactMark) {
        for (const entry of readEntries(payload, (bytes) => wire.unpack(bytes))[2]) onEntry(entry);
        return;
      }
      const [value, callback] = wire.unpack(payload);
      if (typeof callback === "string") {
        const settle = callbacks.get(callback);
        callbacks.delete(callback);
        return settle(value);
      }
      // One event, or several.
      if (Array.isArray(value?.[0])) for (const event of value) hear(event);
      else hear(value);
    },
  });
  await handshake;
  const hello = await ask("sync/hello", { v: 1, session: null, token: null, binary: true });
  onWelcome?.(hello);
  const [{ id }] = await ask("sync/subscribe", [{ topic, kind, since: null, read: true }]);
  await snapshot;
  return {
    write: (op) => send([kw("sync/write"), [id, seq++, [op]]]),
    bytesIn: () => line.bytesIn,
    close: () => line.close(),
  };
}

/** The map of `lww`: our tree and clock over a lean line. */
async function connectKv({ port }) {
  const tree = new SharedTree({});
  const clock = createHybridClock(Date.now, "");
  const line = await joinTopic({
    port,
    topic: map.topic,
    kind: "shared",
    onWelcome({ replica }) {
      clock.node = replica;
    },
    onSnapshot: (snapshot) => tree.load(snapshot),
    onEntry: (entry) => clock.see(tree.apply(entry).stamp),
  });
  return {
    set: (key, value) => line.write(sharedOp(clock.next(), [{ path: [key], value }])),
    get: (key) => tree.value[key],
    size: () => Object.keys(tree.value).length,
    close: () => line.close(),
  };
}

/** Raw Yjs updates, without a document on the load side. */
async function connectDoc({ port, doc, onUpdate }) {
  let first = 0;
  const line = await joinTopic({
    port,
    topic: documents({ id: doc }).topic,
    kind: "doc",
    onSnapshot([updates]) {
      const [update = new Uint8Array([0, 0]), ...more] = updates;
      first = update.length;
      onUpdate(update, true);
      for (const each of more) onUpdate(each, false);
    },
    onEntry: (entry) => onUpdate(entry instanceof Uint8Array ? entry : entry[0], false),
  });
  return { synced: Promise.resolve(first), sendUpdate: line.write, bytesIn: line.bytesIn, close: line.close };
}

/** To and from UTF-8 bytes, as a server does. */
const overBytes = (codec) => async () => ({ enc: (value) => Buffer.from(codec.pack(value)), dec: (bytes) => codec.unpack(bytes.toString()) });

export default {
  name: "sente-sync",
  startServer,
  connectClient,
  connectKv,
  connectDoc,
  codecs: {
    edn: overBytes(edn()),
    json: overBytes(json()),
    native: async () => ({ enc: (value) => Buffer.from(JSON.stringify(value)), dec: (bytes) => JSON.parse(bytes.toString()) }),
  },
};
