/**
 * As much of Markdown as the guides use: headings, paragraphs, lists, tables, fenced code, links, code and emphasis.
 * The guides are ours; what is not understood stays text.
 *
 * Always: a link's label and what is emphasised are read like any text, code in them too; what stands in code is shown as it is.
 */
import { colored, escaped } from "./excerpt.ts";

/** HTML of a page; `link` says where a link leads, or that it leads nowhere from here. */
export function render(markdown: string, link: (target: string) => string | undefined): string {
  const wrapped = (inner: string, mark: string): string => `<${mark}>${inline(inner)}</${mark}>`;
  const inline = (text: string): string => {
    let html = "";
    let at = 0;
    for (const match of text.matchAll(span)) {
      const { code, label = "", target, strong, em } = match.groups as Record<string, string | undefined>;
      html += escaped(text.slice(at, match.index));
      at = match.index + match[0].length;
      if (code !== undefined) html += `<code>${escaped(code)}</code>`;
      else if (strong !== undefined) html += wrapped(strong, "strong");
      else if (em !== undefined) html += wrapped(em, "em");
      else {
        const to = link(target ?? "");
        html += to === undefined ? inline(label) : `<a href="${escaped(to)}">${inline(label)}</a>`;
      }
    }
    return html + escaped(text.slice(at));
  };

  const cells = (row: string, open: string, close: string): string =>
    row
      .replace(/^\||\|$/g, "")
      .split(/(?<!\\)\|/)
      .map((cell) => open + inline(cell.trim().replaceAll("\\|", "|")) + close)
      .join("");
  const table = ([head = "", , ...rows]: readonly string[]): string => {
    const heads = /[^|\s]/.test(head) ? `<thead><tr>${cells(head, '<th scope="col">', "</th>")}</tr></thead>` : "";
    const body = rows.map((row) => `<tr>${cells(row, "<td>", "</td>")}</tr>`).join("");
    return `<div class="scroll" tabindex="0"><table>${heads}<tbody>${body}</tbody></table></div>`;
  };

  const blocks = (lines: readonly string[]): string => {
    const html: string[] = [];
    for (let at = 0; at < lines.length; ) {
      const line = lines[at] as string;
      const from = at++;
      /** What stands from here on while it goes on. */
      const rest = (goesOn: (line: string) => boolean): readonly string[] => {
        while (at < lines.length && goesOn(lines[at] as string)) at++;
        return lines.slice(from, at);
      };
      const [heading, marks = "", title = ""] = /^(#+) (.*)/.exec(line) ?? [];
      if (!line.trim()) continue;
      if (line.startsWith("```")) {
        const [, ...code] = rest((each) => !each.startsWith("```"));
        at++;
        html.push(fenced(line.slice(3).trim(), code.join("\n")));
      } else if (heading) html.push(`<h${marks.length} id="${slug(title)}">${inline(title)}</h${marks.length}>`);
      else if (line.startsWith("|")) html.push(table(rest((each) => each.startsWith("|"))));
      else if (item.test(line)) {
        // A list goes on in its next item, in what is indented, and over blank lines before either.
        const goesOn = (each: string): boolean => item.test(each) || /^\s+\S/.test(each);
        const isBlankWithin = (): boolean => goesOn(lines.slice(at).find((each) => each.trim()) ?? "");
        html.push(list(rest((each) => (each.trim() ? goesOn(each) : isBlankWithin()))));
      } else html.push(`<p>${inline(rest((each) => each.trim() !== "" && !opens.test(each)).join(" "))}</p>`);
    }
    return html.join("\n");
  };

  const list = (lines: readonly string[]): string => {
    const tag = lines[0]?.startsWith("-") ? "ul" : "ol";
    const items: string[][] = [];
    for (const line of lines) {
      if (item.test(line)) items.push([line.replace(item, "")]);
      else items.at(-1)?.push(line);
    }
    const shown = items.map((each) => {
      // Up to a blank line it is the item's own text; what comes after stands below it.
      const end = each.findIndex((line) => !line.trim());
      const own = end < 0 ? each : each.slice(0, end);
      const indent = Math.min(...each.slice(1).flatMap((line) => (line.trim() ? [line.search(/\S/)] : [])));
      const more = each.slice(own.length).map((line) => line.slice(indent));
      return `<li>${inline(own.map((line) => line.trim()).join(" "))}${blocks(more)}</li>`;
    });
    return `<${tag}>${shown.join("")}</${tag}>`;
  };

  return blocks(markdown.replace(/<!--[\s\S]*?-->/g, "").split("\n"));
}

/** Code, a link, or what is emphasised: whichever begins first holds what is in it. */
const span =
  /`(?<code>[^`]+)`|\[(?<label>(?:`[^`]+`|[^\]`])+)\]\((?<target>[^)\s]+)\)|\*\*(?<strong>(?:`[^`]+`|[^*`])+)\*\*|(?<![\w*])(?<mark>[*_])(?<em>(?:`[^`]+`|[^*_`])+)\k<mark>(?!\w)/g;
const item = /^(?:\d+\.|-) /;
/** What ends a paragraph without a blank line before it. */
const opens = /^(?:#+ |```|\||(?:\d+\.|-) )/;

const fenced = (language: string, code: string): string =>
  `<pre tabindex="0"><code>${/^(ts|tsx|svelte|js)$/.test(language) ? colored(code) : escaped(code)}</code></pre>`;

const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .trim()
    .replace(/\s+/g, "-");
