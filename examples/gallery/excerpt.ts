/** Lines cut from a page's own source for its drawer, as HTML. */
import { readFileSync } from "node:fs";
import type { Excerpt } from "./pages.ts";

const folder = new URL("../", import.meta.url);
const mark = /^\s*(?:\/\/|<!--|\{?\/\*)\s*#(region|endregion)\b\s*([\w-]*)/;

/** Throws where the file lacks a region, so that a page cannot show lines that are gone. */
export function excerpt({ title, file, regions }: Excerpt): string {
  const lines = readFileSync(new URL(file, folder), "utf8").split("\n");
  const code = regions.map((region) => {
    const start = lines.findIndex((line) => mark.exec(line)?.[2] === region);
    const end = lines.findIndex((line, at) => at > start && mark.exec(line)?.[1] === "endregion");
    if (start < 0 || end < 0) throw new Error(`examples/${file} has no region ${region}`);
    return dedented(lines.slice(start + 1, end));
  });
  return `<h3>${title} <code>${file}</code></h3><pre tabindex="0"><code>${colored(code.join("\n\n"))}</code></pre>`;
}

function dedented(lines: readonly string[]): string {
  const indent = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return lines
    .map((line) => line.slice(indent))
    .join("\n")
    .trim();
}

export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char] as string);

const tokens =
  /(\/\/.*|\/\*[\s\S]*?\*\/|<!--[\s\S]*?-->)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\b(import|from|export|const|let|function|return|await|async|new|if|else|type|as|for|of)\b/g;

/** Comments, strings and keywords in colours of their own. */
export function colored(code: string): string {
  let html = "";
  let at = 0;
  for (const match of code.matchAll(tokens)) {
    const kind = match[1] ? "comment" : match[2] ? "string" : "keyword";
    html += `${escaped(code.slice(at, match.index))}<span class="${kind}">${escaped(match[0])}</span>`;
    at = match.index + match[0].length;
  }
  return html + escaped(code.slice(at));
}
