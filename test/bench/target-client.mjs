/**
 * Our server with our own client on the load side, as an application has them: what the two cost together.
 *
 * Limits as in target.mjs. A subscriber decodes every event as it comes, so the load process is the bottleneck of bursts.
 */
import { defineChannel } from "../../dist/src/index.js";
import ours, { map } from "./target.mjs";

async function connectClient({ port, onEvent, onClose }) {
  const { channel, createClient } = await import("../../dist/src/client/index.js");
  const client = createClient(`ws://127.0.0.1:${port}/`, { limits: { maxPending: 1e6 } });
  if (onClose) client.on("disconnect", () => onClose());
  await new Promise((resolve) => client.on("connect", resolve));
  const rooms = new Map();
  const roomOf = (name) => {
    if (!rooms.has(name)) rooms.set(name, channel(client, defineChannel(`bench/${name}`)));
    return rooms.get(name);
  };
  return {
    async subscribe(name) {
      const room = roomOf(name);
      await new Promise((resolve) => {
        room.subscribe(({ data }) => onEvent(1, () => data));
        const stop = room.status.subscribe((status) => status === "live" && resolve());
        void Promise.resolve().then(() => room.status.get() === "live" && stop());
      });
    },
    publish: (name, data) => void roomOf(name).publish("evt", data),
    publishMany(name, list) {
      for (const data of list) roomOf(name).publish("evt", data);
    },
    request: (data, settle) => void client.request("bench/get", data).then(settle),
    close: () => client.close(),
  };
}

async function connectKv({ port }) {
  const { createClient, shared } = await import("../../dist/src/client/index.js");
  const { msgpack } = await import("../../dist/src/wire/msgpack.js");
  const client = createClient(`ws://127.0.0.1:${port}/`, { packer: msgpack() });
  const board = shared(client, map);
  board.keep();
  await board.ready;
  return {
    set: (key, value) => void board.set([key], value),
    get: (key) => board.get()[key],
    size: () => Object.keys(board.get()).length,
    close: () => client.close(),
  };
}

export default { name: "sente-sync + client", startServer: ours.startServer, connectClient, connectKv };
