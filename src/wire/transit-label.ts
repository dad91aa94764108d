/**
 * The keys, keywords, symbols and tags that the Transit writer puts: as bytes that are ready, or as codes.
 *
 * Always: a code stands for a text that this packing put before, at the place where the reader counted it; a text put in
 * full once more is counted once more by both. What is kept between packings is bounded.
 * Rules: docs/protocol/transit.md TRANSIT10, TRANSIT12.
 */
import { isKeyName } from "./names.ts";
import { putBytes } from "./sink.ts";
import { codeDigits, isCacheable, maxCodes } from "./transit-code.ts";
import { escapeText } from "./transit-text.ts";
import { encodeUtf8 } from "./utf8.ts";

/** A text that may get a code: a key, keyword, symbol or tag. */
export interface Label {
  readonly bytes: Uint8Array;
  readonly isCacheable: boolean;
  /** The generation in which `code` stands for it. */
  generation: number;
  code: Uint8Array;
}

let hasCodes = false;
/** Names the codes of this packing that still hold. */
let generation = 0;
let lastGeneration = 0;
/** Codes given in this generation. */
let count = 0;

/** Begins a packing that knows no codes; the returned function ends it, and goes on with the one outside. */
export function startLabels(withCodes: boolean): () => void {
  const outer = [hasCodes, generation, count] as const;
  [hasCodes, generation, count] = [withCodes, ++lastGeneration, 0];
  return () => {
    [hasCodes, generation, count] = outer;
    forgetLabels();
  };
}

/** The labels seen lately, by their text and by the property that they are. */
const labels = new Map<string, Label>();
const properties = new Map<string, Label>();
let labelUnits = 0;
/** What is kept between messages, counted in UTF-16 units; a label costs some besides its text. */
const maxIdleUnits = 1 << 18;
const labelCost = 64;

function forgetLabels(): void {
  if (labelUnits <= maxIdleUnits) return;
  labels.clear();
  properties.clear();
  labelUnits = 0;
}

/** The label with this text. */
export function labelOf(text: string): Label {
  const known = labels.get(text);
  if (known) return known;
  const bytes = encodeUtf8(JSON.stringify(text));
  const label = { bytes, isCacheable: isCacheable(text), generation: 0, code: bytes };
  labels.set(text, label);
  labelUnits += text.length + labelCost;
  return label;
}

/** The label with this text if there was one lately, whose text needs no check. */
export function knownLabel(text: string): Label | undefined {
  return labels.get(text);
}

/** The label of a plain object's key. */
export function propertyLabel(key: string): Label {
  return properties.get(key) ?? learnProperty(key);
}

function learnProperty(key: string): Label {
  const label = labelOf(isKeyName(key) ? `~:${key}` : escapeText(key));
  properties.set(key, label);
  labelUnits += key.length;
  return label;
}

/** Puts the text, or the code that stands for it. */
export function putLabel(label: Label): void {
  if (label.generation === generation) return putBytes(label.code);
  putBytes(label.bytes);
  if (hasCodes && label.isCacheable) giveCode(label);
}

const codes: Uint8Array[] = [];

function giveCode(label: Label): void {
  if (count === maxCodes) {
    generation = ++lastGeneration;
    count = 0;
  }
  codes[count] ??= encodeUtf8(`"^${codeDigits(count)}"`);
  label.generation = generation;
  label.code = codes[count++] as Uint8Array;
}
