/**
 * The repository as text: files, and what they import, for the tests that read code instead of running it.
 *
 * Always: paths are relative to the root of the repository, with forward slashes.
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import ts from "typescript";

export const root = new URL("../../", import.meta.url).pathname;

/** Generated and foreign folders; test/bench speaks to itself and to peers that are not ours. */
const notOurs = new Set(["node_modules", "dist", "coverage", ".cache", ".git", ".svelte-kit"]);
const notRead = new Set(["test/bench"]);

/** Files below `folder` whose name ends in one of `endings`, sorted. A folder that is not there has none. */
export function listFiles(folder: string, endings: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    let entries: ReturnType<typeof readFolder>;
    try {
      entries = readFolder(path);
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return;
      throw error;
    }
    for (const entry of entries) {
      const child = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!notOurs.has(entry.name) && !notRead.has(child)) visit(child);
      } else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(child);
    }
  };
  visit(folder);
  return found.sort();
}

function readFolder(path: string) {
  return readdirSync(root + path, { withFileTypes: true });
}

export function read(path: string): string {
  return readFileSync(root + path, "utf8");
}

/** Path to text, for every file below the folders. */
export function readTree(folders: readonly string[], endings: readonly string[]): Map<string, string> {
  return new Map(folders.flatMap((folder) => listFiles(folder, endings)).map((path) => [path, read(path)]));
}

export interface Import {
  /** As written. */
  readonly to: string;
  /** The repository path it names, if it is relative. */
  readonly path: string | undefined;
  /** Erased by the compiler: `import type`, `export type … from`, `import("…").T` in a type. */
  readonly typeOnly: boolean;
  readonly line: number;
  readonly text: string;
}

export function parse(path: string, text: string): ts.SourceFile {
  const kind = path.endsWith("x") ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, kind);
}

/** The source code of a file: for a Svelte component what stands in its script blocks, on the same lines. */
export function code(path: string, text: string): string {
  if (!path.endsWith(".svelte")) return text;
  let script = "";
  let at = 0;
  for (const match of text.matchAll(/(<script\b[^>]*>)([\s\S]*?)<\/script>/g)) {
    const start = match.index + (match[1] ?? "").length;
    const end = start + (match[2] ?? "").length;
    script += text.slice(at, start).replace(/[^\n]/g, " ") + text.slice(start, end);
    at = end;
  }
  return script;
}

/** Every static, dynamic and type import of one file. */
export function importsOf(path: string, text: string): Import[] {
  const source = parse(path, code(path, text));
  const found: Import[] = [];
  const add = (literal: ts.Node | undefined, node: ts.Node, typeOnly: boolean): void => {
    if (literal === undefined || !ts.isStringLiteralLike(literal)) return;
    const to = literal.text;
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    const target = to.startsWith(".") ? posix.join(posix.dirname(path), to) : undefined;
    found.push({ to, path: target, typeOnly, line: line + 1, text: source.text.split("\n")[line]?.trim() ?? "" });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], node, false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, node, true);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
