/**
 * The lines a peer has read, and the proof that none is missing: offsets follow one another, so a hole would show.
 * Pure: a page shows it, a process only reports it.
 */
export interface Found {
  readonly offset: number;
  /** Who found it. */
  readonly by: string;
  readonly from: number;
  readonly primes: number;
  /** What the finder's own copy of the board said at that moment. */
  readonly known: number;
}

export interface Reading {
  /** The newest lines, the newest first. */
  readonly lines: readonly Found[];
  /** Offsets of the first and the newest line read; 0: none yet. */
  readonly first: number;
  readonly last: number;
  readonly missing: number;
}

const maxLines = 10;

export const nothingRead: Reading = { lines: [], first: 0, last: 0, missing: 0 };

export function withLine(reading: Reading, { offset, data }: { offset: number; data: Omit<Found, "offset"> }): Reading {
  const { first, last, missing } = reading;
  if (offset <= last) return reading;
  const lines = [{ offset, ...data }, ...reading.lines].slice(0, maxLines);
  return { lines, first: first || offset, last: offset, missing: missing + (last ? offset - last - 1 : 0) };
}

/** Lines `from` to `to` are no longer kept, or (0) the server started anew. */
export function withGap(reading: Reading, { from, to }: { readonly from: number; readonly to: number }): Reading {
  // Who just came misses nothing: what was before is not promised.
  if (!reading.last) return reading;
  return to ? { ...reading, last: to, missing: reading.missing + to - from + 1 } : nothingRead;
}
