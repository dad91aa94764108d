#!/usr/bin/env node
/**
 * Size budgets: what a page downloads for the named imports, minified, every chunk gzipped at level 9 and added up,
 * so that code behind a dynamic import counts too. Measures dist/; with `--source` the sources, with nothing built.
 *
 *     node .config/check/size.mjs [--source] [--why]
 */
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const kib = 1024;
/** What a page with a binding has loaded anyway. */
const shared = /^sente-sync(\/client)?$/;
const budgets = [
  {
    name: "createClient + atom",
    code: `export { atom, createClient } from "sente-sync/client";`,
    // A ceiling, so that it does not grow; what it must come down to is the goal: docs/decisions/0005-what-the-client-weighs.md.
    maxBytes: 12.45 * kib,
    goalBytes: 9 * kib,
  },
  {
    name: "sente-sync/react",
    code: `export { SyncProvider, useAtom, useChannel, useClient, useEventListener, useRequest, useStatus } from "sente-sync/react";`,
    maxBytes: 1.5 * kib,
    external: [shared, /^react(-dom)?(\/|$)/],
  },
  {
    name: "createClient + presence",
    code: `export { createClient, presence } from "sente-sync/client";`,
    maxBytes: 14.65 * kib,
  },
  {
    name: "a page with cursors and avatars, all but React",
    code: `export { createClient } from "sente-sync/client"; export { SyncProvider } from "sente-sync/react"; export { AvatarStack, Cursors, useMyPresence } from "sente-sync/react/presence";`,
    maxBytes: 17.4 * kib,
    goalBytes: 10 * kib,
    external: [/^react(-dom)?(\/|$)/],
  },
  {
    name: "sente-sync/react/presence",
    code: `export * from "sente-sync/react/presence";`,
    maxBytes: 3 * kib,
    external: [shared, /^react(-dom)?(\/|$)/],
  },
  {
    name: "sente-sync/svelte/presence, with what draws cursors and avatars",
    code: `export * from "sente-sync/svelte/presence";`,
    maxBytes: 4 * kib,
    external: [shared, /^svelte(\/|$)/],
  },
  {
    name: "sente-sync/svelte",
    code: `export { atom, channel, getClient, listen, request, setClient, status } from "sente-sync/svelte";`,
    maxBytes: 1.5 * kib,
    external: [shared, /^svelte(\/|$)/],
  },
  {
    name: "sente-sync/element",
    code: `export * from "sente-sync/element";`,
    maxBytes: 4.25 * kib,
    external: [shared],
  },
  {
    name: "a page with custom elements, all of it",
    code: `import { defineElements } from "sente-sync/element"; defineElements();`,
    maxBytes: 19.6 * kib,
  },
  {
    name: "sente-sync/react/form",
    code: `export * from "sente-sync/react/form";`,
    maxBytes: 1.25 * kib,
    external: [shared, /^sente-sync\/form$/, /^react(-dom)?(\/|$)/],
  },
  {
    name: "sente-sync/svelte/form",
    code: `export * from "sente-sync/svelte/form";`,
    maxBytes: 1.25 * kib,
    external: [shared, /^sente-sync\/form$/, /^svelte(\/|$)/],
  },
];

const root = new URL("../../", import.meta.url).pathname;
const flags = new Set(process.argv.slice(2));
const shown = (bytes) => `${(bytes / kib).toFixed(2)} KiB`;
let failed = false;

// Not esbuild's `external`: there `sente-sync` would take `sente-sync/react` along.
const leaveOut = (patterns) => ({
  name: "leave-out",
  setup(build) {
    for (const filter of patterns) build.onResolve({ filter }, ({ path }) => ({ path, external: true }));
  },
});

for (const { name, code, maxBytes, goalBytes, external = [] } of budgets) {
  let result;
  try {
    result = await build({
      stdin: { contents: code, resolveDir: root, sourcefile: "entry.js" },
      absWorkingDir: root,
      bundle: true,
      minify: true,
      splitting: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      conditions: flags.has("--source") ? ["source"] : [],
      plugins: [leaveOut(external)],
      legalComments: "none",
      outdir: "out",
      write: false,
      metafile: true,
      logLevel: "silent",
    });
  } catch (error) {
    failed = true;
    console.error(`${name}: cannot be bundled`);
    for (const { text, location } of error.errors ?? [{ text: error.message }]) {
      console.error(`  ${location ? `${location.file}:${location.line} ` : ""}${text}`);
    }
    continue;
  }
  const bytes = result.outputFiles.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0);
  const isOver = bytes > maxBytes;
  const goal = goalBytes === undefined ? "" : `, goal ${shown(goalBytes)} ${bytes <= goalBytes ? "reached" : "MISSED"}`;
  const chunks = result.outputFiles.length > 1 ? ` in ${result.outputFiles.length} chunks` : "";
  console.log(`${isOver ? "OVER" : "ok  "} ${name}: ${shown(bytes)} gzipped${chunks} of ${shown(maxBytes)}${goal}`);
  if (isOver) failed = true;
  if (isOver || flags.has("--why")) {
    const parts = new Map();
    for (const output of Object.values(result.metafile.outputs)) {
      for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
        parts.set(path, (parts.get(path) ?? 0) + bytesInOutput);
      }
    }
    const largest = [...parts].filter(([, size]) => size > 0).sort((a, b) => b[1] - a[1]);
    for (const [path, size] of largest.slice(0, 20)) console.log(`     ${String(size).padStart(6)} B minified  ${path}`);
  }
}
process.exit(failed ? 1 : 0);
