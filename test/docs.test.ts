/** The documents against what they speak of: links and anchors lead somewhere, and docs/errors.md is the list of codes. */
import { existsSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";
import { type ErrorCode, errorCodes, SyncError } from "../src/core/errors.ts";
import { anchorsOf, linksOf, splitFences } from "./support/markdown.ts";
import { listFiles, read, root } from "./support/sources.ts";

const pages = ["README.md", "CHANGELOG.md", ...listFiles("docs", [".md"]), "test/bench/README.md"];

/** Links of `text`, standing at `page`, that lead nowhere. */
function brokenLinks(page: string, text: string): string[] {
  return linksOf(text).flatMap(({ target, line }) => {
    if (/^(https:|mailto:)/.test(target)) return [];
    const wrong = (why: string) => [`${page}:${line}  ${target}  — ${why}`];
    if (/^[a-z]+:/i.test(target)) return wrong("neither https nor a file");
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : posix.join(posix.dirname(page), decodeURI(path));
    if (file.startsWith("..") || path.startsWith("/")) return wrong("leads out of the repository");
    if (file !== page && !existsSync(root + file)) return wrong("no such file");
    if (anchor === undefined || !file.endsWith(".md")) return [];
    return anchorsOf(file === page ? text : read(file)).has(anchor) ? [] : wrong("no such heading");
  });
}

test("links and anchors of every page lead somewhere", () => {
  expect(brokenLinks("docs/x.md", "[a](nowhere.md)\n`[b](no.md)`\n<!-- [c](no.md) -->\n# D e\n[d](#d-e) [f](#f)")).toEqual([
    "docs/x.md:1  nowhere.md  — no such file",
    "docs/x.md:5  #f  — no such heading",
  ]);
  expect(brokenLinks("docs/x.md", "[a](../../x) [b](http://x.org) ![c](../README.md)")).toHaveLength(2);
  expect(pages.flatMap((page) => brokenLinks(page, read(page)))).toEqual([]);
});

test("docs/errors.md lists exactly the codes of src/core/errors.ts, with their meaning and whether to retry", () => {
  const rows = splitFences(read("docs/errors.md")).prose.flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    const code = /^`([a-z-]+)`$/.exec(cells[1] ?? "")?.[1];
    return code === undefined ? [] : [{ code, meaning: cells[2], retry: cells[3], advice: cells[4] }];
  });
  const listed = rows.map(({ code, meaning, retry }) => `| \`${code}\` | ${meaning} | ${retry} |`);
  const real = Object.entries(errorCodes).map(([code, meaning]) => {
    return `| \`${code}\` | ${meaning} | ${new SyncError(code as ErrorCode).retry} |`;
  });
  expect(listed.sort()).toEqual(real.sort());
  expect(rows.filter(({ advice }) => !advice).map(({ code }) => code)).toEqual([]);
});
