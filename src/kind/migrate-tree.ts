/**
 * A shared tree brought to another version: what each assignment was becomes what it is there, with the time at which it was made. So a
 * write that was made before, and comes later, counts where it would have counted.
 *
 * The function is run on the tree as it was after each assignment, oldest first; in a large tree after each of `maxRuns` groups, whose
 * assignments then count as the newest of their group, but where a path is the same in both versions.
 * Always: the value is what the function makes of the older tree's.
 * Rules: docs/protocol/versions.md VERSION10.
 */
import { compareStamps, firstStamp, type Stamp } from "../core/hlc.ts";
import { differencesBetween, isBelow } from "./changes.ts";
import { isPlain } from "./patch.ts";
import { type Keys, nothing, putAll, Registers, read } from "./registers.ts";
import type { SharedSnapshot, SharedTree } from "./shared-tree.ts";

const maxRuns = 256;

type Row = readonly [path: Keys, stamp: Stamp, value: unknown];

/** What a tree begins with is told by its snapshot alone, where it is newer than this. */
const beginning: Stamp = { ms: 0, count: 1, node: "" };

export function migrateTree(tree: SharedTree, migrate: (value: unknown) => unknown): SharedSnapshot {
  const { compactedBefore } = tree.registers;
  const [root, ...rows] = [...tree.registers.list()].sort(([, a], [, b]) => compareStamps(a, b)) as [Row, ...Row[]];
  let older = root[2];
  let value = migrate(older);
  const next = new Registers(value, firstStamp);
  next.assign({ path: [], value }, compareStamps(root[1], beginning) > 0 ? root[1] : beginning);
  const size = Math.max(1, Math.ceil(rows.length / maxRuns));
  for (let at = 0; at < rows.length; at += size) {
    const group = rows.slice(at, at + size);
    const newest = group.at(-1) as Row;
    older = putAll(
      older,
      group.map(([path, , value]) => ({ path, value })),
    );
    const before = value;
    value = migrate(older);
    for (const change of differencesBetween(before, value)) {
      const [, stamp] = group.findLast(([path]) => isBelow(change.path, path)) ?? newest;
      next.assign(change, stamp);
    }
    for (const [path, stamp, assigned] of group) {
      // A deletion holds off what is older, also where nothing is to be deleted.
      const parent = path.length > 1 ? read(value, path.slice(0, -1)) : value;
      if (assigned === nothing && isPlain(parent) && read(value, path) === nothing) next.assign({ path, value: nothing }, stamp);
    }
  }
  next.compactedBefore = compactedBefore;
  tree.registers = next;
  return tree.snapshot();
}
