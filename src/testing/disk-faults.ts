/**
 * What a simulated disk does to the calls made to it: a plan, written by a test for a certain call or drawn from a seed.
 *
 * Always: a plan is asked once for each call, in their order, so that the same seed and calls give the same faults.
 */
import type { Rng } from "./rng.ts";

export type DiskOperation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "close"
  | "list"
  | "rename"
  | "remove"
  | "syncNames"
  | "lock";

/** A call that is about to be made. */
export interface DiskCall {
  /** Of all calls, from 1. */
  readonly index: number;
  readonly operation: DiskOperation;
  /** The file's name; of `rename` the old one; of calls about no file, empty. */
  readonly file: string;
}

/**
 * What happens to a call instead.
 * - `EIO`, `ENOSPC`: it fails; a write that has no space may have written its beginning.
 * - `lie`: a sync fails, and later ones succeed without what it should have written.
 * - `crash-before`, `crash-after`: the process ends without it, or with it done and not answered.
 * - `misdirect`: a write lands on other pages of the file, and nobody is told.
 * - `rot`: one bit of what is read is turned over, for good.
 * - `slowMs`: it is answered so much later.
 */
export type DiskFault =
  | "EIO"
  | "ENOSPC"
  | "lie"
  | "crash-before"
  | "crash-after"
  | "misdirect"
  | "rot"
  | { readonly slowMs: number };

export type DiskPlan = (call: DiskCall) => DiskFault | undefined;

/** Only the call of that number, counted from 1, meets the fault: the loop over every call of a script. */
export function faultAt(index: number, fault: DiskFault): DiskPlan {
  return (call) => (call.index === index ? fault : undefined);
}

/**
 * A plan for one seed: each fault is there or not, and rare or frequent. `damage` adds those that no software can prevent,
 * only detect: rot and misdirected writes.
 */
export function swarmDisk(rng: Rng, { damage = false }: { readonly damage?: boolean } = {}): DiskPlan {
  const maybe = (fault: DiskFault, ...operations: DiskOperation[]): Risk => ({
    fault,
    operations: new Set(operations),
    chance: rng.chance(0.5) ? rng.pick([0.001, 0.01, 0.1]) : 0,
  });
  const risks = [
    maybe("EIO", "open", "write", "sync", "truncate", "rename", "remove", "syncNames"),
    maybe("ENOSPC", "open", "write"),
    maybe("lie", "sync"),
    maybe({ slowMs: rng.pick([5, 100, 2000]) }, "write", "sync", "syncNames"),
    ...(damage ? [maybe("rot", "read"), maybe("misdirect", "write")] : []),
  ];
  const draws = rng.fork("calls");
  return ({ operation }) => risks.find((risk) => risk.operations.has(operation) && draws.chance(risk.chance))?.fault;
}

interface Risk {
  readonly fault: DiskFault;
  readonly operations: ReadonlySet<DiskOperation>;
  readonly chance: number;
}
