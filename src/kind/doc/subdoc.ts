/**
 * Documents within a document: which guids are taken, and what their topics are called. `notes/1` has `notes/1/@sub/<guid>`, and so has
 * whatever is within those: a guid names one document, however deep.
 *
 * Always: what is no guid of ours names no topic, so nothing from the wire reaches into another's name.
 * Rules: docs/protocol/doc.md DOC51, DOC53.
 */

const mark = "/@sub/";
/** The param that the guid is, in patterns. */
export const guidParam = "@guid";

/** Letters, digits, `-` and `_`: 1 to 64 of them. */
export function isGuid(value: unknown): value is string {
  return typeof value === "string" && /^[\w-]{1,64}$/.test(value);
}

/** The topic of the outermost document. */
export function rootOf(topic: string): string {
  return topic.split(mark, 1)[0] as string;
}

/** The topic of a document within the one of that topic. */
export function subdocTopic(topic: string, guid: string): string {
  return `${rootOf(topic)}${mark}${guid}`;
}
