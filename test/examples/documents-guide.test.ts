/** The file that the guide to documents is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to documents: hooks, edits on both sides, undo, who is there, a field", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/documents.ts");
  const text = "Draft: # Minutes\nAda is here.\nShe takes the minutes.\n";
  expect(seen).toEqual({
    field: text,
    stored: text,
    isKept: true,
    others: expect.arrayContaining([[{ name: "Ada" }, "writing"]]),
  });
  expect(printed).toHaveBeenCalledWith("up to date");
  vi.restoreAllMocks();
});
