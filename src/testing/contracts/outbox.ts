/**
 * The contract of outbox stores: what every store of an outbox keeps, wherever its records live. A new one's test is a factory
 * of clients that share it.
 * Rules: docs/protocol/writes.md KEEP1-KEEP8.
 */
import type { OpenOutboxStore, OutboxRecord, Row } from "../../client/storage/store.ts";
import { ContractFailure, type ContractTest, equal, ok, rejects, suiteIn, type WorldTests } from "./suite.ts";

/** One of those who share the store: a tab or a process, which may be another one than the test's. */
export interface OutboxClient extends OpenOutboxStore {
  /** Ends without a word, as a tab or a process that is killed. */
  die(): Promise<void>;
}

/** An empty store. */
export interface OutboxWorld {
  /** One more who shares it. */
  open(): Promise<OutboxClient>;
  /** How long after a death a record may still count as held. */
  readonly deadAfterMs: number;
  dispose?(): void | Promise<void>;
}

/** Tests of an `OutboxStore`. `create` makes an empty one, which one test has for itself. */
export function outboxContractSuite(create: () => OutboxWorld | Promise<OutboxWorld>): readonly ContractTest[] {
  return suiteIn(create, tests);
}

const claim = async (client: OutboxClient, id: string): Promise<OutboxRecord> => {
  const record = await client.claim(id);
  if (!record) throw new ContractFailure(`${id} is held by somebody`);
  return record;
};

/** Asks until it is given, for as long as the world says. */
const claimOfDead = async (world: OutboxWorld, client: OutboxClient, id: string): Promise<OutboxRecord> => {
  const endMs = performance.now() + world.deadAfterMs + 5000;
  for (;;) {
    const record = await client.claim(id);
    if (record) return record;
    if (performance.now() > endMs) throw new ContractFailure(`${id} was never given up`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const rowsOf = async (record: OutboxRecord): Promise<Row[]> => (await record.load()).sort(([a], [b]) => (a < b ? -1 : 1));

const tests: WorldTests<OutboxWorld> = {
  "KEEP1 rows that were saved are there for who has the record next, also after a death; the later save wins": async (world) => {
    const first = await world.open();
    const record = await claim(first, "a-1");
    equal(await record.load(), []);
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
    equal(await rowsOf(record), rows);
    await record.release();
    const second = await world.open();
    const again = await claim(second, "a-1");
    equal(await rowsOf(again), rows);
    await again.save([["4", "four"]]);
    await second.die();
    equal(await rowsOf(await claimOfDead(world, first, "a-1")), [...rows.slice(0, 2), ["4", "four"], rows[2]]);
  },

  "KEEP2 rows that come and go for long leave what is left, and nothing else": async (world) => {
    const client = await world.open();
    const record = await claim(client, "a-1");
    for (let n = 0; n < 150; n++) {
      const gone = n >= 3 ? [[String(n - 3), null] as const] : [];
      await record.save([[String(n), `${n} `.repeat(1000)], ...gone]);
    }
    await record.release();
    const rows = await rowsOf(await claim(client, "a-1"));
    equal(
      rows,
      ["147", "148", "149"].map((key) => [key, `${key} `.repeat(1000)]),
    );
  },

  "KEEP3 a record that somebody alive has is given to nobody, not even to the same client": async (world) => {
    const [first, second] = [await world.open(), await world.open()];
    const record = await claim(first, "a-1");
    await record.save([["1", "one"]]);
    equal([await second.claim("a-1"), await first.claim("a-1")], [undefined, undefined]);
    await claim(second, "a-2");
    await record.release();
    await record.release();
    equal(await (await claim(second, "a-1")).load(), [["1", "one"]]);
    equal(await first.claim("a-1"), undefined);
  },

  "KEEP4 of many who ask for a dead one's record at once, one gets it": async (world) => {
    const dead = await world.open();
    await (await claim(dead, "a-1")).save([["1", "one"]]);
    const others = await Promise.all([world.open(), world.open(), world.open()]);
    await dead.die();
    const endMs = performance.now() + world.deadAfterMs + 5000;
    let given: (OutboxRecord | undefined)[] = [];
    while (!given.some(Boolean) && performance.now() < endMs) {
      given = await Promise.all([...others, ...others].map((client) => client.claim("a-1")));
    }
    equal(given.filter(Boolean).length, 1, "how many got it");
  },

  "KEEP5 who has given a record up, or closed, saves nothing more": async (world) => {
    const [first, second] = [await world.open(), await world.open()];
    const record = await claim(first, "a-1");
    await record.save([["1", "one"]]);
    const other = await claim(first, "a-2");
    await other.save([["1", "one"]]);
    await record.release();
    const taken = await claim(second, "a-1");
    await rejects(() => record.save([["1", "changed"]]), "closed", "a save of a record that was released");
    await first.close();
    equal(await taken.load(), [["1", "one"]]);
    equal(await (await claim(second, "a-2")).load(), [["1", "one"]]);
  },

  "KEEP6 list names the records that hold something, by how their names begin; what was removed is gone": async (world) => {
    const [first, second] = [await world.open(), await world.open()];
    const [one, two, other] = [await claim(first, "a-1"), await claim(first, "a-2"), await claim(first, "ab-3")];
    await claim(first, "a-4");
    for (const record of [one, two, other]) await record.save([["1", "one"]]);
    const sorted = async (prefix: string): Promise<string[]> => (await second.list(prefix)).sort();
    equal([await sorted("a-"), await sorted("ab-"), await sorted("b")], [["a-1", "a-2"], ["ab-3"], []]);
    await one.remove();
    equal(await sorted("a-"), ["a-2"]);
    ok((await (await claim(second, "a-1")).load()).length === 0, "what was removed holds nothing");
  },

  "KEEP7 a record is read whoever has it, all of it or one row, as it was after one of its saves": async (world) => {
    const [first, second] = [await world.open(), await world.open()];
    equal(await second.read("a-1"), []);
    const record = await claim(first, "a-1");
    await record.save([
      ["1", "one"],
      ["2", "two"],
    ]);
    const sorted = async (key?: string): Promise<Row[]> => (await second.read("a-1", key)).sort(([a], [b]) => (a < b ? -1 : 1));
    equal(
      [await sorted(), await sorted("2"), await sorted("3")],
      [
        [
          ["1", "one"],
          ["2", "two"],
        ],
        [["2", "two"]],
        [],
      ],
    );
    const writing = (async () => {
      for (let n = 0; n < 20; n++) {
        await record.save([
          ["1", String(n)],
          ["2", String(n)],
        ]);
      }
    })();
    for (let n = 0; n < 20; n++) {
      const [[, one] = [], [, two] = []] = await sorted();
      ok(one === two || (one === "one" && two === "two"), `a save that is there in part: ${one} and ${two}`);
    }
    await writing;
  },

  "KEEP8 a swap changes all where a row is as it was thought to be, and nothing where it is not": async (world) => {
    const client = await world.open();
    equal(await client.swap("c-1", "head", "1", [["head", "2"]]), false);
    equal(await client.read("c-1"), []);
    equal(
      await client.swap("c-1", "head", null, [
        ["head", "1"],
        ["1", "one"],
      ]),
      true,
    );
    equal(await client.swap("c-1", "head", null, [["head", "2"]]), false);
    equal(
      await client.swap("c-1", "head", "1", [
        ["head", null],
        ["1", null],
      ]),
      true,
    );
    equal([await client.read("c-1"), await client.list("c-")], [[], []]);
  },

  "KEEP8 of many swaps at once none is lost, also where one who swaps dies": async (world) => {
    const clients = await Promise.all([world.open(), world.open(), world.open()]);
    const mortal = await world.open();
    const add = async (client: OutboxClient, key: string): Promise<void> => {
      for (;;) {
        const head = (await client.read("c-1", "head"))[0]?.[1] ?? null;
        const isDone = await client.swap("c-1", "head", head, [
          ["head", String(Number(head ?? 0) + 1)],
          [key, "x".repeat(1000)],
        ]);
        if (isDone) return;
      }
    };
    const adding = clients.map(async (client, index) => {
      for (let n = 0; n < 8; n++) await add(client, `${index}-${n}`);
    });
    await add(mortal, "mortal");
    void add(mortal, "perhaps").catch(() => {});
    await mortal.die();
    await Promise.all(adding);
    const rows = new Map(await (await world.open()).read("c-1"));
    const head = Number(rows.get("head"));
    rows.delete("head");
    equal(rows.size, head, "as many rows as swaps");
    ok(head === 25 || head === 26, `${head} swaps`);
  },
};
