/** package.json's `exports`: each entry has its source and the two files the build makes of it, in the order tools need. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { read, root } from "./support/sources.ts";

const manifest = JSON.parse(read("package.json")) as {
  exports: Record<string, string | Record<string, string>>;
  files: string[];
  main?: string;
  types?: string;
};
const entries = Object.entries(manifest.exports).filter(([name]) => name !== "./package.json");

test("every entry names source, types and default, in that order and of one file", () => {
  expect(entries.length).toBeGreaterThan(0);
  for (const [name, target] of entries) {
    const source = (target as Record<string, string>)["source"] ?? "";
    // The first condition that matches wins, so `default` must be last.
    expect(Object.entries(target), name).toEqual([
      ["source", source],
      ["types", source.replace(/^\.\/(.*)\.tsx?$/, "./dist/$1.d.ts")],
      ["default", source.replace(/^\.\/(.*)\.tsx?$/, "./dist/$1.js")],
    ]);
    expect(source, name).toMatch(/^\.\/(src|adapters)\/.*\.tsx?$/);
  }
});

test("every entry's source exists", () => {
  const missing = entries.filter(([, target]) => !existsSync(root + (target as Record<string, string>)["source"]));
  expect(missing.map(([name, target]) => `${name}: ${(target as Record<string, string>)["source"]}`)).toEqual([]);
});

test("no two entries are one file, and no older field competes with exports", () => {
  const sources = entries.map(([, target]) => (target as Record<string, string>)["source"]);
  expect(new Set(sources).size).toBe(sources.length);
  expect([manifest.main, manifest.types]).toEqual([undefined, undefined]);
});

test("what entries name is packed, sources included", () => {
  expect(manifest.files).toEqual(expect.arrayContaining(["dist", "src", "adapters"]));
});
