/**
 * Every rule of the protocol is tested by its number, and every number that a test or a header names is a rule.
 * The convention is in docs/contributing.md, "Rules and test titles".
 */
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { ruleName, rulesOf } from "./support/markdown.ts";
import { listFiles, parse, read } from "./support/sources.ts";

const opening = new RegExp(`^((?:${ruleName.source}(?:,? (?:and )?)?)+)(?=\\S| |$)`);
const testCalls = new Set(["test", "it", "describe"]);

/** Rules a title opens with: `EDN3, EDN4 a sentence` names two. */
function rulesInTitle(title: string): string[] {
  const head = opening.exec(title)?.[1] ?? "";
  const names = head.match(new RegExp(ruleName.source, "g")) ?? [];
  // `UTF8-encoded` and `SHA256sum` open with a name that goes on.
  return head.endsWith(" ") || head.length === title.length ? names : names.slice(0, -1);
}

/** Titles of test calls, and all other strings of a test file: tables of cases have their titles there. */
function stringsOf(path: string, text: string): { titles: string[]; strings: string[] } {
  const titles: string[] = [];
  const strings: string[] = [];
  const textOf = (node: ts.Node | undefined): string | undefined => {
    if (node && ts.isStringLiteralLike(node)) return node.text;
    return node && ts.isTemplateExpression(node) ? node.head.text : undefined;
  };
  // test(…), test.skipIf(…)(…), test.each(…)(…), describe(…)
  const root = (node: ts.Expression): string => {
    if (ts.isIdentifier(node)) return node.text;
    return ts.isPropertyAccessExpression(node) || ts.isCallExpression(node) || ts.isTaggedTemplateExpression(node)
      ? root(ts.isTaggedTemplateExpression(node) ? node.tag : node.expression)
      : "";
  };
  const visit = (node: ts.Node): void => {
    const string = textOf(node);
    if (string !== undefined) strings.push(string);
    if (ts.isCallExpression(node) && testCalls.has(root(node.expression))) {
      const title = textOf(node.arguments[0]);
      if (title !== undefined) titles.push(title);
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(path, text));
  return { titles, strings };
}

const documents = listFiles("docs", [".md"]).filter((path) => /^docs\/(protocol\.md$|reliability\.md$|protocol\/)/.test(path));
const definitions = documents.flatMap((path) => rulesOf(read(path)).map((rule) => ({ ...rule, at: `${path}:${rule.line}` })));
const defined = new Set(definitions.map((rule) => rule.name));
const testFiles = listFiles("test", [".ts", ".tsx"]).filter(
  (path) => !/^test\/(support|types)\/|^test\/rules\.test\.ts$/.test(path),
);
/** Contracts are tables of tests: every string there that opens as a title does is one. */
const contractFiles = listFiles("src/testing/contracts", [".ts"]);
const testStrings = [
  ...testFiles.map((path) => ({ path, ...stringsOf(path, read(path)) })),
  ...contractFiles.map((path) => {
    const { strings } = stringsOf(path, read(path));
    return { path, titles: strings, strings };
  }),
];

describe("the scan", () => {
  test("finds rules at the opening of a line, an item and a row, and nowhere else", () => {
    const text = "**EDN1** A.\n- **EDN2.** B.\n| **EDN3** | C |\nSee **EDN4**.\n```text\n**EDN5** D\n```\n**EDN06** E";
    expect(rulesOf(text).map((rule) => `${rule.name}:${rule.line}`)).toEqual(["EDN1:1", "EDN2:2", "EDN3:3"]);
  });

  test("finds the rules that open a title", () => {
    expect(rulesInTitle("EDN3 an unfinished vector is refused")).toEqual(["EDN3"]);
    expect(rulesInTitle("EDN3, EDN4 and PACK1 agree")).toEqual(["EDN3", "EDN4", "PACK1"]);
    expect(rulesInTitle("UTF8-encoded text")).toEqual([]);
    expect(rulesInTitle("a value (EDN3)")).toEqual([]);
  });

  test("finds titles in calls and in tables", () => {
    const text = 'test("EDN1 a", f); test.skipIf(x)("EDN2 b", f); test.each(cases)(`EDN3 ${x}`, f); const t = [["EDN4 c", 1]];';
    const { titles, strings } = stringsOf("x.test.ts", text);
    expect(titles.map((title) => rulesInTitle(title)[0])).toEqual(["EDN1", "EDN2", "EDN3"]);
    expect(strings).toContain("EDN4 c");
  });
});

test("docs/protocol.md defines rules, each once", () => {
  expect(definitions.length).toBeGreaterThan(0);
  const first = new Map<string, string>();
  const twice: string[] = [];
  for (const { name, at } of definitions) {
    const before = first.get(name);
    if (before === undefined) first.set(name, at);
    else twice.push(`${at}  ${name} is already defined at ${before}`);
  }
  expect(twice).toEqual([]);
});

test("every rule has a test whose title opens with it", () => {
  const tested = new Set(testStrings.flatMap(({ strings }) => strings.flatMap(rulesInTitle)));
  expect(definitions.filter((rule) => !tested.has(rule.name)).map((rule) => `${rule.at}  ${rule.name} has no test`)).toEqual([]);
});

test("every test title that opens with a rule's number names a rule that exists", () => {
  const unknown = testStrings.flatMap(({ path, titles }) =>
    titles.flatMap((title) =>
      rulesInTitle(title).flatMap((name) => (defined.has(name) ? [] : [`${path}: ${title}  — no rule ${name}`])),
    ),
  );
  expect(unknown).toEqual([]);
});

test("the Rules lines of headers name rules and files that exist", () => {
  const wrong: string[] = [];
  for (const path of [...listFiles("src", [".ts"]), ...listFiles("adapters", [".ts", ".tsx"])]) {
    // A header's last paragraph: from "Rules:" to the end of the comment.
    const rules = /\* Rules:([\s\S]*?)\*\//.exec(read(path))?.[1]?.replace(/\n \*/g, " ") ?? "";
    for (const name of rules.match(new RegExp(`\\b${ruleName.source}\\b`, "g")) ?? []) {
      if (!defined.has(name)) wrong.push(`${path}  — no rule ${name}`);
    }
    for (const file of rules.match(/\b(?:docs|test|src)\/[\w./-]+\.\w+/g) ?? []) {
      if (!exists(file)) wrong.push(`${path}  — no file ${file}`);
    }
  }
  expect(wrong).toEqual([]);
});

function exists(path: string): boolean {
  try {
    read(path);
    return true;
  } catch {
    return false;
  }
}
