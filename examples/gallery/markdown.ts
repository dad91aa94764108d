/**
 * As much of Markdown as the guides use: headings, paragraphs, lists, tables, fenced code, links, code and emphasis.
 * The guides are ours; what is not understood stays text.
 */
import { colored, escaped } from "./excerpt.ts";

/** HTML of a page; `link` says where a link leads, or that it leads nowhere from here. */
export function render(markdown: string, link: (target: string) => string | undefined): string {
  const anchor = (label: string, target: string): string => {
    const to = link(target);
    return to === undefined ? label : `<a href="${to}">${label}</a>`;
  };
  const inline = (text: string): string =>
    escaped(text)
      .split(/(`[^`]+`)/)
      .map((part) => {
        if (part.startsWith("`")) return `<code>${part.slice(1, -1)}</code>`;
        return part
          .replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, (_, label: string, target: string) => anchor(label, target))
          .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
          .replace(/(^|\W)[*_]([^*_]+)[*_](?=\W|$)/g, "$1<em>$2</em>");
      })
      .join("");
  const cells = (row: string): string[] =>
    row
      .replace(/^\||\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => inline(cell.trim().replaceAll("\\|", "|")));

  const block = (text: string): string => {
    const lines = text.split("\n");
    const [first = ""] = lines;
    const heading = /^(#+) (.*)/.exec(first);
    if (heading)
      return `<h${heading[1]?.length} id="${slug(heading[2] ?? "")}">${inline(heading[2] ?? "")}</h${heading[1]?.length}>`;
    if (/^(\d+\.|-) /.test(first)) {
      const items = text
        .split(/\n(?=(?:\d+\.|-) )/)
        .map((item) => `<li>${inline(item.replace(/^(\d+\.|-) /, "").replace(/\s*\n\s*/g, " "))}</li>`);
      return first.startsWith("-") ? `<ul>${items.join("")}</ul>` : `<ol>${items.join("")}</ol>`;
    }
    if (first.startsWith("|")) {
      const [head = "", , ...rows] = lines;
      const body = rows.map(
        (row) =>
          `<tr>${cells(row)
            .map((cell) => `<td>${cell}</td>`)
            .join("")}</tr>`,
      );
      const heads = cells(head).map((cell) => `<th scope="col">${cell}</th>`);
      return `<div class="scroll" tabindex="0"><table><thead><tr>${heads.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
    }
    return `<p>${inline(text.replaceAll("\n", " "))}</p>`;
  };

  return markdown
    .replace(/<!--[\s\S]*?-->/g, "")
    .split(/^```/m)
    .map((part, index) => {
      if (index % 2 === 0)
        return part
          .split(/\n\s*\n/)
          .flatMap((text) => (text.trim() ? [block(text.trim())] : []))
          .join("\n");
      const [, language = "", code = ""] = /^(\w*)\n([\s\S]*?)\n?$/.exec(part) ?? [];
      return `<pre tabindex="0"><code>${/^(ts|tsx|svelte|js)$/.test(language) ? colored(code) : escaped(code)}</code></pre>`;
    })
    .join("\n");
}

const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .trim()
    .replace(/\s+/g, "-");
