/**
 * A line to other tabs that waits: what is in a document leaves a page once the record of its client id says so.
 *
 * Always: nothing is posted for a user who is no longer there.
 * Rules: docs/protocol/doc.md DOC42, DOC45.
 */
import type { Shelf } from "../storage/shelf.ts";
import type { Device } from "./device.ts";
import type { OpenTabLine } from "./tab-line.ts";

/** Posts only what may leave this page. */
export function leaving(open: OpenTabLine, shelf: Shelf, leave: Device["leave"]): OpenTabLine {
  return (name, receive) => {
    const line = open(name, receive);
    const { owner } = shelf;
    let isClosed = false;
    // Where the client ends, or another user has come, all that waited is told so at once.
    const mayPost = (): boolean => !isClosed && !shelf.isOver && shelf.owner === owner;
    return {
      post: (message) => leave((lost) => lost || (mayPost() && line.post(message))),
      close() {
        isClosed = true;
        line.close();
      },
    };
  };
}
