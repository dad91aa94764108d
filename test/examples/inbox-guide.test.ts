/** The file that the guide to the inbox is cut from, run as it stands. */
import { expect, test, vi } from "vitest";

test("the guide to the inbox: mail while away, a refusal, an answer, and what is unread", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { seen } = await import("../../examples/guides/inbox.ts");
  expect(seen).toEqual({
    refused: "forbidden",
    heard: ["invoice/paid from the server", "invoice/paid from the server", "chat/message from ada", "lunch/proposed from ada"],
    paid: [7, 8],
    agreed: true,
    unread: [4, 0],
    items: 4,
  });
  expect(printed).toHaveBeenCalledWith(0, "unread");
  vi.restoreAllMocks();
});
