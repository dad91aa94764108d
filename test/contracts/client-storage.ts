/**
 * What every store of an outbox keeps, wherever its records live: a new one's test is a factory of clients that share it.
 * Rules: docs/protocol/writes.md KEEP1-KEEP6.
 */
import { describe, expect, test } from "vitest";
import type { Row, RowChange } from "../../src/client/storage/store.ts";

/** A record in the hands of a tab or a process, which may be another one than the test's. */
export interface RemoteRecord {
  load(): Promise<Row[]>;
  /** The code of what it rejected with, or nothing. */
  save(changes: readonly RowChange[]): Promise<string | undefined>;
  release(): Promise<void>;
  remove(): Promise<void>;
}

/** One of those who share the store. */
export interface StorageClient {
  list(prefix: string): Promise<string[]>;
  claim(id: string): Promise<RemoteRecord | undefined>;
  close(): Promise<void>;
  /** Ends without a word, as a tab or a process that is killed. */
  die(): Promise<void>;
}

export interface StorageWorld {
  open(): Promise<StorageClient>;
  /** How long after a death a record may still count as held. */
  readonly deadAfterMs: number;
  dispose(): Promise<void>;
}

export function clientStorageContract(name: string, create: () => Promise<StorageWorld>): void {
  const inWorld = (run: (world: StorageWorld) => Promise<void>) => async (): Promise<void> => {
    const world = await create();
    try {
      await run(world);
    } finally {
      await world.dispose();
    }
  };
  const claim = async (client: StorageClient, id: string): Promise<RemoteRecord> => {
    const record = await client.claim(id);
    if (!record) throw new Error(`${id} is held by somebody`);
    return record;
  };
  /** Asks until it is given, for as long as the world says. */
  const claimOfDead = async (world: StorageWorld, client: StorageClient, id: string): Promise<RemoteRecord> => {
    const endMs = performance.now() + world.deadAfterMs + 5000;
    for (;;) {
      const record = await client.claim(id);
      if (record) return record;
      if (performance.now() > endMs) throw new Error(`${id} was never given up`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const sorted = async (record: RemoteRecord): Promise<Row[]> => (await record.load()).sort(([a], [b]) => (a < b ? -1 : 1));

  describe(`${name}: client storage`, () => {
    test(
      "KEEP1 rows that were saved are there for who has the record next, also after a death; the later save wins",
      inWorld(async (world) => {
        const first = await world.open();
        const record = await claim(first, "a-1");
        expect(await record.load()).toEqual([]);
        await record.save([
          ["head", "1"],
          ["1", 'text of any kind: "\n \u0000 ☃'],
          ["2", "two"],
        ]);
        await record.save([
          ["head", "2"],
          ["2", null],
          ["3", "x".repeat(100_000)],
        ]);
        const rows = [
          ["1", 'text of any kind: "\n \u0000 ☃'],
          ["3", "x".repeat(100_000)],
          ["head", "2"],
        ];
        expect(await sorted(record)).toEqual(rows);
        await record.release();
        const second = await world.open();
        const again = await claim(second, "a-1");
        expect(await sorted(again)).toEqual(rows);
        await again.save([["4", "four"]]);
        await second.die();
        expect(await sorted(await claimOfDead(world, first, "a-1"))).toEqual([...rows.slice(0, 2), ["4", "four"], rows[2]]);
      }),
    );

    test(
      "KEEP2 rows that come and go for long leave what is left, and nothing else",
      inWorld(async (world) => {
        const client = await world.open();
        const record = await claim(client, "a-1");
        for (let n = 0; n < 150; n++) {
          const gone = n >= 3 ? [[String(n - 3), null] as const] : [];
          await record.save([[String(n), `${n} `.repeat(1000)], ...gone]);
        }
        await record.release();
        const rows = await (await claim(client, "a-1")).load();
        expect(rows.map(([key]) => key).sort()).toEqual(["147", "148", "149"]);
        expect(rows.every(([key, value]) => value === `${key} `.repeat(1000))).toBe(true);
      }),
    );

    test(
      "KEEP3 a record that somebody alive has is given to nobody, not even to the same client",
      inWorld(async (world) => {
        const [first, second] = [await world.open(), await world.open()];
        const record = await claim(first, "a-1");
        await record.save([["1", "one"]]);
        expect([await second.claim("a-1"), await first.claim("a-1")]).toEqual([undefined, undefined]);
        await claim(second, "a-2");
        await record.release();
        await record.release();
        expect(await (await claim(second, "a-1")).load()).toEqual([["1", "one"]]);
        expect(await first.claim("a-1")).toBe(undefined);
      }),
    );

    test(
      "KEEP4 of many who ask for a dead one's record at once, one gets it",
      inWorld(async (world) => {
        const dead = await world.open();
        await (await claim(dead, "a-1")).save([["1", "one"]]);
        const others = await Promise.all([world.open(), world.open(), world.open()]);
        await dead.die();
        const endMs = performance.now() + world.deadAfterMs + 5000;
        let given: (RemoteRecord | undefined)[] = [];
        while (!given.some(Boolean) && performance.now() < endMs) {
          given = await Promise.all([...others, ...others].map((client) => client.claim("a-1")));
        }
        expect(given.filter(Boolean)).toHaveLength(1);
      }),
    );

    test(
      "KEEP5 who has given a record up, or closed, saves nothing more",
      inWorld(async (world) => {
        const [first, second] = [await world.open(), await world.open()];
        const record = await claim(first, "a-1");
        expect(await record.save([["1", "one"]])).toBe(undefined);
        const other = await claim(first, "a-2");
        expect(await other.save([["1", "one"]])).toBe(undefined);
        await record.release();
        const taken = await claim(second, "a-1");
        expect(await record.save([["1", "changed"]])).toBe("closed");
        await first.close();
        expect(await taken.load()).toEqual([["1", "one"]]);
        expect(await (await claim(second, "a-2")).load()).toEqual([["1", "one"]]);
      }),
    );

    test(
      "KEEP6 list names the records that hold something, by how their names begin; what was removed is gone",
      inWorld(async (world) => {
        const [first, second] = [await world.open(), await world.open()];
        const [one, two, other] = [await claim(first, "a-1"), await claim(first, "a-2"), await claim(first, "ab-3")];
        await claim(first, "a-4");
        for (const record of [one, two, other]) await record.save([["1", "one"]]);
        expect([await second.list("a-"), await second.list("ab-"), await second.list("b")]).toEqual([
          ["a-1", "a-2"],
          ["ab-3"],
          [],
        ]);
        await one.remove();
        expect(await second.list("a-")).toEqual(["a-2"]);
        expect(await (await claim(second, "a-1")).load()).toEqual([]);
      }),
    );
  });
}
