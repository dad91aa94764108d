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
  if (text.endsWith("N")) return BigInt(text.slice(0, -1));
  if (text.endsWith("M")) return new BigDecimal(text.replace(/^\+|M/g, ""));
  const [numerator, denominator] = text.split("/");
  if (denominator) return new Ratio(BigInt(numerator as string), BigInt(denominator));
  const value = Number(text);
  if (/[.e]/i.test(text)) return value;
  // `-0` is the integer zero.
  return Number.isSafeInteger(value) ? value || 0 : BigInt(text);
}

/** A number so that it is read as one again: an integer past 2^53 would be a bigint. */
export function writeNumber(value: number): string {
  const text = `${value}`;
  if (!Number.isFinite(value)) return `##${text.replace("inity", "")}`;
  if (Object.is(value, -0)) return "-0.0";
  return Number.isSafeInteger(value) || /[.e]/.test(text) ? text : `${text}.0`;
}
