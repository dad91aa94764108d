/** The file that the guide to shared state is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to shared state: writes, order, undo, a rejection, and the server's own", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/shared-state.ts");
  expect(seen).toEqual({
    sorted: ["Write", "Read", "Print"],
    skipped: [],
    rejected: "app/too-long",
    conflicts: [],
    title: "Plan",
    his: ["a Write true", "b Read true", "c Print true", "d Rest false"],
    log: ["the server changed … of org/acme/board/7", "somebody changed … of org/acme/board/7"],
  });
  expect(printed).toHaveBeenCalledWith("Plan", "local");
  vi.restoreAllMocks();
});
