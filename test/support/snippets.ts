/**
 * Code in the documents is cut from files that run. Before a fenced block stands where it comes from:
 *
 *     <!-- from: examples/quick-start/server.ts#serve -->
 *
 * and in that file the region is marked by `// #region serve` and `// #endregion` (in Svelte markup `<!-- #region serve -->`).
 * Without `#region` the whole file is shown; regions of one name are shown as one.
 *
 * Always: indentation common to all lines is taken away; markers of other regions are left out.
 * Rules: docs/contributing.md.
 */
import { type Fence, splitFences } from "./markdown.ts";

/** Blocks in these languages must have a source; others (shell, EDN, JSON, text) need none. */
const checked = new Set(["ts", "tsx", "typescript", "js", "jsx", "javascript", "mjs", "svelte", "html", "css"]);

const marker = /^\s*(?:\/\/|\/\*|<!--|\{\/\*)\s*#(region|endregion)\b\s*([\w-]*).*$/;

/** The lines of `region` in `text`, or of the whole text. Throws if there is no such region or it never ends. */
export function cut(text: string, region: string | undefined): string {
  const lines: string[] = [];
  let depth = region === undefined ? 1 : 0;
  let found = region === undefined;
  for (const line of text.split("\n")) {
    const mark = marker.exec(line);
    if (!mark) {
      if (depth > 0) lines.push(line);
    } else if (mark[1] === "region") {
      if (depth > 0) depth++;
      else if (mark[2] === region) {
        found = true;
        depth = 1;
      }
    } else if (depth > 0) depth--;
  }
  if (!found) throw new Error(`no region ${region}`);
  if (region !== undefined && depth > 0) throw new Error(`region ${region} never ends`);
  return dedent(lines);
}

function dedent(lines: readonly string[]): string {
  const indent = Math.min(...lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length));
  return lines
    .map((line) => line.slice(indent).trimEnd())
    .join("\n")
    .replace(/^\n+|\n+$/g, "");
}

export interface Snippet {
  readonly fence: Fence;
  /** Undefined where the marker is missing. */
  readonly from: { readonly file: string; readonly region: string | undefined } | undefined;
}

/** The blocks of a page that must come from a file. */
export function snippetsOf(markdown: string): Snippet[] {
  return splitFences(markdown)
    .fences.filter((fence) => checked.has(fence.language))
    .map((fence) => {
      const from = /^<!-- from: ([\w./-]+)(?:#([\w-]+))? -->$/.exec(fence.before);
      return { fence, from: from ? { file: from[1] as string, region: from[2] } : undefined };
    });
}

/** What is wrong with the snippets of a page, one line each. */
export function snippetFindings(page: string, markdown: string, read: (file: string) => string): string[] {
  return snippetsOf(markdown).flatMap(({ fence, from }) => {
    const wrong = (why: string) => [`${page}:${fence.line}  — ${why}`];
    if (!from) return wrong(`a ${fence.language} block with no <!-- from: file#region --> on the line before it`);
    if (!/^(examples|test)\//.test(from.file)) return wrong(`${from.file}: snippets come from examples/ or test/, which are run`);
    let expected: string;
    try {
      expected = cut(read(from.file), from.region);
    } catch (error) {
      return wrong(`${from.file}: ${(error as Error).message}`);
    }
    return dedent(fence.text.split("\n")) === expected ? [] : wrong(`differs from ${from.file}; run npm run docs:snippets`);
  });
}

/** The page with every marked block replaced by what its file says now. */
export function rewriteSnippets(markdown: string, read: (file: string) => string): string {
  const lines = markdown.split("\n");
  // From the end, so that line numbers of blocks above stay true.
  for (const { fence, from } of snippetsOf(markdown).reverse()) {
    if (!from) continue;
    const indent = /^\s*/.exec(lines[fence.line - 1] as string)?.[0] ?? "";
    const text = cut(read(from.file), from.region).split("\n");
    const old = fence.text.split("\n").length;
    lines.splice(
      fence.line,
      fence.text === "" && lines[fence.line]?.trim().startsWith("`") ? 0 : old,
      ...text.map((line) => (line === "" ? "" : indent + line)),
    );
  }
  return lines.join("\n");
}
