/**
 * Instants as text, in the form of RFC 3339 that Clojure's `#inst` reads.
 *
 * Always: years 0000 to 9999; a shorter text means its first moment, a missing offset means UTC; digits past the
 * millisecond are dropped.
 * Rules: docs/protocol.md EDN7, JSON2.
 */

const instant = /^(\d{4}(?:-\d\d(?:-\d\d(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?)?)?)?)(?:Z|([-+])([01]\d|2[0-3]):([0-5]\d))?$/;
const firstMoment = "0000-01-01T00:00:00.000";

/** Nothing if `text` is no instant. */
export function readInst(text: string): Date | undefined {
  const [, whole, sign, hours, minutes] = instant.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const local = whole.slice(0, firstMoment.length);
  const date = new Date(`${local}${firstMoment.slice(local.length)}Z`);
  // Some engines read 30 February as 2 March, and all read 24:00.
  if (!writeInst(date)?.startsWith(local)) return undefined;
  if (sign !== undefined) date.setTime(+date - Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60_000);
  return writeInst(date) === undefined ? undefined : date;
}

/** `1985-04-12T23:20:50.520Z`, or nothing for a date that is invalid or outside the years 0000 to 9999. */
export function writeInst(date: Date): string | undefined {
  const text = Number.isNaN(+date) ? "" : date.toISOString();
  return text.length === 24 ? text : undefined;
}
