/** The file that the guide "Stores and mutations" is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to mutations: at once, rejected here and there, offline, and the server's own", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/mutations.ts");
  expect(seen).toEqual({
    alone: ["Look around", "Milk", "Bread"],
    together: ["Look around", "Milk", "Of Bob", "Bread"],
    outcomes: ["fulfilled", "rejected", "fulfilled"],
    rejected: [["add", "One too many", "app/too-many"]],
    his: ["Of Bob", "Bread", "Third", "From the server", "The end"],
    offset: 9,
  });
  expect(printed).toHaveBeenCalledWith(2, "local");
  expect(printed).toHaveBeenCalledWith("app/gone");
  expect(printed).toHaveBeenCalledWith("app/too-many", "Three each, please.", "add", "One too many");
  vi.restoreAllMocks();
});
