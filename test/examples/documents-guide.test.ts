/** The file that the guide to documents is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to documents: hooks, edits on both sides, undo, who is there, a field, offline", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen, onDevice } = await import("../../examples/guides/documents.ts");
  const text = "Draft: # Minutes\nAda is here.\nShe takes the minutes.\n";
  expect(seen).toEqual({
    field: text,
    stored: text,
    isKept: true,
    others: expect.arrayContaining([[{ name: "Ada" }, "writing"]]),
    opening: "Once upon a time",
  });
  expect(onDevice).toEqual({ text, isSynced: false });
  expect(printed).toHaveBeenCalledWith("up to date");
  vi.restoreAllMocks();
});
