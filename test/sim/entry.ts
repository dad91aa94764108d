/**
 * What a process of its own runs: a range of histories, from and count given as arguments, the summary printed as JSON.
 *
 * Always: while histories run, the process has no clock, timers or randomness but those of the simulation.
 */
import { type Range, runHistories } from "./histories.ts";

/** Whoever reaches past Env is found. */
function trap(owner: object, names: readonly string[]): () => void {
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(owner, name)] as const);
  const trapped = (name: string) => () => {
    throw new Error(`${name} in a simulation`);
  };
  for (const [name, descriptor] of before) {
    if (descriptor) Object.defineProperty(owner, name, { ...descriptor, value: trapped(name) });
  }
  return () => {
    for (const [name, descriptor] of before) if (descriptor) Object.defineProperty(owner, name, descriptor);
  };
}

async function main(): Promise<void> {
  const [from = 1, count = 1, maxFailures = 1] = process.argv.slice(2).map(Number);
  const range: Range = { from, count, maxFailures };
  const undo = [
    trap(globalThis, ["setTimeout", "setInterval", "setImmediate"]),
    trap(Math, ["random"]),
    trap(Date, ["now"]),
    trap(Object.getPrototypeOf(crypto) as object, ["getRandomValues", "randomUUID"]),
    trap(Object.getPrototypeOf(performance) as object, ["now"]),
  ];
  const summary = await runHistories(range);
  for (const each of undo) each();
  process.stdout.write(JSON.stringify(summary));
}

void main();
