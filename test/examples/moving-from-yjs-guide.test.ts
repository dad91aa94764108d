/** The file that the guide to moving from y-websocket and Hocuspocus is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to moving from y-websocket or Hocuspocus: three providers, one document, and a word beside it", async () => {
  const { texts, type, ask, isSynced, end } = await import("../../examples/guides/moving-from-yjs.ts");
  await vi.waitFor(() => expect(isSynced()).toBe(true), 40_000);
  type("one text");
  await vi.waitFor(() => expect(texts()).toEqual(Array(3).fill("one text")), 40_000);
  expect(await ask("hello")).toBe("heard: hello");
  await end();
});
