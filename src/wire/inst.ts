/**
 * Instants as text, in the form of RFC 3339 that Clojure's `#inst` reads.
 *
 * Always: years 0000 to 9999; a shorter text means its first moment, a missing offset means UTC; digits past the
 * millisecond are dropped.
 * Rules: docs/protocol.md EDN7, JSON2.
 */

const instant = /^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[-+]\d\d:\d\d)?)?)?)?$/;

/** Nothing if `text` is no instant. */
export function readInst(text: string): Date | undefined {
  const match = instant.exec(text);
  const day = text.slice(0, 10);
  const date = new Date(match?.[3] && !match[6] ? `${text}Z` : text);
  // Some engines read 30 February as 2 March.
  return match && writeInst(new Date(day))?.startsWith(day) && writeInst(date) ? date : undefined;
}

/** `1985-04-12T23:20:50.520Z`, or nothing for a date that is invalid or outside the years 0000 to 9999. */
export function writeInst(date: Date): string | undefined {
  const text = Number.isNaN(+date) ? "" : date.toISOString();
  return text.length === 24 ? text : undefined;
}
