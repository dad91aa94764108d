/**
 * Which text is a keyword, a symbol or a tag.
 *
 * Always: `isKeyName` is the narrow grammar, for the keys of plain objects that are written as keywords; every EDN reader
 * we know reads such a name as the same keyword. The others are wide: what Clojure's own reader takes.
 * Rules: docs/protocol.md EDN1, EDN2, EDN9.
 */

/** A key name has at most this many UTF-16 units, so at most 765 bytes: less than `maxKeyBytes` of the default budget. */
const maxKeyNameLength = 255;

/**
 * Names that do not begin with `refused`: a slash, or text with no colon or slash at either end or beside another. There is no
 * white space, control character, unpaired surrogate or noncharacter in it, nor any of `"(),;@[\]^{}~` and the backtick.
 */
function grammar(refused: string): RegExp {
  const text = String.raw`[^\0- "(),;@[-^\x60{}-\xa0\xad\u1680\u180e\u2000-\u206f\u3000\ud800-\udfff\ufeff\ufffe\uffff]+`;
  return new RegExp(`^(?!${refused})(/|(?![:/]|.*[:/]([:/]|$))${text})$`, "u");
}

const keywordName = grammar(":");
const symbolName = grammar("[-+.]?\\d|#");
const tagName = grammar("[^a-zA-Z\xa1-\u{10ffff}]");
/** At most one slash, not alone; no part begins like a number or with `#`; no `'` or `|`, which the EDN specification lacks. */
const keyName = grammar("(.*/)?(#|[-+.]?\\d|$)|.*(['|]|/.*/)");

/** True for the key of a plain object that is written as a keyword. */
export function isKeyName(key: string): boolean {
  return key.length <= maxKeyNameLength && keyName.test(key);
}

/** True for what may follow the colon of a keyword. */
export function isKeywordName(key: string): boolean {
  return keywordName.test(key);
}

/** Values that are read as one token. */
export const literals: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["nil", null],
  ["true", true],
  ["false", false],
  ["##NaN", Number.NaN],
  ["##Inf", 1 / 0],
  ["##-Inf", -1 / 0],
]);

export function isSymbolName(symbol: string): boolean {
  return symbolName.test(symbol) && !literals.has(symbol);
}

/** True for a tag: a symbol that begins with a letter. */
export function isTagName(tag: string): boolean {
  return tagName.test(tag);
}
