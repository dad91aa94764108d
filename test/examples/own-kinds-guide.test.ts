/** The file that the guide "Kinds of your own" is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to own kinds: at once, rejected here and there, the server's own, and the laws", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/own-kinds.ts");
  vi.restoreAllMocks();
  expect(seen).toEqual({
    bobs: { "1A": "the desk", "12A": "ada" },
    codes: ["app/not-yours"],
    rejected: ["app/not-yours"],
    agree: true,
    desk: undefined,
    eyes: 1,
    laws: 7,
  });
  expect(printed).toHaveBeenCalledWith(1);
});
