/** Versions over real WebSockets, with a folder as storage, through a restart of the server. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "sente-sync/client";
import { type ClientDoc, doc as clientDoc } from "sente-sync/doc";
import { type DocFamily, doc } from "sente-sync/doc/server";
import { msgpack } from "sente-sync/packers/msgpack";
import { createServer, type Server } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { expect, onTestFinished, test, vi } from "vitest";
import { realEnv } from "../../src/core/env.ts";
import { coreOf } from "../../src/server/core.ts";
import { notes } from "./world.ts";

const first = { id: "1" };
const soon = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 40_000, interval: 20 });
const text = (note: ClientDoc): string => note.doc.getText("text").toString();

test("VDOC1, VDOC6, VDOC7, VDOC11, VDOC12 versions outlive the server; one goes back while another writes, and nothing is lost", async () => {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-versions-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const start = async (port: number): Promise<{ sync: Server; port: number; family: DocFamily<{ readonly id: string }> }> => {
    const sync = createServer({
      storage: folder(path),
      packer: msgpack(),
      authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "", name: "" }),
      onError: () => {},
    });
    const family = doc(sync, notes, { versions: {} });
    return { sync, family, port: await sync.listen(port, { host: "127.0.0.1" }) };
  };
  let server = await start(0);
  const { port } = server;
  const clients: Client[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await server.sync.close();
  });
  const open = (user: string): ClientDoc => {
    const url = `ws://127.0.0.1:${port}/chsk?user=${user}`;
    const client = createClient(url, { packer: msgpack(), reconnect: { maxDelayMs: 100 }, onError: () => {} });
    clients.push(client);
    return clientDoc(client, notes(first));
  };
  const [ada, bob] = [open("ada"), open("bob")];
  await Promise.all([ada.ready, bob.ready]);

  // Larger than a frame of it, and joined in another thread.
  const long = "long ".repeat(100_000);
  ada.transact((note) => {
    note.getText("text").insert(0, `By ada. ${long}`);
    note.getMap("map").set("title", "old");
  });
  const old = await ada.versions.create("old");
  expect(old).toMatchObject({ by: "ada", name: "old" });
  await soon(() => expect(bob.doc.getText("text").length).toBe(long.length + 8));
  bob.transact((note) => {
    note.getText("text").delete(8, long.length);
    note.getText("text").insert(8, "By bob.");
    note.getMap("map").set("title", "new");
  });
  await bob.receipt.stored;
  const made = await (await server.family.versions(first)).create("new");

  // A crash left what no list has.
  await server.sync.close();
  const log = await folder(path).open({ env: realEnv, report: () => {} });
  const stray = await log.open("notes/1/@versions/stray", {
    durability: "strict",
    retention: { maxEntries: 10, maxBytes: 1000, maxAgeMs: Number.POSITIVE_INFINITY },
  });
  await stray.append([{ entry: new TextEncoder().encode("[[] []]"), atMs: 1 }], { epoch: stray.position.epoch, offset: 0 });
  await stray.close();
  await log.close();
  server = await start(port);

  const eve = open("eve");
  expect(await eve.versions.ready).toEqual([old, made]);
  expect((await eve.versions.preview(old.id)).getText("text").toString()).toBe(`By ada. ${long}`);
  await eve.ready;
  const told = await eve.versions.diff(old.id);
  expect(told).toMatchObject([
    { path: ["text"], parts: [{ op: "keep" }, { op: "delete" }, { op: "insert", text: "By bob.", by: "bob" }] },
    { path: ["map", "title"], before: "old", after: "new", by: "bob" },
  ]);
  const served = await server.family.versions(first);
  expect(await served.diff(old.id)).toEqual(told);
  await soon(async () => expect(await kept(server.sync)).toEqual([old.id, made.id].sort()));

  // At once: the one goes back, the other goes on.
  await Promise.all([ada.versions.preview(old.id), soon(() => expect(bob.status.get()).toBe("live"))]);
  const going = ada.versions.restore(old.id);
  bob.transact((note) => note.getText("text").insert(15, " Later."));
  bob.doc.getMap("map").set("mine", 1);
  await (await going).stored;
  await bob.receipt.stored;
  const shown = `By ada. ${long} Later.`;
  await soon(() => {
    for (const note of [ada, bob, eve]) {
      expect(text(note).length).toBe(shown.length);
      expect(note.doc.getMap("map").toJSON()).toEqual({ title: "old", mine: 1 });
    }
  });
  expect(text(bob)).toContain("Later.");
  expect(text(ada)).toBe(text(bob));
  expect(text(eve)).toBe(text(bob));
  await served.restore(made.id);
  await soon(() => expect(text(ada)).toBe("By ada. By bob."));

  server.family.delete(first);
  await soon(async () => expect(await kept(server.sync)).toEqual([]));
  expect(await (await server.family.versions(first)).list()).toEqual([]);
});

/** Ids of versions that have something in the folder. */
async function kept(sync: Server): Promise<string[]> {
  const prefix = "notes/1/@versions/";
  return (await coreOf(sync).topics.stored(prefix)).map((name) => name.slice(prefix.length)).sort();
}
