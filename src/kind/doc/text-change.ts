/**
 * The one change that makes one text of another: what is the same before it and behind it stays.
 *
 * Always: no change splits a pair of surrogates.
 * Rules: docs/protocol/doc.md DOC30, docs/protocol/form.md TEXT6.
 */

export interface Change {
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
}

/** The one change that makes `after` of `before`, with the caret behind it. */
export function changeOf(before: string, after: string, caret: number): Change | undefined {
  if (before === after) return undefined;
  const most = Math.min(before.length, after.length);
  let suffix = 0;
  while (suffix < Math.min(most, after.length - caret) && before.at(-1 - suffix) === after.at(-1 - suffix)) suffix++;
  let prefix = 0;
  while (prefix < most - suffix && before[prefix] === after[prefix]) prefix++;
  if (isHigh(after.charCodeAt(prefix - 1)) || isHigh(before.charCodeAt(prefix - 1))) prefix--;
  if (suffix && isLow(after.charCodeAt(after.length - suffix))) suffix--;
  return { at: prefix, removed: before.length - suffix - prefix, inserted: after.slice(prefix, after.length - suffix) };
}

const isHigh = (unit: number): boolean => (unit & 0xfc00) === 0xd800;
const isLow = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;
