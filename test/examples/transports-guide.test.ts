/** The file that the guide "Transports and packers" is cut from, run as it stands, and the sizes that the guide tells. */
import { edn } from "sente-sync/packers/edn";
import { encrypted } from "sente-sync/packers/encrypted";
import { gzip } from "sente-sync/packers/gzip";
import { json } from "sente-sync/packers/json";
import { msgpack } from "sente-sync/packers/msgpack";
import { socketio } from "sente-sync/packers/socketio";
import { transit } from "sente-sync/packers/transit";
import { expect, test, vi } from "vitest";
import type { Packer } from "../../src/wire/packer.ts";
import { read } from "../support/sources.ts";

test("the guide to transports and packers: every client has the value, whichever way it comes", async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen, read: lengths } = await import("../../examples/guides/transports.ts");
  vi.restoreAllMocks();
  expect(seen).toEqual({
    page: ["websocket", 7],
    quick: ["websocket", 7],
    overTcp: ["tcp", 7],
    overUnix: ["unix", 7],
    worker: ["message-port", 7],
    inside: ["memory", 7],
    sealedClient: ["websocket", 7],
    secret: { visitors: 7 },
    brotli: { visitors: 7 },
    counted: { visitors: 7 },
  });
  expect(lengths.length).toBeGreaterThan(0);
});

const message = {
  type: "chat/message",
  room: "lobby",
  id: 40_217,
  user: { id: 42, name: "Ada" },
  text: 'hello, "world" - how are you?',
  at: 1_700_000_000_123,
  flags: ["new", "unread"],
};
const table = Array.from({ length: 1000 }, (_, id) => ({
  id,
  name: `item ${((id * 48_271) % 65_537).toString(36)}`,
  quantity: (id * 7919) % 500,
  price: ((id * 104_729) % 100_000) / 100,
  active: id % 3 === 0,
  note: id % 7 === 0 ? null : `checked by ${((id * 15_485_863) % 46_649).toString(36)}`,
}));

/** Bytes of `value` on the wire. */
async function sizeOf(packer: Packer, value: unknown): Promise<number> {
  const payload = Buffer.from(packer.pack(value) as Uint8Array);
  return ((await packer.seal?.close(payload)) ?? payload).length;
}

test("the sizes in the guide's table are what the packers make", async () => {
  const key = new Uint8Array(32);
  const packers = new Map<string, Packer>([
    ["`json()`", json()],
    ["`edn()`", edn()],
    ["`transit()`", transit()],
    ["`msgpack()`", msgpack()],
    ["`socketio()`", socketio()],
    ["`gzip(edn())`", gzip(edn())],
    ["`gzip(msgpack())`", gzip(msgpack())],
    ["`encrypted(edn(), key)`", encrypted(edn(), key)],
  ]);
  const lines = read("docs/guides/transports-and-packers.md").split("\n");
  const rows = lines.flatMap((line) => {
    const row = /^\| (\S.*\)`) \| (\d+) B \| ([\d.]+) KB \|/.exec(line);
    return row ? [{ name: row[1] as string, message: Number(row[2]), rows: Number(row[3]) }] : [];
  });
  expect(rows.map(({ name }) => name)).toEqual([...packers.keys()]);
  for (const row of rows) {
    const packer = packers.get(row.name) as Packer;
    expect(await sizeOf(packer, message), row.name).toBe(row.message);
    // Compressors differ a little from version to version.
    const told = row.rows * 1000;
    expect(Math.abs((await sizeOf(packer, table)) - told), row.name).toBeLessThan(told * (packer.seal ? 0.05 : 0.001));
  }
});
