/** The gallery's Markdown: what stands in the guides is rendered, all of it, and leads where it says. */
import { expect, test } from "vitest";
import { render } from "../../examples/gallery/markdown.ts";
import { anchorsOf } from "../support/markdown.ts";
import { listFiles, read } from "../support/sources.ts";

const html = (markdown: string): string => render(markdown, (target) => (target.startsWith("x") ? undefined : target));

test.each([
  ["a link whose label is code", "see [`a_b`](b.md#c).", '<p>see <a href="b.md#c"><code>a_b</code></a>.</p>'],
  ["a link that leads nowhere from here", "see [`a`, too](x.md)", "<p>see <code>a</code>, too</p>"],
  ["a link in code", "`[a](b)` and `**`", "<p><code>[a](b)</code> and <code>**</code></p>"],
  [
    "code in what is strong",
    "**a `b*` c** *d* _e `f`_ g_h_i",
    "<p><strong>a <code>b*</code> c</strong> <em>d</em> <em>e <code>f</code></em> g_h_i</p>",
  ],
  ["what HTML would read", '`<a>` & "[b<](b)"', '<p><code>&lt;a&gt;</code> &amp; &quot;<a href="b">b&lt;</a>&quot;</p>'],
  ["a heading with its anchor", "## A `b`, c", '<h2 id="a-b-c">A <code>b</code>, c</h2>'],
  ["a list over lines", "- a\n  b\n- [`c`](d)\n\ne", '<ul><li>a b</li><li><a href="d"><code>c</code></a></li></ul>\n<p>e</p>'],
  [
    "code within a list",
    "1. a\n\n   ```ts\n   b;\n     c;\n   ```\n\n2. d",
    '<ol><li>a<pre tabindex="0"><code>b;\n  c;</code></pre></li><li>d</li></ol>',
  ],
  [
    "a table with a bar in a cell",
    "| a | b |\n| - | - |\n| `c \\| d` | [e](f) |",
    '<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead><tbody><tr><td><code>c | d</code></td><td><a href="f">e</a></td></tr></tbody></table></div>',
  ],
  [
    "a table that nothing stands over",
    "| | |\n| - | - |\n| a | b |",
    '<div class="scroll" tabindex="0"><table><tbody><tr><td>a</td><td>b</td></tr></tbody></table></div>',
  ],
  [
    "code, as it stands",
    "a\n```sh\n# b\n\n- c `d`\n```\n- e",
    '<p>a</p>\n<pre tabindex="0"><code># b\n\n- c `d`</code></pre>\n<ul><li>e</li></ul>',
  ],
])("it renders %s", (_what, markdown, expected) => {
  expect(html(markdown)).toBe(expected);
});

const guides = listFiles("docs/guides", [".md"]);

test("nothing of a guide's Markdown is left as it was typed", () => {
  const marks = /\]\(|\*\*|`|\\|<p>(?:&gt;|!\[|[-*+] |\d+\. )|<li>(?:[-*+]|\d+\.) /g;
  const left = guides.flatMap((path) => {
    const prose = render(read(path), (target) => target).replace(/<(pre|code)\b[\s\S]*?<\/\1>/g, "");
    return [...prose.matchAll(marks)].map(({ index }) => `${path}: …${prose.slice(Math.max(0, index - 30), index + 30)}…`);
  });
  expect(left).toEqual([]);
});

test("a guide's headings have the anchors that links to them name", () => {
  for (const path of guides) {
    const ids = [...html(read(path)).matchAll(/<h\d id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids, path).toEqual([...anchorsOf(read(path))]);
  }
});
