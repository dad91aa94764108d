/**
 * A history that failed, with all that a person needs to see it again: its seed, the shortest tape that still fails, and what
 * happened on it last.
 */
import { printTape, type Tape } from "./tape.ts";

export interface Finding {
  readonly error: unknown;
  /** Of the virtual clock. */
  readonly step: number;
  readonly atMs: number;
}

export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
  readonly seed: number | string;
  readonly step: number;
  readonly atMs: number;
  readonly tape: Tape;
  /** The last steps before it. */
  readonly trace: readonly string[];

  constructor({ error, step, atMs }: Finding, tape: Tape, trace: readonly string[]) {
    const what = error instanceof Error ? error.message : String(error);
    super(
      `${what}\nat step ${step}, ${atMs.toFixed(2)} ms, of\n${printTape(tape)}\nlast steps:\n${trace.slice(-20).join("\n")}`,
      {
        cause: error,
      },
    );
    this.seed = tape.seed;
    this.step = step;
    this.atMs = atMs;
    this.tape = tape;
    this.trace = trace;
  }
}
