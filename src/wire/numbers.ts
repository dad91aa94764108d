/**
 * Number literals of EDN; the JSON packer has the same within its tagged strings.
 *
 * Always: what `readNumber` returns is written so that it reads the same.
 * Rules: docs/protocol.md EDN4, EDN5.
 */
import { BigDecimal, Ratio } from "../core/values.ts";

const literal = /^[-+]?(0|[1-9]\d*)(N|\/[1-9]\d*|(\.\d*)?([eE][-+]?\d+)?M?)$/;

/** The number that `text` stands for, or nothing. */
export function readNumber(text: string): number | bigint | Ratio | BigDecimal | undefined {
  if (!literal.test(text)) return undefined;
  const value = Number(text);
  // `-0` is the integer zero.
  if (!Number.isInteger(value) && !Number.isNaN(value)) return value;
  if (text.endsWith("N")) return BigInt(text.slice(0, -1));
  if (text.endsWith("M")) return new BigDecimal(text.replace(/^\+|M/g, ""));
  if (/[.e]/i.test(text)) return value;
  const [numerator, denominator] = text.split("/");
  if (denominator) return new Ratio(BigInt(numerator as string), BigInt(denominator));
  return Number.isSafeInteger(value) ? value || 0 : BigInt(text);
}

/** A number so that it is read as one again: an integer past 2^53 would be a bigint. */
export function writeNumber(value: number): string {
  const text = `${value}`;
  if (Object.is(value, -0)) return "-0.0";
  if (Number.isSafeInteger(value) || /[.e]/.test(text)) return text;
  return /\d/.test(text) ? `${text}.0` : `##${text.replace("inity", "")}`;
}
