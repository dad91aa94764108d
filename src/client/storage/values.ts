/**
 * Keeps what is read of kinds that have a value (atom, shared, store, an application's own), so that a page that opens without a line
 * shows it.
 *
 * Always: what is kept is the server's, without what is pending: that is in the outbox, and laid over it again; a topic is kept from the
 * moment in which somebody reads it.
 * Rules: docs/protocol/copies.md COPY1-COPY8.
 */
import { SyncError } from "../../core/errors.ts";
import type { Replica } from "../../kind/kind.ts";
import type { KindCore } from "../client.ts";
import type { Held } from "../held.ts";
import type { Copied, CopyFormat, Stretch } from "./copy.ts";
import { createKeeping } from "./keeping.ts";
import type { Shelf } from "./shelf.ts";

type AnyReplica = Replica<unknown, never>;
type Create = () => AnyReplica;

/** From here on, every topic that is held for its value. */
export function keepValues(core: KindCore, shelf: Shelf): void {
  const { hold } = core;
  const kept = new WeakSet<Held>();
  core.hold = (topic, kind, create) => {
    const held = hold(topic, kind, create);
    if (create && held.replica?.snapshot && !kept.has(held) && shelf.keeps(topic, kind)) {
      kept.add(held);
      keepValue(core, shelf, topic, held, create);
    }
    return held;
  };
}

function keepValue(core: KindCore, shelf: Shelf, topic: string, held: Held, create: Create): void {
  const replica = held.replica as AnyReplica;
  let base: Stretch["base"];
  let entries: unknown[] = [];

  const format = {
    topic,
    kind: held.kind,
    // A kind says so after it was held.
    get version(): number {
      return held.version ?? 1;
    },
    join(copied: Copied): unknown {
      const whole = create();
      fill(whole, copied);
      return whole.snapshot?.();
    },
    state: (): unknown => replica.snapshot?.(),
  } satisfies CopyFormat;
  const flush = (): void => {
    const offset = held.next - 1;
    // What an entry threw at is read anew.
    if (offset >= 0) keeping.took({ from: offset - entries.length, offset, base, entries });
    base = undefined;
    entries = [];
  };
  const keeping = createKeeping({
    core,
    shelf,
    held,
    format,
    get isShown() {
      return held.next > 0;
    },
    show(copied) {
      try {
        fill(replica, copied, true);
        // It is there already.
        base = undefined;
        entries = [];
        return true;
      } catch (error) {
        replica.clear();
        core.report(new SyncError("damaged", "The copy on this device could not be read.", { cause: error }), topic);
        return false;
      }
    },
    startOver: held.forget,
  });
  const { apply, restore } = replica;
  replica.apply = (entry, offset) => {
    apply.call(replica, entry, offset);
    entries.push(entry);
  };
  replica.restore = (state, ...rest) => {
    restore.call(replica, state, ...rest);
    base = [state];
    entries = [];
  };
  // As a server rendered it.
  if (held.next) {
    base = [format.state()];
    flush();
  }
  held.listen((cause) => {
    if (cause !== "cleared" && (base || entries.length)) flush();
  });
}

function fill(replica: AnyReplica, { base, entries, from }: Copied, isOlder?: boolean): void {
  if (base) replica.restore(base[0], isOlder);
  for (const [index, entry] of entries.entries()) replica.apply(entry as never, from + index + 1);
}
