/** The files that the guides "Stores" and "Connection states" are cut from, run as they stand. */
import { expect, test, vi } from "vitest";

test("the guide to stores: each reader sees what is promised", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/stores.ts");
  expect(seen).toEqual({
    stats: { visitors: 8, pages: { "/pricing": 1 } },
    isShared: true,
    visitors: 8,
    final: { home: 1, away: 1 },
    mine: { mine: 5200 },
  });
  expect(printed.mock.calls[0]).toEqual([undefined, undefined]);
  expect(printed.mock.calls[1]).toEqual([{ visitors: 7, pages: { "/pricing": 1 } }, "snapshot"]);
  vi.restoreAllMocks();
});

test("the guide to stores: a late joiner hears what is kept, then what comes", async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/channels.ts");
  expect(seen).toEqual({ heard: ["Tea?", "With milk."], gaps: [], offset: 2 });
  vi.restoreAllMocks();
});

test("the guide to connection states: refused, let in, cut, back, closed", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/connection-states.ts");
  expect(seen.isOpen).toBe(true);
  const { states } = seen;
  expect(states.slice(0, 4)).toEqual(["initial", "connecting", "connected", "reconnecting"]);
  expect(states.slice(-3)).toEqual(["connected", "disconnected", "closed"]);
  expect(printed).toHaveBeenCalledWith("the first connection");
  expect(printed).toHaveBeenCalledWith("gone:", "unexpected");
  expect(printed).toHaveBeenCalledWith("back; the server still knew this client:", false);
  vi.restoreAllMocks();
});
