/** An own kind under everything that breaks: histories from seeds, and what has to be true of each. */
import { type Receipt, topic as topicOn } from "sente-sync/client";
import { topic } from "sente-sync/server";
import { simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import { stocks } from "./stock.ts";

const shop = stocks({ shop: "one" });

interface Made {
  readonly number: number;
  readonly isNothing: boolean;
  readonly receipt: Receipt;
  code?: string;
}

test("KIND14 under faults no operation is done twice or lost, none goes below the floor, and all end equal", async () => {
  const reached = { stored: 0, rejected: 0, lives: 0, faults: 0 };
  for (let seed = 1; seed <= 200; seed++) {
    const report = await simulate({
      seed,
      ops: 24,
      clients: 3,
      storage: true,
      outbox: true,
      // Of a profile that was copied, both send what it had.
      without: ["client-copy"],
      // Who was away for a while is given the state instead of entries.
      install: (sync) => topic(sync, shop, { retention: { maxEntries: 2 } }),
      open(client) {
        const own = topicOn(client, shop);
        own.keep();
        return own;
      },
      model: (): Made[] => [],
      workload: {
        take({ client, model, rng }) {
          const number = model.length + 1;
          const by = rng.int(7) - 4;
          try {
            const made: Made = { number, isNothing: by === 0, receipt: client.app.send([by, number]) };
            made.receipt.stored.catch((error: { code: string }) => {
              made.code = error.code;
            });
            model.push(made);
          } catch {
            // Not even sent: nobody has to know of it.
          }
        },
      },
      always({ clients }) {
        for (const client of clients) {
          const { left, done } = (client.isUp && client.app.get()) || { left: 0, done: [] };
          if (left < 0 || new Set(done).size < done.length) throw new Error(`${client.name} is shown ${left} after ${done}.`);
        }
      },
      onError: () => {},
      async after({ model, server, clients }) {
        const state = server.app.get();
        for (const { app } of clients) expect([app.get(), app.pending]).toEqual([state, 0]);
        expect(new Set(state.done).size).toBe(state.done.length);
        const done = new Set(state.done);
        for (const { number, isNothing, receipt, code } of model) {
          // Whose page was closed, or whose session was forgotten, knows nothing.
          if (code === "closed" || code === "session-lost" || receipt.status === "local" || receipt.status === "sent") continue;
          if (code) {
            reached.rejected++;
            expect(done.has(number), `${number} was rejected (${code})`).toBe(false);
          } else {
            reached.stored++;
            expect(done.has(number), `${number} was stored`).toBe(!isNothing);
          }
        }
      },
    });
    reached.lives += report.serverLives;
    reached.faults += report.faults;
  }
  // It was not quiet.
  expect(reached.stored).toBeGreaterThan(1000);
  expect(reached.rejected).toBeGreaterThan(100);
  expect(reached.lives).toBeGreaterThan(220);
  expect(reached.faults).toBeGreaterThan(1000);
});
