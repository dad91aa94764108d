/**
 * Just enough Markdown for checks on the documents: fenced blocks, headings and their anchors, links, and defined rules.
 *
 * Always: line numbers count from 1; what stands in a fenced block or in backquotes is neither a link nor a heading.
 */

export interface Fence {
  /** First word after the backquotes; empty where there is none. */
  readonly language: string;
  readonly text: string;
  /** Line of the opening backquotes. */
  readonly line: number;
  /** The nearest line above that is not blank. */
  readonly before: string;
}

/** The fenced blocks of a document, and its other lines with the blocks blanked out. */
export function splitFences(markdown: string): { fences: Fence[]; prose: string[] } {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { mark: string; language: string; line: number; before: string; lines: string[] } | undefined;
  let before = "";
  for (const [index, line] of markdown.split("\n").entries()) {
    const mark = /^\s*(`{3,}|~{3,})\s*([\w-]*)/.exec(line);
    if (open) {
      if (mark && mark[2] === "" && mark[1]?.startsWith(open.mark)) {
        fences.push({ language: open.language, text: open.lines.join("\n"), line: open.line, before: open.before });
        open = undefined;
      } else open.lines.push(line);
      prose.push("");
    } else if (mark) {
      open = { mark: mark[1] ?? "```", language: mark[2] ?? "", line: index + 1, before, lines: [] };
      prose.push("");
    } else {
      prose.push(line);
      if (line.trim() !== "") before = line.trim();
    }
  }
  if (open) throw new Error(`A fenced block opens in line ${open.line} and never ends.`);
  return { fences, prose };
}

/** The anchor a heading gets: lower case, no punctuation, blanks to hyphens, a number where it repeats. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const line of splitFences(markdown).prose) {
    for (const named of line.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(named[1] as string);
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replace(/ /g, "-");
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

export interface Link {
  readonly target: string;
  readonly line: number;
}

/** Targets of links, images and link definitions. */
export function linksOf(markdown: string): Link[] {
  const links: Link[] = [];
  let inComment = false;
  for (const [index, line] of splitFences(markdown).prose.entries()) {
    // What is commented out is not shown, so it need not exist yet.
    let shown = "";
    for (const part of line.split(/(<!--|-->)/)) {
      if (part === "<!--") inComment = true;
      else if (part === "-->") inComment = false;
      else if (!inComment) shown += part;
    }
    const text = shown.replace(/`[^`]*`/g, "");
    const found = [
      ...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g),
      ...text.matchAll(/^\s*\[[^\]]+\]:\s+(\S+)/g),
      ...text.matchAll(/<(?:img|a)\b[^>]*?\b(?:src|href)="([^"]+)"/g),
    ];
    for (const match of found) links.push({ target: match[1] as string, line: index + 1 });
  }
  return links;
}

/** A rule's name: two or more capitals, then its number. */
export const ruleName = /[A-Z]{2,}[1-9]\d*/;

export interface Rule {
  readonly name: string;
  readonly line: number;
}

/** Rules a document defines: a name in bold that opens a line, a list item or a table row. */
export function rulesOf(markdown: string): Rule[] {
  const definition = new RegExp(`^\\s*(?:[-*] |\\d+\\. |\\| ?)?\\*\\*(${ruleName.source})\\.?\\*\\*`);
  return splitFences(markdown).prose.flatMap((text, index) => {
    const name = definition.exec(text)?.[1];
    return name === undefined ? [] : [{ name, line: index + 1 }];
  });
}
