/**
 * What a topic is made of: what its kind says, and what the server gives it.
 *
 * Rules: docs/protocol.md SUB1-SUB20.
 */
import type { CatchUp, Snapshot } from "../kind/kind.ts";
import type { OlderState } from "../kind/older.ts";
import type { CreateProjector } from "../kind/projector.ts";
import type { Versions } from "../kind/versions.ts";
import type { OpenLog, Retention } from "../topic/log.ts";
import type { Packer } from "../wire/packer.ts";
import type { TailBudget } from "./tail-budget.ts";
import type { Topic } from "./topic.ts";
import type { WritersLimits } from "./writers.ts";

/** The state at the head of a durable topic, for kinds whose decided state changes in place. The kind folds what is told into it. */
export interface ToldState {
  snapshot(): Snapshot;
  /** What is decided is told: the topic was loaded. */
  load(snapshot: Snapshot): void;
}

/** What is stored of an older version, and who has one. Absent: there is version 1 alone. */
export interface TopicVersions {
  readonly versions: Versions;
  /** What that version left in the log; absent where nothing is stored. */
  readonly older?: (version: number) => OlderState;
  /** Writes of that version are taken. */
  readonly takes: (version: number) => boolean;
}

/** What its kind says. */
export interface TopicKind {
  readonly name: string;
  readonly kind: string;
  readonly catchUp: CatchUp;
  /** The state that was decided; for kinds with state an immutable value, unless there is `told`. */
  readonly snapshot: () => Snapshot;
  readonly told?: ToldState | undefined;
  /** What else the answer to a subscription says. */
  readonly answer?: (() => object) | undefined;
  readonly versions?: TopicVersions | undefined;
  /** Shows readers something else than what is there; absent where that cannot be done. */
  readonly projector?: CreateProjector | undefined;
  /** Makes that the state; undefined: as it is at offset 0. Only kinds that can be durable have it. */
  readonly load?: ((snapshot: Snapshot) => void) | undefined;
  /** Folds an entry from the log into the state. */
  readonly replay?: ((entry: unknown) => void) | undefined;
  /** Called when decided entries were taken back. */
  readonly recovered?: (() => void) | undefined;
}

export interface TopicOptions extends TopicKind {
  readonly id: number;
  readonly log: OpenLog;
  readonly retention: Retention;
  /** Never the same twice, in no server's life. */
  readonly nonce: () => string;
  readonly report: (error: unknown) => void;
  /** Waits; false: the server closes. */
  readonly wait: (delayMs: number) => Promise<boolean>;
  /** The packer that log records are kept in. */
  readonly kept: Packer;
  readonly writers: WritersLimits;
  readonly nowMs: () => number;
  /** Told what the feeds hold, and a log in memory. */
  readonly tails: TailBudget;
  /** Called with every batch of records, in order, once the feeds have them. */
  readonly onRecords: (topic: Topic) => void;
  /** Called when a frame was made: it is to be forgotten at the end of the flush. */
  readonly onFrame: (topic: Topic) => void;
}
