/**
 * What a definition says of its versions, made ready: from which one there is a way to which.
 *
 * Always: `up` and `down` run each step between two versions, in order; one that throws is `migration-failed`, with the cause.
 * Rules: docs/protocol/versions.md VERSION1, VERSION8.
 */
import { isSyncError, SyncError } from "../core/errors.ts";
import type { Migration, Versioned } from "../core/versions.ts";

type Step = "up" | "down" | "call";

export class Versions {
  readonly version: number;
  readonly #name: string;
  readonly #steps: ReadonlyMap<number, Migration>;

  /** Throws SyncError `invalid` for what cannot be meant. */
  constructor(name: string, { version = 1, migrations = {} }: Versioned) {
    const refuse = (message: string): never => {
      throw new SyncError("invalid", `Topic "${name}": ${message}`);
    };
    if (!Number.isSafeInteger(version) || version < 1) refuse("its version is a whole number from 1 on.");
    this.version = version;
    this.#name = name;
    this.#steps = new Map(Object.entries(migrations).map(([to, step]) => [Number(to), step]));
    for (const [to, step] of this.#steps) {
      if (!Number.isInteger(to) || to < 2 || to > version) refuse(`a migration leads to version ${to}, which is none of it.`);
      if (step.up && !step.down && !("initial" in step))
        refuse(`migration ${to} needs \`down\`, or what version ${to - 1} had as \`initial\`.`);
    }
  }

  /** There is a step each way, from that version to this one or back. */
  has(step: Step, version: number): boolean {
    return this.#between(version).every((to) => this.#steps.get(to)?.[step]);
  }

  /** What that version had, as this one has it. */
  up(value: unknown, from: number): unknown {
    return this.#between(from).reduce((state, to) => this.#run("up", to, state), value);
  }

  /** As that version has it. */
  down(value: unknown, version: number): unknown {
    return this.#between(version).reduceRight((state, to) => this.#run("down", to, state), value);
  }

  /** What a topic of that version began with. */
  initial(present: unknown, version: number): unknown {
    return this.#between(version).reduceRight((state, to) => {
      const step = this.#steps.get(to);
      return step && "initial" in step ? step.initial : this.#run("down", to, state);
    }, present);
  }

  /** A call of a store of that version. */
  call(call: { readonly mutation: string; readonly input: unknown }, from: number): typeof call {
    return this.#between(from).reduce(
      (state, to) => (this.#steps.get(to)?.call ? (this.#run("call", to, state) as typeof call) : state),
      call,
    );
  }

  /** The steps from that version up. */
  #between(version: number): number[] {
    return Array.from({ length: this.version - version }, (_, at) => version + 1 + at);
  }

  #run(step: Step, to: number, state: unknown): unknown {
    const run = this.#steps.get(to)?.[step] as ((state: unknown) => unknown) | undefined;
    if (!run) throw new SyncError("migration-failed", `Topic "${this.#name}" has no \`${step}\` for version ${to}.`);
    let next: unknown;
    try {
      next = run(state);
    } catch (cause) {
      throw isSyncError(cause)
        ? cause
        : new SyncError("migration-failed", `\`${step}\` for version ${to} of "${this.#name}" threw.`, { cause });
    }
    if (next !== undefined && !(next instanceof Promise)) return next;
    throw new SyncError("migration-failed", `\`${step}\` for version ${to} of "${this.#name}" gave no value at once.`);
  }
}

/** Nothing where a definition has version 1: there is nothing to be brought anywhere. */
export function versionsOf(name: string, definition: object): Versions | undefined {
  const versions = new Versions(name, definition);
  return versions.version > 1 ? versions : undefined;
}
