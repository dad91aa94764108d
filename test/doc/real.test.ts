/** Documents over real WebSockets, with a folder as storage, through the death of the server. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "sente-sync/client";
import { doc as clientDoc } from "sente-sync/doc";
import { doc } from "sente-sync/doc/server";
import { msgpack } from "sente-sync/packers/msgpack";
import { createServer, type Server } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { expect, onTestFinished, test, vi } from "vitest";
import * as Y from "yjs";
import { notes } from "./world.ts";

test("DOC27 two clients edit one document through a restart of the server, and end equal to what is stored", async () => {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-doc-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const start = async (port: number): Promise<{ sync: Server; port: number; family: ReturnType<typeof open> }> => {
    const sync = createServer({ storage: folder(path), packer: msgpack(), onError: () => {} });
    const family = open(sync);
    return { sync, family, port: await sync.listen(port, { host: "127.0.0.1" }) };
  };
  const open = (sync: Server) => doc(sync, notes, { seed: (empty) => empty.getText("text").insert(0, "# ") });
  let server = await start(0);
  const { port } = server;
  const clients = [1, 2].map(() =>
    createClient(`ws://127.0.0.1:${port}/chsk`, { packer: msgpack(), reconnect: { maxDelayMs: 100 }, onError: () => {} }),
  );
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await server.sync.close();
  });
  const [ada, bob] = clients.map((client) => clientDoc(client, notes({ id: "1" }))) as [
    ReturnType<typeof clientDoc>,
    ReturnType<typeof clientDoc>,
  ];
  await Promise.all([ada.ready, bob.ready]);
  const text = (note: { readonly doc: Y.Doc }): string => note.doc.getText("text").toString();
  expect([text(ada), text(bob)]).toEqual(["# ", "# "]);
  const typing = ada.transact((note) => note.getText("text").insert(2, "Title"));
  await typing.stored;
  expect(typing.durability).toBe("strict");
  await server.sync.close();
  ada.doc.getText("text").insert(7, " of a");
  bob.doc.getText("text").insert(0, "> ");
  server = await start(port);
  await vi.waitFor(() => expect([text(ada), text(bob)]).toEqual(["> # Title of a", "> # Title of a"]), { timeout: 40_000 });
  await Promise.all([ada.receipt.stored, bob.receipt.stored]);
  const served = await server.family.open({ id: "1" });
  expect(served.read((note) => note.getText("text").toString())).toBe("> # Title of a");
  const vectors = [ada, bob].map(({ doc: own }) => Y.decodeStateVector(Y.encodeStateVector(own)));
  expect(vectors[0]).toEqual(vectors[1]);
  expect(vectors[0]).toEqual(Y.decodeStateVector(served.vector));
});
