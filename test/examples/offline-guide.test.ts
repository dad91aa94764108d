/** The file that the guide "Offline" is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to offline: what a program wrote before it ended is there, and a refused write was changed", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/offline.ts");
  expect(seen).toMatchObject({ before: 0, kept: ["on the train", "no words"], rejected: 0 });
  expect(printed).toHaveBeenCalledWith("closed");
  expect(printed).toHaveBeenCalledWith("synchronized", 0);
  vi.restoreAllMocks();
});
