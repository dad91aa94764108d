/** The file that the guides to presence and to presenting are cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guides to presence: members, events, the server's handle, presenting, areas", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/presence.ts");
  expect(seen).toHaveLength(6);
  expect(seen).toEqual(expect.arrayContaining(["Ada 1", "Ada 3", "undefined 0", 2, { slide: 3 }, 1]));
  expect(printed).toHaveBeenCalledWith(["Bob online"]);
  expect(printed).toHaveBeenCalledWith("Ada presents");
  vi.restoreAllMocks();
});
