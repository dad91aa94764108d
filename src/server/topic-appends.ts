/**
 * What is on its way to a topic's log, followed to its end: what is not stored is taken out of the state again.
 *
 * Always: answers come in the order of the appends; what was appended behind one that failed has failed as well; while something is taken
 * back nothing is decided.
 * Rules: docs/protocol/storage.md LOG9, LOG15, docs/protocol/writes.md WRITE1-WRITE12.
 */
import { SyncError } from "../core/errors.ts";
import type { AppendResult, LogRecord } from "../topic/log.ts";
import type { Topic } from "./topic.ts";
import type { TopicOptions } from "./topic-options.ts";
import type { TopicState } from "./topic-state.ts";

/** Before a log that cannot be read is read again; then twice as late each time. */
const firstTryMs = 1000;
const lastTryMs = 60_000;

type Appending = AppendResult | Promise<AppendResult>;

export class Appends {
  /** The newest append that is on its way to the disk; it resolves when that, and all before it, is stored or is not, and answered. */
  storing: Promise<unknown> | undefined;
  /** While what could not be stored is taken back: nothing can be decided, and nobody knows whose writes are there. */
  recovering: Promise<void> | undefined;
  /** How often that was done. */
  recoveries = 0;
  /** Appends that were refused, and are not yet taken back. */
  #refused = 0;
  readonly #topic: Topic;
  readonly #state: TopicState;
  readonly #options: TopicOptions;

  constructor(topic: Topic, state: TopicState, options: TopicOptions) {
    this.#topic = topic;
    this.#state = state;
    this.#options = options;
  }

  /** All that was appended is stored, and nothing is to be taken back. */
  get isQuiet(): boolean {
    return !this.storing && !this.recovering && !this.#refused;
  }

  append(records: readonly LogRecord[], report: (error: unknown) => void): Appending {
    const { log, epoch } = this.#topic;
    if (log.durability === "memory") return log.append(records, { epoch, offset: log.decided });
    let appending: Appending;
    try {
      appending = log.append(records, { epoch, offset: log.decided });
    } catch (error) {
      return this.refused(error);
    }
    return this.follow(records, appending, report);
  }

  /** The log threw at an append: what was decided is taken back, and whoever asked is told why. */
  refused(error: unknown): Promise<AppendResult> {
    return this.#settled(this.#behind(undefined).then(() => Promise.reject(error)));
  }

  /** Follows an append that was made for it, alone or together with other topics. */
  follow(records: readonly LogRecord[], appending: Appending, report: (error: unknown) => void): Appending {
    if (this.#topic.log.durability === "memory") return appending;
    if (appending !== "stored" && !(appending instanceof Promise)) return this.#settled(this.#behind(appending));
    this.#state.decided();
    this.#state.saveSometimes(records, report);
    return appending instanceof Promise ? this.#settled(appending) : appending;
  }

  /** Why nothing can be decided now: the log stores nothing, or the state is on its way back to what is stored. */
  get fault(): SyncError | undefined {
    const { fault } = this.#topic.log;
    if (fault || !(this.recovering || this.#refused)) return fault;
    return new SyncError("read-only", "What could not be stored is being taken back.", { retry: "later" });
  }

  /** An answer that came at once: it is to be told, and the state taken back, behind those of what is still on its way. */
  async #behind<T>(answer: T): Promise<T> {
    await this.storing;
    return answer;
  }

  /** What was appended behind one that failed has failed as well, and is taken back with it. */
  #settled(appending: Promise<AppendResult>): Promise<AppendResult> {
    const before = this.storing;
    const settle = async (): Promise<AppendResult> => {
      let result: AppendResult | undefined;
      try {
        result = await appending;
        return result;
      } finally {
        if (result !== "stored") {
          // One before it may be refused later, and takes this one back with it.
          const { recoveries } = this;
          this.#refused++;
          await before;
          this.#refused--;
          if (recoveries === this.recoveries) await (this.recovering ??= this.#recover());
        }
      }
    };
    const done = settle();
    done.catch(() => {});
    // Behind whoever waits for the append before: a writer's answers come in the order of its writes.
    const answered = before ? before.then(() => done) : done;
    const forget = (): void => {
      if (this.storing === over) this.storing = undefined;
    };
    const over: Promise<void> = answered
      .then(
        () => {},
        () => {},
      )
      .then(forget);
    this.storing = over;
    return answered;
  }

  /** Back to what the log has. While that cannot be read, nobody knows what became of whose write: so nothing is answered. */
  async #recover(): Promise<void> {
    const { writers } = this.#topic;
    const answers = writers.answers();
    for (let delayMs = firstTryMs; !(await this.#load()); delayMs = Math.min(2 * delayMs, lastTryMs)) {
      if (!(await this.#options.wait(delayMs)) || this.#topic.isClosed) throw new SyncError("closed");
    }
    // What was answered and has no record, the log does not know.
    for (const [session, seq, error, atMs] of answers) writers.settle(session, seq, error, atMs);
    this.recovering = undefined;
    this.recoveries++;
    this.#options.recovered?.();
  }

  async #load(): Promise<boolean> {
    try {
      await this.#state.load();
      return true;
    } catch (error) {
      this.#options.report(error);
      return false;
    }
  }
}
