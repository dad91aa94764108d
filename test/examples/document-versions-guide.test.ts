/** The file that the guide to versions of documents is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to versions of documents: create, preview, diff, restore, undo, and the server's side", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/document-versions.ts");
  expect(seen).toEqual({
    changed: ["We meet on ", "-Mon", "+Fri (bob)", "day."],
    restored: "We meet on Monday.",
    undone: "We meet on Friday.",
    left: [["Published", null]],
  });
  expect(printed).toHaveBeenCalledWith("We meet on Monday.");
  expect(printed).toHaveBeenCalledWith(["Draft, by ada"]);
  vi.restoreAllMocks();
});
