/**
 * The codes by which Transit refers to a text that stood in the message before: `^0` to `^[`, then `^10` to `^[[`.
 *
 * Always: writer and reader count alike, so each knows the other's codes; after `maxCodes` both begin anew.
 * Rules: docs/protocol/transit.md TRANSIT10.
 */

const base = 44;
const firstDigit = 48;

export const maxCodes: number = base * base;

/** True for a key, keyword, symbol or tag that counts. */
export function isCacheable(text: string): boolean {
  return text.length > 3;
}

/** What stands behind the caret. */
export function codeDigits(index: number): string {
  const last = String.fromCharCode(firstDigit + (index % base));
  return index < base ? last : String.fromCharCode(firstDigit + Math.floor(index / base)) + last;
}

/** The index that `code` names, -1 if it is no code. */
export function codeIndex(code: string): number {
  const first = code.charCodeAt(1) - firstDigit;
  if (!(first >= 0 && first < base)) return -1;
  if (code.length === 2) return first;
  const last = code.charCodeAt(2) - firstDigit;
  return code.length === 3 && last >= 0 && last < base ? first * base + last : -1;
}
