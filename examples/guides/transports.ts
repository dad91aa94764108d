/** One server and a client by each way to reach it, in several packers. Prints how each of them came. */
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { defineAtom } from "sente-sync";
import { atom as clientAtom, createClient, upgrade } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { encrypted } from "sente-sync/packers/encrypted";
import { gzip } from "sente-sync/packers/gzip";
import { msgpack } from "sente-sync/packers/msgpack";
import { sealed } from "sente-sync/packers/sealed";
import { atom, createServer } from "sente-sync/server";
import { fallback } from "sente-sync/transports/fallback";
import { longPoll } from "sente-sync/transports/long-poll";
import { memoryConnector } from "sente-sync/transports/memory";
import { acceptPort, portConnector } from "sente-sync/transports/message-port";
import { listenTcp, tcp } from "sente-sync/transports/tcp";
import { websocket } from "sente-sync/transports/websocket";

const stats = defineAtom("stats", { initial: { visitors: 7 } });
const socketPath = join(tmpdir(), `sente-sync-${process.pid}.sock`);

// #region server
const sync = createServer({ packers: [msgpack()] }); // EDN for all who ask for nothing else
const port = await sync.listen(0); // WebSocket and long polling
const tcpListener = await listenTcp(sync, { port: 0 });
const unixListener = await listenTcp(sync, { path: socketPath });
// #endregion
atom(sync, stats);
const url = `ws://localhost:${port}/chsk`;

// #region fallback
const page = createClient(url, {
  connector: fallback([websocket(), longPoll()]), // a WebSocket where the network lets it through
  upgrade: upgrade(), // and later, without losing the session, where it did not at first
});
// #endregion

// #region upgrade
const quick = createClient(url, { upgrade: upgrade({ packers: [msgpack()] }) });
// #endregion

// #region streams
const overTcp = createClient(tcpListener.url, { connector: tcp() }); // tcp://127.0.0.1:41003/chsk
const overUnix = createClient(unixListener.url, { connector: tcp() }); // unix:///run/app.sock
// #endregion

// #region port
const { port1, port2 } = new MessageChannel();
acceptPort(port2, sync); // where the server is; port1 goes to the worker
const worker = createClient("port:///chsk", { connector: portConnector(port1) });
// #endregion

// #region memory
const inside = createClient("memory:///chsk", {
  connector: memoryConnector((transport, path) => void sync.accept(transport, path)),
});
// #endregion

const key = new Uint8Array(randomBytes(32));
// #region composed
const compact = gzip(msgpack());
const secret = encrypted(gzip(edn()), key); // compresses first, then encrypts
// #endregion

// #region seal
const brotli = sealed("brotli", edn(), {
  shared: true, // the same bytes for every receiver: a frame for many is sealed once
  close: (payload) => new Uint8Array(brotliCompressSync(payload)),
  open: (frame) => brotliDecompressSync(frame, { maxOutputLength: 1 << 24 }),
});
// #endregion

// #region packer
const read: number[] = [];
const plain = edn();
const counted: typeof plain = {
  ...plain, // what comes out is the same, so the name is, too
  unpack(packed, budget) {
    read.push(packed.length);
    return plain.unpack(packed, budget);
  },
};
// #endregion

// #region same
const sealedServer = createServer({ packer: compact }); // all its clients speak this
const sealedPort = await sealedServer.listen(0);
const sealedClient = createClient(`ws://localhost:${sealedPort}/chsk`, { packer: gzip(msgpack()) });
// #endregion
atom(sealedServer, stats);

/** What comes to a client of a server of its own, both with `packer`. */
async function carried(packer: typeof plain): Promise<unknown> {
  const server = createServer({ packer });
  atom(server, stats);
  const client = createClient(`ws://localhost:${await server.listen(0)}/chsk`, { packer });
  const value = await clientAtom(client, stats).ready;
  client.close();
  await server.close();
  return value;
}

const clients = { page, quick, overTcp, overUnix, worker, inside, sealedClient };
const seen: Record<string, unknown> = {};
for (const [name, client] of Object.entries(clients)) {
  const { visitors } = await clientAtom(client, stats).ready;
  seen[name] = [client.status.get().transport, visitors];
}
for (const [name, packer] of Object.entries({ secret, brotli, counted })) seen[name] = await carried(packer);

console.log(seen);

export { read, seen };

for (const client of Object.values(clients)) client.close();
port1.close();
for (const listener of [tcpListener, unixListener]) listener.close();
await sync.close();
await sealedServer.close();
