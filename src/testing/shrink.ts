/**
 * The shortest tape that still fails: faults are left out first, then clients, then operations, each in spans that grow smaller.
 *
 * Always: the tape that is returned failed when it was last run.
 * Rules: docs/protocol/transports.md SIM19.
 */
import { calm } from "./faults.ts";
import type { Tape, TapeEvent } from "./tape.ts";

export async function shrinkTape(tape: Tape, fails: (tape: Tape) => Promise<boolean>, maxRuns: number): Promise<Tape> {
  let best = tape;
  let runs = 0;
  const attempt = async (candidate: Tape): Promise<boolean> => {
    if (runs++ >= maxRuns || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  const leaveOut = async (isOf: (event: TapeEvent) => boolean): Promise<void> => {
    for (let span = best.events.filter(isOf).length; span >= 1; span >>= 1) {
      for (let at = 0; at < best.events.filter(isOf).length && runs < maxRuns; ) {
        const without = new Set(best.events.filter(isOf).slice(at, at + span));
        if (!(await attempt({ ...best, events: best.events.filter((event) => !without.has(event)) }))) at += span;
      }
    }
  };

  if (!(await attempt({ ...best, network: calm }))) {
    for (const name of Object.keys(calm) as (keyof typeof calm)[]) {
      if (best.network[name] !== calm[name]) await attempt({ ...best, network: { ...best.network, [name]: calm[name] } });
    }
  }
  if (best.disk) await attempt({ ...best, disk: false });
  await leaveOut(({ fault }) => fault !== undefined);
  while (best.clients > 1) {
    const clients = best.clients - 1;
    if (!(await attempt({ ...best, clients, events: best.events.filter(({ client }) => client < clients) }))) break;
  }
  await leaveOut(() => true);
  return best;
}
