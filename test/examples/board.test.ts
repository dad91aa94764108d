/** The board's server as the gallery runs it, over a real WebSocket: who may remove what, and a restart in the same folder. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, rejectedWrites, store } from "sente-sync/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { besides, inColumn, wordsFor } from "../../examples/board/board.ts";
import { type Card, board as ref } from "../../examples/board/contract.ts";
import { start } from "../../examples/board/server.ts";

const waited = { timeout: 40_000, interval: 10 };

async function open() {
  const folder = mkdtempSync(join(tmpdir(), "sente-sync-board-test-"));
  let running = start(folder);
  const port = await running.sync.listen(0);
  onTestFinished(async () => {
    await running.close();
    rmSync(folder, { recursive: true });
  });
  return {
    async restart() {
      await running.close();
      running = start(folder);
      await running.sync.listen(port);
    },
    async come(name: string) {
      const client = createClient(`ws://localhost:${port}/chsk?name=${name}`);
      onTestFinished(() => client.close());
      const rejected = rejectedWrites(client);
      const board = store(client, ref);
      board.keep();
      await board.ready;
      const find = (text: string) => board.get()?.cards.find((card) => card.text === text) as Card;
      return { client, rejected, board, find };
    },
  };
}

test("cards are added, edited, moved before another, and removed by who wrote them", async () => {
  const { come } = await open();
  const [ada, bob] = [await come("Ada"), await come("Bob")];
  const first = ada.board.get()?.cards.length as number;
  expect(first).toBeGreaterThan(0);
  await ada.board.do.add({ column: "To do", text: "  Milk " }).stored;
  expect(ada.find("Milk")).toMatchObject({ column: "To do", by: "Ada" });
  await ada.board.do.add({ column: "Doing", text: "Bread" }).stored;
  await vi.waitFor(() => expect(bob.find("Bread")).toBeDefined(), waited);
  bob.board.do.edit({ id: bob.find("Milk").id, text: "Oat milk" });
  bob.board.do.move({ id: bob.find("Oat milk").id, column: "Doing", before: bob.find("Bread").id });
  const doing = () => inColumn(bob.board.get()?.cards ?? [], "Doing").map(({ text }) => text);
  expect(doing().slice(-2)).toEqual(["Oat milk", "Bread"]);
  await bob.board.do.move({ id: bob.find("Oat milk").id, column: "Done", before: null }).stored;
  expect(doing().at(-1)).toBe("Bread");
  expect(besides(bob.find("Oat milk"))).toEqual(["Doing", undefined]);
  await vi.waitFor(() => expect(ada.board.get()).toEqual(bob.board.get()), waited);
  await ada.board.do.remove(ada.find("Oat milk").id).stored;
  await vi.waitFor(() => expect(bob.find("Oat milk")).toBeUndefined(), waited);
  expect(() => ada.board.do.add({ column: "To do", text: " " })).toThrow(expect.objectContaining({ code: "invalid" }));
});

test("a card that somebody else wrote comes back, alone, with the reason; a card that is gone is told as gone", async () => {
  const { come } = await open();
  const [ada, bob] = [await come("Ada"), await come("Bob")];
  await ada.board.do.add({ column: "To do", text: "Of Ada" }).stored;
  await vi.waitFor(() => expect(bob.find("Of Ada")).toBeDefined(), waited);
  const before = bob.board.do.add({ column: "Doing", text: "Before" });
  const refused = bob.board.do.remove(bob.find("Of Ada").id);
  const after = bob.board.do.add({ column: "Doing", text: "After" });
  expect(bob.find("Of Ada")).toBeUndefined();
  await expect(refused.stored).rejects.toMatchObject({ code: "forbidden", message: "Only Ada may remove that card." });
  await Promise.all([before.stored, after.stored]);
  for (const text of ["Of Ada", "Before", "After"]) expect(bob.find(text), text).toBeDefined();
  const words = () => bob.rejected.get().map((write) => wordsFor(write, bob.board.get()?.cards ?? []));
  expect(words()).toEqual(["“Of Ada” was not removed"]);

  // Still no: the list has it once.
  await expect(bob.rejected.get()[0]?.retry().stored).rejects.toMatchObject({ code: "forbidden" });
  expect(words()).toEqual(["“Of Ada” was not removed"]);
  bob.rejected.get()[0]?.discard();
  expect(words()).toEqual([]);

  bob.client.disconnect();
  const offline = bob.board.do.edit({ id: bob.find("Of Ada").id, text: "Of Bob" });
  await ada.board.do.remove(ada.find("Of Ada").id).stored;
  bob.client.connect();
  await expect(offline.stored).rejects.toMatchObject({ code: "app/gone" });
  expect(words()).toEqual(["“Of Bob” was not changed"]);
  await vi.waitFor(() => expect(bob.board.get()).toEqual(ada.board.get()), waited);
});

test("a restart forgets nothing, is seeded no second time, and a call that was made meanwhile is done once", async () => {
  const { come, restart } = await open();
  const ada = await come("Ada");
  await ada.board.do.add({ column: "Done", text: "Before" }).stored;
  const count = ada.board.get()?.cards.length as number;
  const restarted = restart();
  const meanwhile = ada.board.do.add({ column: "Done", text: "Meanwhile" });
  await restarted;
  await meanwhile.stored;
  const bob = await come("Bob");
  expect(bob.board.get()?.cards).toHaveLength(count + 1);
  expect(bob.board.get()).toEqual(ada.board.get());
});
