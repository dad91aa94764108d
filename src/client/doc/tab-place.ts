/**
 * Where tabs meet: the channel of one user, server and document, and the epoch that all of them are of.
 *
 * Always: there is none before it is known who this is and what epoch the document is of, nor while nobody reads it, nor for anonymous
 * users, whose name does not last.
 * Rules: docs/protocol/doc.md DOC45.
 */
import type { Readable } from "../../core/store.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import { ownerOf, writesOf } from "../writes.ts";

interface PlaceHost {
  readonly core: KindCore;
  readonly topic: string;
  readonly held: Held;
  readonly synced: Readable<boolean>;
}

export interface Place {
  /** The channel's, as far as its user is known; else empty. */
  readonly name: string;
  /** That which the document is of, where it may be shared now. */
  readonly epoch: string | undefined;
  /** This device's copy was put into the document. */
  shown(epoch: string): void;
}

/** `changed` is called where any of it may have. */
export function createPlace({ core, topic, held, synced }: PlaceHost, changed: () => void): Place {
  let epoch: string | undefined;
  /** What it is once the server's document is here. */
  let next: string | undefined;
  let isOver = false;

  held.status.listen(changed);
  held.onGap(({ to }) => {
    if (to !== 0) return;
    epoch = next = undefined;
    changed();
  });
  held.onNamed((answer) => {
    const { at, recovered } = answer as { readonly at: readonly [string, number]; readonly recovered: boolean };
    if (recovered) epoch = at[0];
    else if (epoch !== at[0]) {
      epoch = undefined;
      next = at[0];
    }
    changed();
  });
  synced.listen((isSynced) => {
    if (isSynced) {
      epoch = next ?? epoch;
      next = undefined;
    }
    changed();
  });
  core.join({
    receive: () => false,
    welcomed: changed,
    lost(isEnd) {
      isOver = isEnd;
      changed();
    },
  });

  return {
    get name() {
      const { target, facts } = core;
      const user = facts.welcome ? ownerOf(facts.welcome.user) : writesOf(core).keeper?.shelf?.owner;
      return user && target && !isOver ? nameOf(target, user, topic) : "";
    },
    get epoch() {
      const status = held.status.get();
      return status === "live" || status === "stale" || status === "loading" ? epoch : undefined;
    },
    shown(of) {
      epoch = of;
      changed();
    },
  };
}

function nameOf({ protocol, host, pathname }: URL, user: string, topic: string): string {
  return `sente-sync doc ${JSON.stringify([`${protocol}//${host}${pathname}`, user, topic])}`;
}
