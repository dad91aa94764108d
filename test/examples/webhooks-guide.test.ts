/** The file that the guide's section on webhooks is cut from, run as it stands. */
import { expect, test } from "vitest";
import * as Y from "yjs";

test("the guide to webhooks: a document begins with what the receiver has, and the receiver is told of changes", async () => {
  const { kept, stats } = await import("../../examples/guides/webhooks.ts");
  expect(await stats()).toEqual({ sent: 2, retried: 0, failed: 0, dropped: 0, waiting: 0 });
  const note = new Y.Doc();
  Y.applyUpdate(note, Buffer.from(kept.get("notes/1") ?? "", "base64"));
  expect(note.getText("text").toString()).toBe("A draft, and more");
});
