/** Code in README.md and docs/ equals the files it is cut from, and those files are run by a test. */
import { expect, test } from "vitest";
import { cut, rewriteSnippets, snippetFindings, snippetsOf } from "./support/snippets.ts";
import { listFiles, read } from "./support/sources.ts";

const pages = ["README.md", ...listFiles("docs", [".md"])];

const source = "import x;\n// #region a\nif (x) {\n  // #region b\n  y();\n  z();\n  // #endregion\n}\n// #endregion\nrest();\n";
const page = (body: string, from = "examples/one/x.ts#a") => `# T\n<!-- from: ${from} -->\n\n\`\`\`ts\n${body}\n\`\`\`\nend`;

test("a region is cut without markers and common indentation", () => {
  expect(cut(source, "a")).toBe("if (x) {\n  y();\n  z();\n}");
  expect(cut(source, "b")).toBe("y();\nz();");
  expect(cut("<p>\n<!-- #region c -->\n  <b/>\n<!-- #endregion -->", "c")).toBe("<b/>");
  expect(cut("// #region e\na\n// #endregion\nb\n// #region e\nc\n// #endregion", "e")).toBe("a\nc");
  expect(() => cut(source, "c")).toThrow("no region c");
  expect(() => cut("// #region d\nx", "d")).toThrow("region d never ends");
});

test("a block that differs, has no source or names none is found", () => {
  const find = (text: string) => snippetFindings("p.md", text, () => source);
  expect(find(page("if (x) {\n  y();\n  z();\n}"))).toEqual([]);
  expect(find(page("if (x) {}"))).toEqual([expect.stringContaining("p.md:4  — differs from examples/one/x.ts")]);
  expect(find(page("x", "examples/one/x.ts#nowhere"))).toEqual([expect.stringContaining("no region nowhere")]);
  expect(find(page("x", "src/x.ts"))).toEqual([expect.stringContaining("come from examples/ or test/")]);
  expect(find("text\n```tsx\nx\n```")).toEqual([expect.stringContaining("a tsx block with no")]);
  expect(find("text\n```clojure\n[:a]\n```\n```sh\nls\n```")).toEqual([]);
});

test("rewriting a page brings its blocks up to date and touches nothing else", () => {
  const fresh = page("if (x) {\n  y();\n  z();\n}");
  expect(rewriteSnippets(page("old();\nolder();"), () => source)).toBe(fresh);
  expect(rewriteSnippets(page("").replace("\n\n```\nend", "\n```\nend"), () => source)).toBe(fresh);
  expect(rewriteSnippets(fresh + fresh, () => source)).toBe(fresh + fresh);
});

test("every code block of the documents equals its source", () => {
  expect(pages.flatMap((path) => snippetFindings(path, read(path), read))).toEqual([]);
});

test("every example that a document shows is run by a test", () => {
  const tests = listFiles("test", [".test.ts", ".test.tsx"]).map(read).join("\n");
  const shown = pages.flatMap((path) => snippetsOf(read(path)).flatMap(({ from }) => from?.file ?? []));
  const unrun = [...new Set(shown)].filter(
    (file) => file.startsWith("examples/") && !tests.includes(file.replace(/\/[^/]*$/, "/")),
  );
  expect(unrun).toEqual([]);
});
