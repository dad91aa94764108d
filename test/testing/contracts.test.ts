/** The contracts catch what breaks them: one planted fault each. That they hold for the honest is tested where those are. */
import { describe, expect, test } from "vitest";
import { realEnv } from "../../src/core/env.ts";
import { connectorContractSuite } from "../../src/testing/contracts/connector.ts";
import { logContractSuite } from "../../src/testing/contracts/log.ts";
import { type OutboxClient, outboxContractSuite } from "../../src/testing/contracts/outbox.ts";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { storageContractSuite } from "../../src/testing/contracts/storage.ts";
import { ContractFailure, type ContractTest, equal, throws } from "../../src/testing/contracts/suite.ts";
import { textOf } from "../../src/testing/contracts/text.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { realTime } from "../../src/testing/contracts/transport-world.ts";
import type { Log, OpenLog } from "../../src/topic/log.ts";
import { createMemoryLog } from "../../src/topic/memory-log.ts";
import { memoryConnector, memoryPair } from "../../src/transport/memory.ts";
import type { Connector, Transport } from "../../src/transport/transport.ts";
import { edn } from "../../src/wire/edn.ts";
import type { Packer } from "../../src/wire/packer.ts";

/** The rules of the tests that reject, each once. */
async function broken(suite: readonly ContractTest[]): Promise<string[]> {
  const rules = new Set<string>();
  for (const { name, run } of suite) {
    await run().catch((error: unknown) => {
      expect(error).toBeInstanceOf(ContractFailure);
      rules.add(name.split(" ")[0] as string);
    });
  }
  return [...rules];
}

/** The same object, with some methods of its own. */
const over = <T extends object>(inner: T, own: Partial<T>): T =>
  new Proxy(inner, {
    get(_, key) {
      const value: unknown = Reflect.get(own, key) ?? Reflect.get(inner, key);
      return typeof value === "function" ? value.bind(inner) : value;
    },
    set: (_, key, value) => Reflect.set(inner, key, value),
  });

const logOf = (change: (log: OpenLog) => Partial<OpenLog>): Log => {
  const log = createMemoryLog(realEnv);
  const open: Log["open"] = (topic, options) => {
    const topicLog = log.open(topic, options) as OpenLog;
    return over(topicLog, change(topicLog));
  };
  return over(log, { open });
};

test("a log that ignores what an append expects, or where reading begins, is caught", async () => {
  const suiteOf = (change: (log: OpenLog) => Partial<OpenLog>) => {
    const create = () => ({ log: logOf(change), advance() {}, nowMs: () => 0 });
    return logContractSuite(create, { durable: false }).filter(({ name }) => /^LOG[23] /.test(name));
  };
  expect(await broken(suiteOf(() => ({})))).toEqual([]);
  const careless = suiteOf((log) => ({
    append: (records) => log.append(records, { epoch: log.position.epoch, offset: log.decided }),
  }));
  expect(await broken(careless)).toEqual(["LOG2"]);
  expect(await broken(suiteOf((log) => ({ read: (_, limit) => log.read(1, limit) })))).toEqual(["LOG3"]);
});

test("a storage that keeps nothing is caught, and its place is removed once for each test", async () => {
  let [opened, disposed] = [0, 0];
  const suite = storageContractSuite(() => {
    opened++;
    const storage = { name: "forgetful", open: async () => createMemoryLog(realEnv) };
    return { storage, dispose: () => void disposed++ };
  });
  expect(await broken(suite.filter(({ name }) => /^LOG(1|6|10) /.test(name)))).toEqual(["LOG6", "LOG10"]);
  expect([opened, disposed]).toEqual([6, 6]);
});

test("a transport that tells a close twice is caught", async () => {
  const suiteOf = (change: (end: Transport) => Transport) => {
    const suite = transportContractSuite(() => {
      const [client, server] = memoryPair();
      return { client: change(client), server, ...realTime };
    });
    return suite.filter(({ name }) => /^TRANSPORT[23] /.test(name));
  };
  expect(await broken(suiteOf((end) => end))).toEqual([]);
  const close = (end: Transport) =>
    over(end, {
      close(code, reason) {
        const { handlers } = end;
        end.handlers = { ...handlers, onClose: (...how) => [1, 2].forEach(() => void handlers?.onClose?.(...how)) };
        end.close(code, reason);
      },
    });
  expect(await broken(suiteOf(close))).toEqual(["TRANSPORT2", "TRANSPORT3"]);
});

test("a connector that opens at once is caught", async () => {
  const suite = connectorContractSuite(() => {
    const connector: Connector = {
      ...memoryConnector(() => {}),
      open(_url, { onOpen }) {
        onOpen(memoryPair()[0]);
        return { cancel() {} };
      },
    };
    return { connector, url: "memory:", accepted: [], ...realTime };
  });
  expect(await broken(suite)).toEqual(["TRANSPORT8"]);
});

test("a packer that forgets a type, or reads beyond its budget, is caught", async () => {
  const suiteOf = (change: (packer: Packer) => Partial<Packer>) =>
    packerContractSuite(() => ({ ...edn(), ...change(edn()) }), { runs: 20 });
  expect(await broken(suiteOf(() => ({})))).toEqual([]);
  const dull = suiteOf((packer) => ({ pack: (value) => packer.pack(value instanceof Date ? value.getTime() : value) }));
  expect(await broken(dull)).toContain("PACK2");
  expect(await broken(suiteOf((packer) => ({ unpack: (packed) => packer.unpack(packed) })))).toEqual([
    "BUDGET1",
    "BUDGET2",
    "BUDGET3",
  ]);
});

test("an outbox store that gives a record to two is caught", async () => {
  const suite = outboxContractSuite(() => {
    const stored = new Map<string, Map<string, string>>();
    const client: OutboxClient = {
      list: async (prefix) => [...stored.keys()].filter((id) => id.startsWith(prefix)).sort(),
      async claim(id) {
        const rows = stored.get(id) ?? new Map<string, string>();
        return {
          load: async () => [...rows],
          async save(changes) {
            stored.set(id, rows);
            for (const [key, value] of changes) value === null ? rows.delete(key) : rows.set(key, value);
          },
          async release() {},
          remove: async () => void stored.delete(id),
        };
      },
      read: async (id) => [...(stored.get(id) ?? [])],
      async swap(id, key, value, changes) {
        const rows = stored.get(id) ?? new Map<string, string>();
        // Somebody else's turn.
        await Promise.resolve();
        stored.set(id, rows);
        for (const [changed, next] of changes) next === null ? rows.delete(changed) : rows.set(changed, next);
        return (rows.get(key) ?? null) !== value;
      },
      async close() {},
      async die() {},
    };
    return { open: async () => client, deadAfterMs: 0 };
  });
  expect(await broken(suite)).toEqual(["KEEP3", "KEEP4", "KEEP5", "KEEP7", "KEEP8"]);
});

describe("what contracts assert by", () => {
  test.each([
    [{ b: [1, -0], a: new Map([["k", undefined]]) }, '{"a": Map {"k" => undefined}, "b": [1, -0]}'],
    [new Set(["b", "a"]), 'Set {"a", "b"}'],
    [[10n, Uint8Array.of(1, 255), new Date(5), new RangeError("far")], "[10n, bytes(01ff), Date(5), RangeError(far)]"],
    [
      new (class Point {
        x = 1;
      })(),
      'Point {"x": 1}',
    ],
    [Object.assign(Object.create(null), { a: null }), '{"a": null}'],
    [Array(1), "[hole]"],
  ])("a value is read as text: %#", (value, text) => {
    expect(textOf(value)).toBe(text);
  });

  test("a value in itself ends", () => {
    const value: unknown[] = [];
    value.push(value, [value]);
    expect(textOf(value)).toBe("[[circular], [[circular]]]");
  });

  test("a difference is shown where it is", () => {
    const long = "x".repeat(500);
    expect(() => equal({ a: 1 }, { a: 1 })).not.toThrow();
    expect(() => equal({ a: 1 }, { a: 2 }, "it")).toThrow('it: expected {"a": 2}, and it is {"a": 1}');
    expect(() => equal(`${long}1`, `${long}2`)).toThrow(/^expected …x{20}2", and it is …x{20}1"$/);
    expect(() => throws(() => 1, "closed", "it")).toThrow("it: expected SyncError closed, and there was 1");
    expect(() => throws(() => JSON.parse("{"), "closed", "it")).toThrow(/^it: expected SyncError closed .* SyntaxError/);
  });
});
