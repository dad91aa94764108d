#!/usr/bin/env -S tsx
/** `npm run docs:snippets`: rewrites the code blocks of README.md and docs/ from the files they are cut from. */
import { writeFileSync } from "node:fs";
import { rewriteSnippets } from "../../test/support/snippets.ts";
import { listFiles, read, root } from "../../test/support/sources.ts";

for (const page of ["README.md", ...listFiles("docs", [".md"])]) {
  const before = read(page);
  const after = rewriteSnippets(before, read);
  if (after === before) continue;
  writeFileSync(root + page, after);
  console.log(`rewrote ${page}`);
}
