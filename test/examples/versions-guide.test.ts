/** The files that the guides "Versions of your data" and "Permissions" are cut from, run as they stand. */
import { expect, test, vi } from "vitest";

test("the guide to versions: old and new pages at once, what was stored, and a page that has to be loaded anew", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/versions.ts");
  expect(seen).toEqual({
    migrated: { title: "Write the guide", state: "open", labels: [] },
    both: [
      { title: "Write the guides", state: "done", labels: ["docs"] },
      { name: "Write the guides", done: true },
    ],
    score: { points: 3, by: { "?": 3 } },
    lost: "version",
    rejected: [["limits", "version"]],
    reason: { code: "version", have: 1, need: 2 },
  });
  expect(printed).toHaveBeenCalledWith("This page has version 1, the server 2: reload it.");
  vi.restoreAllMocks();
});

test("the guide to permissions: by topic, and by path", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/permissions.ts");
  expect(seen).toEqual({
    hers: { notes: {}, hours: { ada: 8 } },
    code: "forbidden",
    outside: "forbidden",
    data: { path: ["hours", "bob"] },
    live: { notes: {}, hours: { ada: 8, bob: 2 }, budget: 1000 },
  });
  expect(printed).toHaveBeenCalledWith({ notes: {}, hours: { ada: 1 } });
  vi.restoreAllMocks();
});
