/** The file that the guide "Durability" is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to durability: what was stored is there after a restart, from a copy, and seeded once", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/durability.ts");
  expect(seen).toEqual({
    offset: 1,
    receipt: ["strict", 2],
    kept: ["tea", "milk"],
    stock: { left: 99 },
    seeded: 1,
    carts: ["cart/ada", "cart/bob"],
  });
  expect(printed.mock.calls[0]).toEqual(["strict", 2]);
  vi.restoreAllMocks();
});
