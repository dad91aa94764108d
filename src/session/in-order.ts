/**
 * Work that may take time, its results handed on in the order it was begun.
 *
 * Always: what is there at once and has nothing before it is handed on at once, within `add`; after `clear`, nothing that
 * was added before is handed on.
 * Rules: docs/protocol/seals.md SEAL2.
 */

export interface Outlet<T> {
  deliver(value: T): void;
  /** In the place of the value that the work failed to give. */
  fail(error: unknown): void;
  /** Something that waited has been handed on. */
  moved(): void;
}

interface Entry {
  readonly bytes: number;
  /** Hands on what the work gave; nothing yet while it goes on. */
  finish: (() => void) | undefined;
}

export class InOrder<T> {
  readonly #outlet: Outlet<T>;
  #entries: Entry[] = [];
  #held = false;
  #waitingBytes = 0;

  constructor(outlet: Outlet<T>) {
    this.#outlet = outlet;
  }

  /** Bytes of what has not been handed on. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** `bytes`: what this weighs while it waits. */
  add(work: () => T | Promise<T>, bytes: number): void {
    const { deliver, fail } = this.#outlet;
    const entry: Entry = { bytes, finish: undefined };
    try {
      const result = work();
      if (result instanceof Promise) {
        const settle = (finish: () => void): void => {
          entry.finish = finish;
          this.#flush();
        };
        result.then(
          (value) => settle(() => deliver(value)),
          (error) => settle(() => fail(error)),
        );
      } else entry.finish = () => deliver(result);
    } catch (error) {
      entry.finish = () => fail(error);
    }
    if (entry.finish && this.isEmpty && !this.#held) return entry.finish();
    this.#entries.push(entry);
    this.#waitingBytes += bytes;
  }

  /** Hands on nothing until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#flush();
  }

  clear(): void {
    this.#entries = [];
    this.#waitingBytes = 0;
  }

  #flush(): void {
    let count = 0;
    for (; !this.#held && this.#entries[0]?.finish; count++) {
      const { bytes, finish } = this.#entries.shift() as Entry;
      this.#waitingBytes -= bytes;
      finish?.();
    }
    if (count > 0) this.#outlet.moved();
  }
}
