/** Batches over a real WebSocket, into a folder and into SQLite: they are there after the server stopped. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineShared, defineStore } from "sente-sync";
import { batch, createClient, shared, store } from "sente-sync/client";
import { createServer, shared as serveShared, store as serveStore } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { expect, onTestFinished, test } from "vitest";
import { sqlite } from "../../adapters/storage/sqlite.ts";
import type { Storage } from "../../src/topic/log.ts";

const account = defineShared("account/:id", { initial: { cents: 0 } });
const ledger = defineStore("ledger", {
  initial: { lines: [] as string[] },
  mutations: {
    book(draft, line: string, ctx) {
      if (draft.lines.length > 1) ctx.reject("app/closed", "The ledger is closed.");
      draft.lines.push(line);
    },
  },
});

const storages: readonly (readonly [name: string, open: (path: string) => Storage])[] = [
  ["a folder", (path) => folder(path)],
  ["SQLite", (path) => sqlite(join(path, "topics.db"))],
];

test.each(storages)("BATCH2 and BATCH5 in %s a batch is stored, or rejected, in all topics", async (_, storage) => {
  const path = await mkdtemp(join(tmpdir(), "sente-sync-batch-"));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 20 }));
  const start = () => {
    const sync = createServer({ storage: storage(path) });
    const accounts = serveShared(sync, account);
    const lines = serveStore(sync, ledger);
    return { sync, accounts, lines };
  };
  const first = start();
  const client = createClient(`ws://127.0.0.1:${await first.sync.listen(0)}/chsk`);
  onTestFinished(() => client.close());
  const [one, two] = ["1", "2"].map((id) => shared(client, account({ id })));
  const book = store(client, ledger);
  if (!one || !two) throw new Error("two accounts");
  await Promise.all([one.ready, two.ready, book.ready]);
  const transfer = (cents: number) =>
    batch(client, () => {
      one.set(["cents"], (one.get()?.cents ?? 0) - cents);
      two.set(["cents"], (two.get()?.cents ?? 0) + cents);
      book.do.book(`${cents} from 1 to 2`);
    });
  const receipts = [transfer(10), transfer(5)];
  await Promise.all(receipts.map(({ stored }) => stored));
  expect(receipts.map(({ durability }) => durability)).toEqual(["strict", "strict"]);
  expect(() => transfer(1)).toThrow(expect.objectContaining({ code: "app/closed" }));
  expect([one.get(), two.get()]).toEqual([{ cents: -15 }, { cents: 15 }]);
  await first.sync.close();

  const second = start();
  await second.lines.ready;
  const opened = await Promise.all(["1", "2"].map((id) => second.accounts.open({ id })));
  expect([opened.map((each) => each.get().cents), second.lines.get().lines]).toEqual([
    [-15, 15],
    ["10 from 1 to 2", "5 from 1 to 2"],
  ]);
  await second.sync.close();
});
