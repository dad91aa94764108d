/**
 * The law of the folders: which may import which, as tables, and the scan that holds files to it.
 *
 * Always: each finding is one line, `file:line  the offending text  — why`, so that it can be clicked and read alone.
 * Rules: docs/architecture.md "Layers" and docs/contributing.md "Layers".
 */
import ts from "typescript";
import { code, type Import, importsOf, parse } from "./sources.ts";

/** What each folder of src/ may import besides itself. A folder that is not named here may not exist. */
const layers: Record<string, readonly string[]> = {
  core: [],
  wire: ["core"],
  tail: ["core"],
  transport: ["core", "tail"],
  topic: ["core", "tail"],
  kind: ["core", "tail"],
  storage: ["core", "topic"],
  session: ["core", "wire", "tail", "transport"],
  client: ["core", "wire", "tail", "transport", "topic", "kind", "session"],
  server: ["core", "wire", "tail", "transport", "topic", "kind", "session"],
  testing: ["core", "wire", "tail", "transport", "topic", "kind", "session", "client", "server", "(root)"],
  // Files directly in src/: the entry `sente-sync`, which is loaded on both sides.
  "(root)": ["core", "wire", "tail", "transport", "topic", "kind", "session"],
};

/** Interfaces stand in the folder they belong to; any layer but core may name their types. */
const interfaceFiles = new Set(["src/wire/packer.ts", "src/topic/log.ts", "src/kind/kind.ts", "src/transport/transport.ts"]);

/** The only places that may import `node:*`; each is reached through an export of its own. */
const nodePlaces = [
  "src/server/",
  "src/transport/websocket-server.ts",
  "src/transport/websocket-deflate.ts",
  "src/transport/tcp.ts",
  "src/transport/stdio.ts",
  "src/client/storage/folder.ts",
  "src/wire/gzip-node.ts",
  "src/topic/folder-disk.ts",
  "adapters/storage/",
  "adapters/cluster/",
  "adapters/http/",
];

/** Who may import which package; `…/` is a folder. A type-only import of a package costs nothing, but must be declared too. */
const packagePlaces: Record<string, readonly string[]> = {
  ws: ["src/server/", "src/transport/websocket-server.ts", "src/transport/ws-node.ts"],
  "socket.io-parser": ["src/wire/socketio.ts"],
  immer: ["src/kind/", "src/server/"],
  // Only behind the entries `doc` and `doc/server`.
  yjs: ["src/client/doc/", "src/server/doc/", "adapters/react/doc.ts", "adapters/svelte/doc.ts"],
  "y-protocols": ["src/client/doc/"],
  react: ["adapters/react/"],
  svelte: ["adapters/svelte/"],
};

/** Folders without a clock, timers or randomness of their own; env.ts is where they come from. */
const pureFolders = ["core", "wire", "tail", "transport", "topic", "kind", "session"];
const impureFiles = new Set(["src/core/env.ts", "src/session/encrypted.ts", "src/topic/folder-disk.ts"]);
const worldGlobals = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "clearTimeout",
  "clearInterval",
  "clearImmediate",
  "queueMicrotask",
  "requestAnimationFrame",
  "requestIdleCallback",
  "performance",
  "crypto",
  "process",
]);

/** Entries that run in a browser: nothing they load may need Node, or bring in what a page should not pay for. */
export const browserEntries = [
  ".",
  "./client",
  "./doc",
  "./client/auth",
  "./client/outbox",
  "./client/indexed-db",
  "./kinds",
  "./form",
  "./form/text",
  "./packers/edn",
  "./packers/json",
  "./packers/transit",
  "./packers/msgpack",
  "./packers/gzip",
  "./packers/encrypted",
  "./packers/sealed",
  "./packers/socketio",
  "./transports/memory",
  "./transports/websocket",
  "./transports/long-poll",
  "./transports/fallback",
  "./transports/message-port",
  "./react",
  "./react/doc",
  "./react/presence",
  "./react/form",
  "./dom",
  "./element",
  "./svelte",
  "./svelte/doc",
  "./svelte/presence",
  "./svelte/form",
];
const notInBrowser = /^(node:|ws$|ws\/|immer$|immer\/)/;

export interface Tree {
  /** Path to text: src, adapters, examples, test. */
  readonly files: ReadonlyMap<string, string>;
  /** package.json `exports`: name to source file. */
  readonly entries: ReadonlyMap<string, string>;
  /** package.json `imports` (`#name`), with the files each may become, the browser's first. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  readonly packageName: string;
}

/** The files of the tree that an import may load, the browser's first. */
function targetsOf(tree: Tree, link: Import): readonly string[] {
  if (isPublicName(tree, link.to)) return [tree.entries.get(`.${link.to.slice(tree.packageName.length)}`) ?? ""];
  return link.path === undefined ? (tree.aliases.get(link.to) ?? []) : [link.path];
}

const finding = (file: string, at: { line: number; text: string }, why: string): string =>
  `${file}:${at.line}  ${at.text}  — ${why}`;
const within = (file: string, places: readonly string[]): boolean =>
  places.some((place) => (place.endsWith("/") ? file.startsWith(place) : file === place));
const packageOf = (to: string): string =>
  to
    .split("/")
    .slice(0, to.startsWith("@") ? 2 : 1)
    .join("/");

/** `src/wire/edn.ts` is of `wire`, `src/index.ts` of `(root)`. */
function layerOf(file: string): string {
  const parts = file.split("/");
  return parts.length > 2 ? (parts[1] as string) : "(root)";
}

function isPublicName(tree: Tree, to: string): boolean {
  return to === tree.packageName || to.startsWith(`${tree.packageName}/`);
}

/** Whether the import keeps to the table of folders. */
function folderFault(file: string, link: Import, tree: Tree): string | undefined {
  if (link.path !== undefined && /(^|\/)dist\//.test(link.path)) return "nothing imports built files";
  if (isPublicName(tree, link.to)) {
    if (!tree.entries.has(`.${link.to.slice(tree.packageName.length)}`)) return "not an entry of package.json's exports";
    return file.startsWith("src/") ? "src imports files, not its own public names" : undefined;
  }
  if (link.to.startsWith("#") && !tree.aliases.has(link.to)) return "not a name of package.json's imports";
  for (const path of targetsOf(tree, link)) {
    const fault = pathFault(file, { ...link, path }, tree);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function pathFault(file: string, link: Import & { path: string }, tree: Tree): string | undefined {
  if (!tree.files.has(link.path)) return isAsset(link.path) ? undefined : "no such file";
  const publicOnly = /^(adapters\/[^/]+|examples)\//.exec(file);
  if (publicOnly) {
    return link.path.startsWith(publicOnly[0])
      ? undefined
      : `${publicOnly[0]} imports public entries only (${tree.packageName}/…)`;
  }
  if (!file.startsWith("src/")) return undefined;
  if (!link.path.startsWith("src/")) return "src imports nothing outside src";
  const from = layerOf(file);
  const to = layerOf(link.path);
  if (from === to || layers[from]?.includes(to)) return undefined;
  if (from !== "core" && link.typeOnly && interfaceFiles.has(link.path)) return undefined;
  const allowed = layers[from]?.join(", ") || "nothing";
  return `${from} may import ${allowed}${interfaceFiles.has(link.path) ? " (this one with `import type`)" : ""}`;
}

const isAsset = (path: string): boolean => /\.(css|svg|png|json|html)$/.test(path);

function packageFault(file: string, link: Import, tree: Tree): string | undefined {
  if (link.path !== undefined || isPublicName(tree, link.to) || link.to.startsWith("#")) return undefined;
  if (!/^(src|adapters)\//.test(file)) return undefined;
  if (link.to.startsWith("node:")) {
    if (within(file, nodePlaces)) return undefined;
    return "node:* only under src/server/ and in the files listed in test/support/layers.ts";
  }
  const places = packagePlaces[packageOf(link.to)];
  if (places && within(file, places)) return undefined;
  return places ? `only ${places.join(", ")} may import it` : "a package that test/support/layers.ts does not know";
}

export function importFindings(tree: Tree): string[] {
  const findings: string[] = [];
  for (const [file, text] of tree.files) {
    for (const link of importsOf(file, text)) {
      for (const why of [folderFault(file, link, tree), packageFault(file, link, tree)]) {
        if (why !== undefined) findings.push(finding(file, link, why));
      }
    }
  }
  return findings;
}

export function folderFindings(tree: Tree): string[] {
  const unknown = [...tree.files.keys()].filter((file) => file.startsWith("src/") && !(layerOf(file) in layers));
  return unknown.map((file) => `${file}  — src/${layerOf(file)}/ is not a layer of test/support/layers.ts`);
}

/** Rings of imports that remain at run time; type-only imports may go round. */
export function cycleFindings(tree: Tree): string[] {
  const findings: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) findings.push(`${[...trail.slice(start), file].join(" -> ")}  — a ring of imports`);
    if (start >= 0 || done.has(file)) return;
    for (const link of importsOf(file, tree.files.get(file) ?? "")) {
      if (link.typeOnly) continue;
      for (const path of targetsOf(tree, link)) if (tree.files.has(path)) visit(path, [...trail, file]);
    }
    done.add(file);
  };
  for (const file of tree.files.keys()) if (/^(src|adapters)\//.test(file)) visit(file, []);
  return findings;
}

/** Reads of the clock, timers, randomness and the process outside Env. */
export function worldFindings(tree: Tree): string[] {
  const findings: string[] = [];
  for (const [file, text] of tree.files) {
    if (!file.startsWith("src/") || !pureFolders.includes(layerOf(file)) || impureFiles.has(file)) continue;
    const source = parse(file, text);
    const lines = text.split("\n");
    const add = (node: ts.Node, name: string): void => {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      findings.push(finding(file, { line: line + 1, text: lines[line]?.trim() ?? "" }, `${name}: use Env (src/core/env.ts)`));
    };
    const visit = (node: ts.Node): void => {
      if (ts.isTypeNode(node)) return;
      const name = worldName(node);
      if (name !== undefined) add(node, name);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return findings;
}

/** The name of the clock, timer or random source that `node` reads, if it reads one. */
function worldName(node: ts.Node): string | undefined {
  if (ts.isIdentifier(node) && worldGlobals.has(node.text) && !isNameOfMember(node)) return node.text;
  if (ts.isPropertyAccessExpression(node)) {
    const of = node.expression.getText();
    if (of === "globalThis" && worldGlobals.has(node.name.text)) return node.getText();
    if ((of === "Date" && node.name.text === "now") || (of === "Math" && node.name.text === "random")) return node.getText();
  }
  const isDate = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === "Date";
  if (isDate && !node.arguments?.length) return "the present Date";
  return undefined;
}

/** `x.process`, `{ process: … }`, `process() {}` in an object or class: names, not the global. */
function isNameOfMember(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  const named = parent as { name?: ts.Node; propertyName?: ts.Node };
  return (ts.isClassElement(parent) || ts.isObjectLiteralElement(parent) || ts.isTypeElement(parent)) && named.name === node;
}

/** Browser entries that reach Node or a server's package, with the way there. */
export function browserFindings(tree: Tree): string[] {
  const findings: string[] = [];
  for (const name of browserEntries) {
    const start = tree.entries.get(name);
    if (start === undefined || !tree.files.has(start)) continue;
    const cameFrom = new Map<string, string>([[start, ""]]);
    for (const file of cameFrom.keys()) {
      for (const link of importsOf(file, tree.files.get(file) ?? "")) {
        if (link.typeOnly) continue;
        if (notInBrowser.test(link.to)) {
          const way = [file];
          for (let at = cameFrom.get(file); at; at = cameFrom.get(at)) way.unshift(at);
          findings.push(finding(file, link, `reached from the browser entry ${name}: ${way.join(" -> ")}`));
        }
        const own = targetsOf(tree, link)[0];
        if (own !== undefined && tree.files.has(own) && !cameFrom.has(own)) cameFrom.set(own, file);
      }
    }
  }
  return findings;
}

/** Files of src/ and adapters/ that do not open with a comment saying what they are. */
export function headerFindings(tree: Tree): string[] {
  const findings: string[] = [];
  for (const [file, text] of tree.files) {
    if (!/^(src|adapters)\//.test(file)) continue;
    const source = code(file, text).trimStart();
    const header =
      /^(?:(?:"use client";|\/\/ @.*)\s*)?\/\*\*([\s\S]*?)\*\//
        .exec(source)?.[1]
        ?.replace(/[\s*]+/g, " ")
        .trim() ?? "";
    if (header.split(" ").length < 4) findings.push(`${file}:1  — opens with no header saying what the file is`);
  }
  return findings;
}
