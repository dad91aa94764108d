/** The files that the guides are cut from, run as they stand. */
import { expect, test, vi } from "vitest";

test("the guide to events: a reply, a push and a refusal", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/events.ts");
  expect(seen).toEqual({ user: { name: "user 7" }, news: "for every connection of ada", refused: "forbidden" });
  expect(printed).toHaveBeenCalledWith("ada", "says", "hello");
  vi.restoreAllMocks();
});

test("the guide to queues: what was dropped, what waited", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/queues.ts");
  expect(seen).toMatchObject({
    dropped: [1, 2],
    next: { ok: true, value: 3 },
    outcome: "ok",
    counters: { dropsOldest: 2, length: 2 },
  });
  expect(printed).toHaveBeenCalledWith(expect.stringContaining("drops_oldest=2"));
  vi.restoreAllMocks();
});
