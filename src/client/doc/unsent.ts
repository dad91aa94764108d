/**
 * Updates that were made here and are not yet written: joined as they come, so that many cost little.
 *
 * Joining all at the end costs with the square of their number; here each is joined about as often as the logarithm of it.
 * Always: in their order; a piece that is large already is not joined further.
 * Rules: docs/protocol/doc.md DOC19.
 */
import * as Y from "yjs";

/** From there on a piece stays as it is: it must fit a frame. */
const largeBytes = 128 * 1024;

export class Unsent {
  readonly #pieces: { readonly update: Uint8Array; readonly count: number }[] = [];

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  add(update: Uint8Array): void {
    this.#pieces.push({ update, count: 1 });
    for (;;) {
      const [one, other] = this.#pieces.slice(-2);
      if (!one || !other || one.count > other.count || one.update.length > largeBytes) return;
      this.#pieces.splice(-2, 2, { update: Y.mergeUpdates([one.update, other.update]), count: one.count + other.count });
    }
  }

  /** All of it, as few updates. */
  take(): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let group: Uint8Array[] = [];
    let bytes = 0;
    const close = (): void => {
      if (group.length) taken.push(group.length > 1 ? Y.mergeUpdates(group) : (group[0] as Uint8Array));
      group = [];
      bytes = 0;
    };
    for (const { update } of this.#pieces.splice(0)) {
      if (bytes + update.length > largeBytes) close();
      group.push(update);
      bytes += update.length;
    }
    close();
    return taken;
  }
}
