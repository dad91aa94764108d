#!/usr/bin/env node
/**
 * `npm run check`: what a reviewer would do, step by step. All steps run, also after one failed; the exit code is 1 if any did.
 * Works offline.
 *
 *     node .config/check/run.mjs [step …]      only the named steps (`build` goes before what needs it)
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

const root = new URL("../../", import.meta.url).pathname;
const bin = (name) => `${root}node_modules/.bin/${name}`;
const packed = mkdtempSync(`${tmpdir()}/sente-sync-pack-`);
const tarball = () => {
  const name = readdirSync(packed).find((file) => file.endsWith(".tgz"));
  return name === undefined ? undefined : `${packed}/${name}`;
};
const houseTests = ["architecture", "exports", "rules", "docs", "snippets"].map((name) => `test/${name}.test.ts`);
const hasSvelte = ["adapters", "examples", "test"].some(
  (folder) =>
    existsSync(root + folder) &&
    readdirSync(root + folder, { recursive: true }).some((path) => path.endsWith(".svelte") && !path.includes("node_modules")),
);

/** In order; `needs` names a step that must have passed. A command may be a function, called when its turn comes. */
const steps = [
  {
    name: "format and lint",
    command: [bin("biome"), "check", "--error-on-warnings", "--diagnostic-level=warn", "--max-diagnostics=100"],
  },
  { name: "lint by types", command: [bin("oxlint"), "--type-aware", "--deny-warnings", "--report-unused-disable-directives"] },
  // test/types is part of the program: a line that should not compile and does is an unused @ts-expect-error.
  { name: "types", command: [bin("tsc"), "--noEmit"] },
  ...(hasSvelte
    ? [
        {
          name: "svelte",
          command: [bin("svelte-check"), "--tsconfig", "./tsconfig.json", "--fail-on-warnings", "--output", "human"],
        },
      ]
    : []),
  { name: "unused", command: [bin("knip"), "--config", ".config/knip.json", "--no-progress"] },
  { name: "house", command: [bin("vitest"), "run", "--config", "test/vitest.config.ts", "--project", "node", ...houseTests] },
  { name: "build", command: ["npm", "run", "--silent", "build"] },
  { name: "exports", needs: "build", command: [process.execPath, ".config/check/exports.mjs"] },
  { name: "pack", needs: "build", command: ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", packed] },
  { name: "publint", needs: "pack", command: () => [bin("publint"), tarball(), "--strict"] },
  {
    name: "attw",
    needs: "pack",
    command: () => [bin("attw"), tarball(), "--profile", "esm-only", "--no-definitely-typed", "--no-emoji"],
  },
  { name: "size", needs: "build", command: [process.execPath, ".config/check/size.mjs"] },
];

const run = ([program, ...args]) =>
  new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1" } });
    let output = "";
    child.stdout.on("data", (text) => {
      output += text;
    });
    child.stderr.on("data", (text) => {
      output += text;
    });
    child.once("error", (error) => resolve({ ok: false, output: `${program}: ${error.message}` }));
    child.once("close", (code) => resolve({ ok: code === 0, output }));
  });

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No step ${unknown.join(", ")}; there are: ${steps.map((step) => step.name).join(", ")}`);
  process.exit(2);
}
const wanted = new Set(asked);
for (const step of [...steps].reverse()) if (wanted.has(step.name) && step.needs) wanted.add(step.needs);

const left = steps.filter((step) => wanted.size === 0 || wanted.has(step.name));
const results = new Map();
const startMs = performance.now();

/** Takes the next step whose turn has come, until none is left. */
async function work() {
  while (left.length > 0) {
    const index = left.findIndex((step) => step.needs === undefined || results.has(step.needs));
    if (index < 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    const [step] = left.splice(index, 1);
    const beganMs = performance.now();
    const { ok, output } =
      results.get(step.needs) === false
        ? { ok: false, output: `not run: ${step.needs} failed` }
        : await run(typeof step.command === "function" ? step.command() : step.command);
    const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
    results.set(step.name, ok);
    console.log(`${ok ? "pass" : "FAIL"}  ${step.name.padEnd(16)} ${seconds.padStart(6)} s`);
    if (!ok || step.name === "size") console.log(`${output.trimEnd().replace(/^/gm, "      ")}\n`);
  }
}

try {
  // Two at a time: most steps use one core each.
  await Promise.all([work(), work()]);
} finally {
  rmSync(packed, { recursive: true, force: true });
}

const failed = steps.flatMap(({ name }) => (results.get(name) === false ? [name] : []));
console.log(
  `\n${results.size - failed.length} passed, ${failed.length} failed in ${((performance.now() - startMs) / 1000).toFixed(1)} s`,
);
if (failed.length > 0) console.log(`failed: ${failed.join(", ")}`);
process.exit(failed.length > 0 ? 1 : 0);
