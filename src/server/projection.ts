/**
 * What some readers of a topic are shown in its place: those of an older version, those who may see certain paths. It follows the topic
 * entry for entry, once for all of these readers, and has a feed per wire format as the topic has.
 *
 * Always: offsets are the topic's; the epoch is its own, so that nobody goes on from a value that was not this one's; it ends when nobody
 * reads it.
 * Rules: docs/protocol/versions.md VERSION3-VERSION5, GRANT9.
 */
import type { Projector } from "../kind/projector.ts";
import { createTail } from "../tail/tail.ts";
import type { Feed } from "./feed.ts";
import type { Framer } from "./frames.ts";

export interface ProjectionOptions {
  readonly epoch: string;
  readonly projector: Projector;
  readonly tail: { readonly maxEntries: number; readonly maxBytes: number };
}

export class Projection {
  readonly feeds: Map<Framer, Feed> = new Map();
  readonly #options: ProjectionOptions;

  constructor(options: ProjectionOptions) {
    this.#options = options;
  }

  /** `head`: of what it shows. */
  feed(framer: Framer, head: number): Feed {
    const { epoch, tail } = this.#options;
    let feed = this.feeds.get(framer);
    if (!feed) {
      const made = createTail({ ...tail, firstIndex: head + 1 });
      feed = { framer, epoch, tail: made, frames: new Map(), snapshot: undefined, projection: this };
      this.feeds.set(framer, feed);
    }
    return feed;
  }

  snapshot(): unknown {
    return this.#options.projector.snapshot();
  }

  /** The next entry of the topic. */
  tell(entry: unknown): void {
    const shown = this.#options.projector.entry(entry);
    for (const { framer, tail } of this.feeds.values()) tail.append(framer.piece(shown));
  }
}
