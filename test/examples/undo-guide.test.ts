/** The file that the guides to undo and to batches are cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to undo: one stack over two topics, groups, a batch, and what somebody else changed", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/undo.ts");
  const skipped = [{ topic: "notes/7", path: [], mutation: "rename" }];
  expect(seen).toEqual({
    afterStack: ["Plan", ["Draw it"]],
    afterBatch: [
      ["a", "b", "c"],
      ["Draw it", "Pasted"],
    ],
    undone: { changed: [], skipped },
    texts: ["Draw it", "Keep it"],
  });
  expect(printed).toHaveBeenCalledWith("Somebody else has changed that since:", skipped);
  vi.restoreAllMocks();
});
