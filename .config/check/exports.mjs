#!/usr/bin/env node
/**
 * After `npm run build`: the built files and package.json's `exports` agree in both directions.
 *
 * 1. Every file that an entry names was built, and the entry loads by its public name.
 * 2. Every built file has a source, and every source was built.
 * 3. Every built file is reached from some entry: nothing is shipped that nobody can import.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { pathToFileURL } from "node:url";

const root = new URL("../../", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const faults = [];

const list = (folder) =>
  existsSync(root + folder)
    ? readdirSync(root + folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => posix.join(entry.parentPath.slice(root.length), entry.name))
    : [];

const isSource = (path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts");
const builtOf = (path) => `dist/${path.replace(/\.tsx?$/, "")}`;
const sources = [...list("src"), ...list("adapters")].filter(isSource);
const built = list("dist").filter((path) => !path.endsWith(".map"));

// 1
const entries = Object.entries(manifest.exports).filter(([, target]) => typeof target !== "string");
for (const [name, target] of entries) {
  for (const [condition, path] of Object.entries(target)) {
    if (!existsSync(root + path)) faults.push(`${name}: ${condition} ${path} is not there`);
  }
  if (!existsSync(root + target.default)) continue;
  try {
    const names = Object.keys(await import(pathToFileURL(root + target.default).href));
    if (names.length === 0) faults.push(`${name}: ${target.default} exports nothing`);
  } catch (error) {
    faults.push(`${name}: ${target.default} cannot be loaded: ${error.message}`);
  }
}

// 2
const expected = new Set(sources.flatMap((path) => [`${builtOf(path)}.js`, `${builtOf(path)}.d.ts`]));
for (const path of built) if (!expected.has(path)) faults.push(`${path} has no source (a build of another day?)`);
for (const path of expected) if (!built.includes(path)) faults.push(`${path} was not built`);

// 3
const reached = new Set();
const visit = (path) => {
  if (reached.has(path)) return;
  reached.add(path);
  for (const file of [`${path}.js`, `${path}.d.ts`]) {
    if (!existsSync(root + file)) continue;
    const text = readFileSync(root + file, "utf8");
    for (const [, to] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g)) {
      visit(posix.join(posix.dirname(path), to).replace(/\.(js|ts|tsx)$/, ""));
    }
  }
};
const files = (target) => (typeof target === "string" ? [target] : Object.values(target).flatMap(files));
const aliases = Object.entries(manifest.imports ?? {}).flatMap(([name, target]) => files(target).map((path) => [name, path]));
for (const [name, path] of aliases) {
  if (!existsSync(root + path)) faults.push(`${name}: ${path} is not there`);
  // Reached by name from inside; the scan above follows paths only.
  if (path.startsWith("./dist/")) visit(path.replace(/^\.\/(.*)\.js$/, "$1"));
}
for (const [, target] of entries) visit(target.default.replace(/^\.\/(.*)\.js$/, "$1"));
for (const path of built) {
  if (!reached.has(path.replace(/(\.d\.ts|\.js)$/, ""))) faults.push(`${path} is reached from no entry`);
}

for (const fault of faults) console.error(fault);
console.log(`${entries.length} entries, ${sources.length} sources, ${built.length} built files: ${faults.length || "no"} faults`);
// Entries may hold handles open; the check is over.
process.exit(faults.length > 0 ? 1 : 0);
