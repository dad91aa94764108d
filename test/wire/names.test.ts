/**
 * Which names are keywords, symbols and tags.
 * Rules: docs/protocol/values.md EDN2, EDN9, EDN13.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isKeyName, isKeywordName, isSymbolName, isTagName } from "../../src/wire/names.ts";
import { cpuMsOf } from "../support/cpu.ts";
import { keyName } from "../support/values.ts";

test.each([
  "a",
  "A",
  "z9",
  "user/name",
  "a.b.c/d-e?",
  "foo*+!-_?<>=&%.bar",
  "field_0",
  "__proto__",
  "-",
  "+",
  ".",
  "-a",
  "..",
  "a-1",
  "a.1",
  "a:b",
  "a:b:c/d:e",
  "a#",
  "a#b",
  "$",
  "größe",
  "ключ",
  "語",
  "😀",
  "nil",
  "true",
  "-/-",
  "a/.b",
  "a".repeat(255),
])("EDN2 %s is a key name", (name) => expect(isKeyName(name)).toBe(true));

test.each([
  "",
  "/",
  "a/",
  "/a",
  "a/b/c",
  "a//b",
  "1",
  "1a",
  "a/1",
  "-1",
  "+1",
  ".5",
  "a/-1",
  "a/+2",
  "a/.5",
  ":a",
  "a:",
  "a::b",
  "a/:b",
  "a:/b",
  "#a",
  "a/#b",
  "a b",
  "a,b",
  "a;b",
  'a"b',
  "a(",
  "a)",
  "a[",
  "a]",
  "a{",
  "a}",
  "a@b",
  "a^b",
  "a`b",
  "a~b",
  "a\\b",
  "a'",
  "'a",
  "a|b",
  "a\n",
  "a\0",
  "\x7f",
  "a\u00a0",
  "a\u00ad",
  "a\u2003b",
  "a\u200b",
  "\u3000",
  "\ufeffa",
  "\ud800",
  "a\udc00",
  "\ufffe",
  "a".repeat(256),
])("EDN2 %j is no key name", (name) => expect(isKeyName(name)).toBe(false));

test("EDN2 every key name is a keyword's name", () => {
  fc.assert(
    fc.property(keyName, (name) => isKeyName(name) && isKeywordName(name)),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 6 }), (name) => !isKeyName(name) || isKeywordName(name)),
    { numRuns: 5000 },
  );
});

test("EDN9 nil, true and false are no symbols, and what begins like a number is none", () => {
  for (const name of ["nil", "true", "false", "1a", "-1", "+1", "#a", ":a", "", ".5"])
    expect(isSymbolName(name), name).toBe(false);
  for (const name of ["a", "/", "-", "nil2", "a/b", "-a", "..", "'a"]) expect(isSymbolName(name), name).toBe(true);
});

test("EDN13 a tag begins with a letter", () => {
  for (const name of ["inst", "my/tag", "é", "A1"]) expect(isTagName(name), name).toBe(true);
  for (const name of ["_", "-a", "1", "", "/", "a/", "<a", "@", "a b"]) expect(isTagName(name), name).toBe(false);
});

test("EDN2 long names take time in proportion to their length", () => {
  const cpuMs = cpuMsOf(() => {
    for (const text of ["a", "a/", "a:", "-", "a-1/", "/", ":", "1"]) {
      for (const name of [text.repeat(50_000), `${text.repeat(50_000)}@`]) {
        isKeywordName(name);
        isSymbolName(name);
        isTagName(name);
      }
      isKeyName(text.repeat(127));
    }
  });
  expect(cpuMs).toBeLessThan(3000);
});
