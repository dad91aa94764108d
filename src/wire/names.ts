/**
 * Which text is a keyword, a symbol or a tag.
 *
 * Always: `isKeyName` is the narrow grammar, for the keys of plain objects that are written as keywords; every EDN reader
 * we know reads such a name as the same keyword. The others are wide: what Clojure's own reader takes.
 * Rules: docs/protocol.md EDN1, EDN2, EDN9.
 */

/** A key name has at most this many UTF-16 units, so at most 765 bytes: less than `maxKeyBytes` of the default budget. */
const maxKeyNameLength = 255;

/** No white space, control character, unpaired surrogate or noncharacter, nor any of `"(),;@[\]^{}~` and the backtick. */
const text = String.raw`[^\0- "(),;@[-^\x60{}-\xa0\xad\u1680\u180e\u2000-\u206f\u3000\ud800-\udfff\ufeff\ufffe\uffff]+$`;
/** No colon or slash at either end or beside another. */
const name = `(?![:/]|.*[:/](?:[:/]|$))${text}`;
const keywordName = new RegExp(`^${name}`, "u");
const symbolName = new RegExp(`^(?![-+.]?\\d|#)${name}`, "u");
/** Moreover at most one slash; no part begins like a number or with `#`; no `'` or `|`, which the EDN specification lacks. */
const keyName = new RegExp(`^(?!(?:.*/)?(?:#|[-+.]?\\d)|.*(?:['|]|/.*/))${name}`, "u");

/** True for the key of a plain object that is written as a keyword. */
export function isKeyName(key: string): boolean {
  return key.length <= maxKeyNameLength && keyName.test(key);
}

/** True for what may follow the colon of a keyword. */
export function isKeywordName(key: string): boolean {
  return key === "/" || keywordName.test(key);
}

/** Values that look like symbols. */
export const literals: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["nil", null],
  ["true", true],
  ["false", false],
]);

export function isSymbolName(symbol: string): boolean {
  return symbol === "/" || (symbolName.test(symbol) && !literals.has(symbol));
}

/** True for a tag: a symbol that begins with a letter. */
export function isTagName(tag: string): boolean {
  return /^[a-z\xa1-\uffff]/i.test(tag) && symbolName.test(tag);
}
