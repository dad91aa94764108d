/** What the pages of outbox.test.ts run: a store to be told what to do with, and a client that keeps its writes in it. */
import { channel, createClient, rejectedWrites, signOut, syncStatus } from "sente-sync/client";
import { indexedDb, indexedDbStore } from "sente-sync/client/indexed-db";
import { coreOf } from "../../src/client/client.ts";
import type { OpenOutboxStore, OutboxRecord } from "../../src/client/storage/store.ts";
import { writesOf } from "../../src/client/writes.ts";
import { realEnv } from "../../src/core/env.ts";

let store: OpenOutboxStore | undefined;
const records: OutboxRecord[] = [];

const page = {
  async open(leaseMs: number): Promise<void> {
    store = await indexedDbStore("contract", leaseMs).open(realEnv);
  },
  list: (prefix: string) => store?.list(prefix),
  async claim(id: string): Promise<number> {
    const record = await store?.claim(id);
    return record ? records.push(record) : 0;
  },
  read: (id: string, key?: string) => store?.read(id, key),
  swap: (id: string, key: string, value: string | null, changes: never) => store?.swap(id, key, value, changes),
  close: () => store?.close(),
  /** The value, or the code of the error. */
  record: (n: number, method: "load" | "save" | "release" | "remove", changes: never): Promise<unknown> =>
    (records[n - 1] as OutboxRecord)[method](changes).then(
      (value) => ({ value }),
      (error: { code?: string }) => ({ code: error.code ?? String(error) }),
    ),

  connect(user: string, autoConnect: boolean) {
    const client = createClient(`/chsk?user=${user}`, { storage: indexedDb(), autoConnect });
    const rejected = rejectedWrites(client);
    const room = channel(client, "room");
    Object.assign(page, {
      publish: (text: string) => void room.publish("said", text),
      status: () => ({
        ...syncStatus(client).get(),
        isKept: writesOf(coreOf(client)).keeper?.isKeeping === true,
        line: client.status.get().name,
        rejected: rejected.get().map(({ code }) => code),
      }),
      disconnect: () => client.disconnect(),
      signOut: (discard: boolean) => signOut(client, { discard }),
    });
  },
};
export type Page = typeof page & {
  publish(text: string): void;
  status(): { status: string; pending: number; isKept: boolean; line: string; rejected: string[] };
  disconnect(): void;
  signOut(discard: boolean): Promise<void>;
};
Object.assign(globalThis, { outboxPage: page });
