/**
 * One page, one Yjs: a document of another copy of the package looks the same and works with nothing here.
 *
 * Rules: docs/protocol/doc.md DOC24.
 */
import * as Y from "yjs";
import { SyncError } from "../../core/errors.ts";

/** Throws SyncError `unsupported` where the document or type was made by another copy of Yjs than this one. */
export function ofOneYjs<T extends Y.Doc | Y.AbstractType<never>>(value: T): T {
  if (value instanceof Y.Doc || value instanceof Y.AbstractType) return value;
  throw new SyncError(
    "unsupported",
    "This is of another copy of Yjs than the one that sente-sync uses: the page has loaded two. Have both resolve to one: " +
      '`npm ls yjs` shows where they come from, `"overrides"` in package.json, or `resolve.dedupe: ["yjs"]` of Vite, make them one; ' +
      "and load either its ES modules or its CommonJS, not both.",
  );
}
