/** The file that the guide to channels is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to channels: positions, history, wildcards, readers and a queue of work", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { more } = await import("../../examples/guides/channels.ts");
  expect(more).toEqual({
    later: ["And sugar."],
    newest: ["With milk.", "And sugar."],
    before: ["Tea?"],
    everywhere: ["garden: Rain."],
    readers: { connections: 1, users: 1 },
    buried: "cannot read it (2)",
    done: ["cat.png", "dog.png"],
    group: expect.objectContaining({ members: 1, done: 2, dead: 1, failed: 1, waiting: 0 }),
  });
  expect(printed).toHaveBeenCalledWith(1, "in the kitchen");
  vi.restoreAllMocks();
});
