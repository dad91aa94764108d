/**
 * Where a simulated client keeps its writes: what `indexedDb()` is to a page. It outlives the lives of its client; a save takes time,
 * and one that a crash comes before is lost as a whole.
 *
 * Always: a record is in the hands of one life at most; a life that ended holds none and changes nothing.
 * Rules: docs/protocol/writes.md KEEP1-KEEP8.
 */
import type { OpenOutboxStore, OutboxRecord, OutboxStore, RowChange } from "../client/storage/store.ts";
import type { Env } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { Rng } from "./rng.ts";

export class SimulatedStore implements OutboxStore {
  readonly name = "simulated";
  readonly #rng: Rng;
  readonly #meanSaveMs: number;
  readonly #records: Map<string, Map<string, string>>;
  /** By record, the life that has it. */
  readonly #holders = new Map<string, object>();
  #life = {};

  constructor(rng: Rng, meanSaveMs: number, records: Map<string, Map<string, string>> = new Map()) {
    this.#rng = rng;
    this.#meanSaveMs = meanSaveMs;
    this.#records = records;
  }

  /** The same rows for another client, as a restored backup or a copied profile has them. */
  copy(): SimulatedStore {
    const records = [...this.#records].map(([id, rows]) => [id, new Map(rows)] as const);
    return new SimulatedStore(this.#rng.fork("copy"), this.#meanSaveMs, new Map(records));
  }

  /** The client that has it ends without a word. */
  crash(): void {
    this.#life = {};
    this.#holders.clear();
  }

  /** What waits to be sent, as text. */
  get text(): string {
    const outboxes = [...this.#records].filter(([id]) => !/^(copy|ids)-|^copies$/.test(id));
    return outboxes.flatMap(([, rows]) => [...rows.values()]).join("\n");
  }

  #put(id: string, changes: readonly RowChange[]): void {
    const rows = new Map(this.#records.get(id));
    for (const [key, value] of changes) {
      if (value === null) rows.delete(key);
      else rows.set(key, value);
    }
    if (rows.size) this.#records.set(id, rows);
    else this.#records.delete(id);
  }

  async open(env: Env): Promise<OpenOutboxStore> {
    const life = this.#life;
    const taking = async (): Promise<void> => {
      if (this.#meanSaveMs) await new Promise<void>((done) => env.setTimer(done, this.#rng.exponential(this.#meanSaveMs)));
    };
    const own = new Set<string>();
    const release = (id: string): void => {
      if (this.#holders.get(id) === life) this.#holders.delete(id);
    };
    const record = (id: string): OutboxRecord => ({
      load: async () => {
        await taking();
        return [...(this.#records.get(id) ?? [])];
      },
      save: async (changes) => {
        await taking();
        if (this.#holders.get(id) !== life) throw new SyncError("closed", "Another one has the record.");
        this.#put(id, changes);
      },
      release: async () => release(id),
      remove: async () => {
        if (this.#holders.get(id) === life) this.#records.delete(id);
        release(id);
      },
    });
    await taking();
    return {
      list: async (prefix) => [...this.#records.keys()].filter((id) => id.startsWith(prefix)),
      claim: async (id) => {
        if (life !== this.#life || this.#holders.has(id)) return undefined;
        this.#holders.set(id, life);
        own.add(id);
        return record(id);
      },
      read: async (id, key) => {
        await taking();
        return [...(this.#records.get(id) ?? [])].filter(([found]) => key === undefined || found === key);
      },
      swap: async (id, key, value, changes) => {
        await taking();
        if (life !== this.#life) throw new SyncError("closed", "This life has ended.");
        if ((this.#records.get(id)?.get(key) ?? null) !== value) return false;
        this.#put(id, changes);
        return true;
      },
      close: async () => {
        for (const id of own) release(id);
      },
    };
  }
}
