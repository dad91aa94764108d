/**
 * Holds the source tree to its layers (test/support/layers.ts). Each scan is first shown a small tree with a planted fault,
 * so that a scan that sees nothing cannot pass for a clean house.
 */
import { expect, test } from "vitest";
import * as layers from "./support/layers.ts";
import { read, readTree } from "./support/sources.ts";

const manifest = JSON.parse(read("package.json")) as {
  name: string;
  exports: Record<string, string | { source: string }>;
  imports?: Record<string, { source: Record<string, string> }>;
};
const entries = new Map(
  Object.entries(manifest.exports).flatMap(([name, target]) =>
    typeof target === "string" ? [] : [[name, target.source.replace("./", "")] as const],
  ),
);
const house: layers.Tree = {
  files: readTree(["src", "adapters", "examples", "test"], [".ts", ".tsx", ".svelte"]),
  entries,
  // `default` is what a browser gets; the other conditions follow.
  aliases: new Map(
    Object.entries(manifest.imports ?? {}).map(([name, { source }]) => {
      const { default: browser = "", ...others } = source;
      return [name, [browser, ...Object.values(others)].map((path) => path.replace("./", ""))];
    }),
  ),
  packageName: manifest.name,
};

const small = (files: Record<string, string>): layers.Tree => ({
  files: new Map(Object.entries(files)),
  entries: new Map([
    [".", "src/index.ts"],
    ["./client", "src/client/index.ts"],
  ]),
  aliases: new Map([["#socket", ["src/transport/global.ts", "src/transport/ws-node.ts"]]]),
  packageName: "sente-sync",
});

test("the tree is there to be read", () => {
  expect(house.files.size).toBeGreaterThan(10);
  expect(house.files.has("src/core/env.ts")).toBe(true);
});

test("each folder imports only what its layer may", () => {
  const names = ["core/a", "wire/b", "kind/kind", "client/index", "server/c", "transport/global", "transport/ws-node"];
  const files = Object.fromEntries(names.map((name) => [`src/${name}.ts`, ""]));
  const faults: [file: string, text: string][] = [
    ["src/core/x.ts", `import "../wire/b.ts";`],
    ["src/core/x.ts", `import type { Kind } from "../kind/kind.ts";`],
    ["src/wire/x.ts", `import { k } from "../kind/kind.ts";`],
    ["src/wire/x.ts", `export * from "../server/c.ts";`],
    ["src/server/x.ts", `import type { C } from "../client/index.ts";`],
    ["src/client/x.ts", `const c = await import("../server/c.ts");`],
    ["src/client/x.ts", `type C = import("../server/c.ts").C;`],
    ["src/client/x.ts", `import { a } from "sente-sync";`],
    ["src/wire/x.ts", `import { a } from "./missing.ts";`],
    ["adapters/react/x.tsx", `import { a } from "../../src/core/a.ts";`],
    ["adapters/react/x.tsx", `import { a } from "sente-sync/nowhere";`],
    ["examples/one/x.ts", `import { a } from "../../src/core/a.ts";`],
    ["test/x.ts", `import { a } from "../dist/src/index.js";`],
    ["src/wire/x.ts", `import fs from "node:fs";`],
    ["src/client/x.ts", `import { WebSocket } from "ws";`],
    ["src/wire/x.ts", `import left from "left-pad";`],
    ["src/transport/x.ts", `import { a } from "#nowhere";`],
    ["src/wire/x.ts", `import { a } from "#socket";`],
    ["examples/one/x.svelte", `<script lang="ts">\nimport { a } from "../../src/core/a.ts";\n</script>`],
  ];
  for (const [file, text] of faults) {
    const findings = layers.importFindings(small({ ...files, [file]: text }));
    expect(findings, `${file}: ${text}`).toHaveLength(1);
    expect(findings[0]).toMatch(new RegExp(`^${file}:[12]  `));
  }
  const sound: [file: string, text: string][] = [
    ["src/wire/x.ts", `import { a } from "../core/a.ts";`],
    ["src/session/x.ts", `import type { Kind } from "../kind/kind.ts";`],
    ["src/server/x.ts", `import fs from "node:fs";\nimport { k } from "../kind/kind.ts";`],
    ["adapters/react/x.tsx", `import { useState } from "react";\nimport { createClient } from "sente-sync/client";`],
    ["src/transport/x.ts", `import { WebSocket } from "#socket";`],
    ["src/wire/x.ts", `// import "../server/c.ts"\nconst text = 'import "../server/c.ts"';`],
  ];
  for (const [file, text] of sound) expect(layers.importFindings(small({ ...files, [file]: text }))).toEqual([]);

  expect(layers.importFindings(house)).toEqual([]);
});

test("src has no folder that is not a layer", () => {
  expect(layers.folderFindings(small({ "src/utils/x.ts": "" }))).toHaveLength(1);
  expect(layers.folderFindings(house)).toEqual([]);
});

test("no ring of imports remains at run time", () => {
  const ring = { "src/core/a.ts": `import "./b.ts";`, "src/core/b.ts": `import "./c.ts";`, "src/core/c.ts": `import "./a.ts";` };
  expect(layers.cycleFindings(small(ring))).toEqual([
    "src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts  — a ring of imports",
  ]);
  expect(layers.cycleFindings(small({ ...ring, "src/core/c.ts": `import type { A } from "./a.ts";` }))).toEqual([]);
  expect(layers.cycleFindings(house)).toEqual([]);
});

test("below client and server nothing reads clock, timers, randomness or process but through Env", () => {
  const readings = [
    "const a = Date.now();",
    "const a = new Date();",
    "const a = Math.random();",
    "setTimeout(run, 1);",
    "const later = globalThis.setTimeout;",
    "queueMicrotask(run);",
    "const a = performance.now();",
    "crypto.getRandomValues(bytes);",
    "const { env } = process;",
    "const world = { setTimeout };",
  ];
  for (const line of readings) {
    expect(layers.worldFindings(small({ "src/wire/x.ts": `\n${line}` })), line).toEqual([
      expect.stringMatching(/^src\/wire\/x\.ts:2 {2}/),
    ]);
    expect(layers.worldFindings(small({ "src/client/x.ts": line, "src/core/env.ts": line })), line).toEqual([]);
  }
  const sound =
    "const d = new Date(ms); env.setTimer(run, 1); queue.process(); const o = { process: 1 }; // Date.now()\nlet t: typeof setTimeout;";
  expect(layers.worldFindings(small({ "src/wire/x.ts": sound }))).toEqual([]);
  expect(layers.worldFindings(house)).toEqual([]);
});

test("no browser entry loads Node, ws or immer", () => {
  const way = { "src/client/index.ts": `import "../kind/atom.ts";`, "src/kind/atom.ts": `import { produce } from "immer";` };
  expect(layers.browserFindings(small(way))).toEqual([expect.stringContaining("src/client/index.ts -> src/kind/atom.ts")]);
  expect(layers.browserFindings(small({ ...way, "src/kind/atom.ts": `import type { Draft } from "immer";` }))).toEqual([]);
  const alias = {
    "src/client/index.ts": `import "#socket";`,
    "src/transport/global.ts": "",
    "src/transport/ws-node.ts": `import "ws";`,
  };
  expect(layers.browserFindings(small(alias))).toEqual([]);
  expect(layers.browserFindings(house)).toEqual([]);
  expect(layers.browserEntries.filter((name) => !house.entries.has(name))).toEqual([]);
});

test("each file of src and adapters opens with a header that says what it is", () => {
  expect(layers.headerFindings(small({ "src/wire/x.ts": "export const a = 1;" }))).toHaveLength(1);
  expect(layers.headerFindings(small({ "src/wire/x.ts": "/** Nothing. */\nexport const a = 1;" }))).toHaveLength(1);
  expect(layers.headerFindings(small({ "src/wire/x.ts": "/**\n * Reads a token from text.\n */\n" }))).toEqual([]);
  expect(layers.headerFindings(house)).toEqual([]);
});
