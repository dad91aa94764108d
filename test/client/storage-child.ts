/** A process that does with a folder store what its parent says: so that it can be killed. */
import { folderStore } from "sente-sync/client/folder";
import type { OutboxRecord } from "../../src/client/storage/store.ts";
import { realEnv } from "../../src/core/env.ts";

const store = await folderStore(process.argv[2] as string).open(realEnv);
const records = new Map<number, OutboxRecord>();

const run = async (method: string, args: unknown[]): Promise<unknown> => {
  if (method === "list") return store.list(args[0] as string);
  if (method === "read") return store.read(args[0] as string, (args[1] ?? undefined) as string | undefined);
  if (method === "swap") return store.swap(...(args as Parameters<typeof store.swap>));
  if (method === "close") return store.close();
  if (method === "claim") {
    const record = await store.claim(args[0] as string);
    if (!record) return 0;
    records.set(records.size + 1, record);
    return records.size;
  }
  const record = records.get(args[0] as number) as OutboxRecord;
  return record[method as "load"](...(args.slice(1) as []));
};

process.on("message", ({ id, method, args }: { id: number; method: string; args: unknown[] }) => {
  run(method, args).then(
    (value) => process.send?.({ id, value }),
    (error: { code?: string }) => process.send?.({ id, code: error.code ?? String(error) }),
  );
});
process.send?.({ id: 0 });
