/** Who posts and does not poll: what is remembered of them, and for how long. Rules: docs/protocol/ajax.md. */
import { expect, test } from "vitest";
import type { Connection } from "../../src/server/connection.ts";
import { createVisitors } from "../../src/server/visitors.ts";
import { createBucket, take } from "../../src/tail/bucket.ts";

test("AJAX17 a visitor is forgotten when it was quiet for 10 s, nobody waits for it and its rates are whole; others make room", () => {
  let nowMs = 0;
  const visitors = createVisitors({ monotonicMs: () => nowMs }, { maxConnections: 2, maxConnectionsPerUser: 1 });
  const made: Connection[] = [];
  const of = (key: string, user: { id: string; anonymous?: true } = { id: key, anonymous: true }) =>
    visitors.of(key, user, () => {
      const connection = { openCallbacks: 0, closing: false, user } as Connection;
      made.push(connection);
      return connection;
    });
  const ada = of("1", { id: "ada" });
  expect([of("1", { id: "ada" }), of("2", { id: "ada" })]).toEqual([ada, undefined]);
  const bob = of("3") as Connection;
  expect([of("4"), made.length]).toEqual([undefined, 2]);
  bob.openCallbacks = 1;
  nowMs = 10_000;
  // The place of the first is free; of the second an answer is awaited.
  const eve = of("2", { id: "ada" }) as Connection;
  expect([eve === ada, of("4"), made.length]).toEqual([false, undefined, 3]);
  bob.openCallbacks = 0;
  eve.messages = createBucket({ perSecond: 0.1, burst: 2 }, nowMs);
  take(eve.messages, nowMs);
  eve.closing = true;
  nowMs = 19_999;
  expect([of("2", { id: "ada" }), of("3")]).toEqual([undefined, bob]);
  // Its rate is whole by then, and what it was ended for is over.
  nowMs = 40_000;
  expect(of("2", { id: "ada" })).toBe(made[3]);
});
