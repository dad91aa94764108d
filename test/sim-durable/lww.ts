/**
 * What the log of a shared topic says, read by the rules alone: entries as stamped assignments, and the value that the last write of
 * each path makes. Nothing of the product is in it.
 *
 * Always: the value is the same in whatever order the entries come.
 * Rules: docs/protocol/shared.md HLC2, REG1-REG5, SHARED1-SHARED5.
 */

export interface Written {
  readonly ms: number;
  readonly count: number;
  readonly node: string;
  readonly path: readonly string[];
  /** Absent: a deletion. */
  readonly value?: unknown;
}

const maxNodes = 128;

/** The assignments of a log from its first entry on. */
export function readLog(entries: readonly unknown[]): Written[] {
  const nodes: string[] = [];
  let next = 0;
  let lastMs = 0;
  const written: Written[] = [];
  for (const entry of entries as readonly (readonly unknown[])[]) {
    const [time, by] = entry as [number | [number, number], string | number];
    const [since, count] = typeof time === "number" ? [time, 0] : time;
    lastMs += since;
    const node = typeof by === "number" ? (nodes[by] as string) : by;
    if (typeof by === "string" && !nodes.includes(by)) {
      nodes[next] = by;
      next = (next + 1) % maxNodes;
    }
    const changes = entry.slice(2);
    const deleted = (changes.length % 2 ? changes.pop() : []) as (string | string[])[];
    for (let at = 0; at < changes.length; at += 2)
      written.push({ ms: lastMs, count, node, path: pathOf(changes[at]), value: changes[at + 1] });
    for (const path of deleted) written.push({ ms: lastMs, count, node, path: pathOf(path) });
  }
  return written;
}

const pathOf = (path: unknown): readonly string[] => (typeof path === "string" ? [path] : (path as string[]));

/** Negative: `a` is earlier. */
export function compare(a: Written, b: Written): number {
  return a.ms - b.ms || a.count - b.count || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0);
}

/** All of them, the oldest first, each on top of those before. */
export function lastWriteWins(initial: unknown, written: readonly Written[]): unknown {
  return [...written].sort(compare).reduce<unknown>((value, write) => assign(value, write.path, write), initial);
}

function assign(value: unknown, path: readonly string[], write: Written): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return write.value;
  const copy: Record<string, unknown> = isObject(value) ? { ...value } : {};
  if (!rest.length && !("value" in write)) delete copy[key];
  else copy[key] = assign(copy[key], rest, write);
  return copy;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The same text for equal values, whatever the order of their keys. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
