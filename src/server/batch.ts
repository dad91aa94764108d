/**
 * Batches of clients: one operation for each of several topics, decided together and appended in one piece, or not at all.
 *
 * A part has the next number of its topic, as a write has. Since the log has all parts or none, what is known of one part is known of
 * all: one that is stored says that the batch is, one that was rejected that it was.
 * Always: nothing is applied before everything is decided; between that and the append nothing comes; each part is answered.
 * Rules: docs/protocol/batch.md BATCH1-BATCH16.
 */
import { isSyncError, SyncError, toWireError, type WireError } from "../core/errors.ts";
import type { BatchMessage } from "../session/messages/batch.ts";
import { sync } from "../session/messages/sync.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import { type Grant, pathsOf } from "./grants.ts";
import { watched } from "./guard.ts";
import type { Hosted } from "./hosted.ts";
import type { Session } from "./sessions.ts";
import type { Subscription } from "./subscription.ts";
import type { Outcome } from "./writers.ts";
import { isSuperseded } from "./writes.ts";

/** One topic's part. */
export interface BatchPart {
  readonly subscription: Subscription;
  readonly seq: number;
  readonly op: unknown;
}

export interface Batches {
  /** Rejects all of it. */
  refuse(connection: Connection, message: BatchMessage, error: SyncError): void;
  /** While a topic takes back what it could not store, nothing can be decided about it. */
  recovering(parts: readonly BatchPart[]): Promise<unknown> | undefined;
  /** Decides it; `allowed` is what `authorize` said, by part. */
  decide(connection: Connection, parts: readonly BatchPart[], resent: boolean, allowed: readonly Grant[]): void;
}

/** Those whose operations can be decided without being applied, one by one or several at once. */
const kinds = new Set(["shared", "store"]);

interface Part extends BatchPart {
  readonly id: number;
  readonly name: string;
  readonly hosted: Hosted | undefined;
}

/** What is known of a batch that was sent before; nothing: it is new. */
type Known = { readonly error: WireError } | { readonly offsets: readonly number[] } | undefined;

export function createBatches(core: ServerCore): Batches {
  const { topics, counters, env } = core;
  const acknowledge = ({ current }: Connection, { id, seq }: Part, offset: number): void =>
    current.reply(current.framer.event(sync.ack, [id, seq, offset]));
  const reject = ({ current }: Connection, id: number, seq: number, error: WireError): void => {
    counters.refused++;
    current.reply(current.framer.event(sync.reject, [id, seq, error]));
  };

  const outcomes = (parts: readonly Part[], { id, createdMs }: Session): readonly (Outcome | undefined)[] =>
    parts.map(({ hosted, seq }) => hosted?.topic.writers.outcome(id, createdMs, seq));

  const recall = (all: readonly (Outcome | undefined)[], resent: boolean): Known => {
    const known = all.filter((outcome) => typeof outcome === "object");
    if (known.some((outcome) => "offset" in outcome)) {
      return { offsets: all.map((outcome) => (typeof outcome === "object" && "offset" in outcome ? outcome.offset : 0)) };
    }
    const rejected = known.find((outcome) => "error" in outcome);
    if (rejected) return rejected;
    if (all.includes("used") && !resent) return { error: toWireError(new SyncError("conflict", "A number was passed over.")) };
    if (!all.includes("used") && !(resent && all.includes("unknown"))) return undefined;
    return { error: toWireError(new SyncError("session-lost", "The server no longer knows what became of this batch.")) };
  };

  /** Rejects each part, and remembers that of those that have no outcome yet. */
  const rejectAll = (connection: Connection, parts: readonly Part[], error: WireError): void => {
    const session = connection.session as Session;
    const before = outcomes(parts, session);
    for (const [index, { id, seq, hosted }] of parts.entries()) {
      if (before[index] === undefined) hosted?.topic.writers.settle(session.id, seq, error, env.nowMs());
      reject(connection, id, seq, error);
    }
  };

  /** Answers what is known, once that is certain. True: it was. */
  const repeat = (connection: Connection, parts: readonly Part[], resent: boolean, isSettled: boolean): boolean => {
    const known = recall(outcomes(parts, connection.session as Session), resent);
    if (!known) return false;
    if ("error" in known) {
      rejectAll(connection, parts, known.error);
      return true;
    }
    const storing = parts.flatMap(({ hosted }) => hosted?.topic.storing ?? []);
    if (storing.length && !isSettled) {
      void Promise.all(storing).then(() => {
        if (repeat(connection, parts, true, true)) return;
        rejectAll(connection, parts, toWireError(new SyncError("read-only", "The log cannot store now.")));
      });
      return true;
    }
    counters.repeatedWrites++;
    for (const [index, part] of parts.entries()) acknowledge(connection, part, known.offsets[index] as number);
    return true;
  };

  /** What the operations become, in packed form too; nothing where a topic does not change. Throws SyncError, and changes nothing. */
  const decideAll = (connection: Connection, parts: readonly Part[], allowed: readonly Grant[]) => {
    const { replica } = connection.session as Session;
    const context = { replica, user: connection.user, nowMs: env.nowMs() };
    const isOnce = new Set(parts.map(({ id }) => id)).size === parts.length;
    if (!isOnce) throw new SyncError("invalid", "A topic has one part of a batch.");
    const writable = parts.map(({ hosted, name }, index) =>
      about(name, () => {
        if (!allowed[index]) throw new SyncError("forbidden", `Not allowed to write "${name}".`);
        if (!hosted?.decide || !kinds.has(hosted.topic.kind)) {
          throw new SyncError("unsupported", `"${name}" cannot be written in a batch.`);
        }
        if (hosted.topic.fault) throw hosted.topic.fault;
        return hosted;
      }),
    );
    if (!topics.isJoint(writable.map(({ topic }) => topic))) {
      throw new SyncError("unsupported", "These topics have no log in common that appends to several at once.");
    }
    return parts.map(({ name, op }, index) =>
      about(name, () => {
        const hosted = writable[index] as Hosted;
        const run = (): unknown => hosted.decide?.(op, { ...context, paths: pathsOf(allowed[index]) });
        const entry = watched((error) => core.report(error, name), run);
        return { hosted, entry, packed: entry === undefined ? undefined : topics.pack(entry) };
      }),
    );
  };

  const store = (connection: Connection, parts: readonly Part[], decided: ReturnType<typeof decideAll>): void => {
    const { id: session } = connection.session as Session;
    const nowMs = env.nowMs();
    const made = decided.flatMap(({ hosted, entry, packed }, index) => {
      const { seq } = parts[index] as Part;
      const { topic } = hosted;
      if (!packed) {
        topic.writers.settle(session, seq, null, nowMs);
        return [];
      }
      const origin = topic.log.durability === "memory" ? undefined : topic.writers.origin(session, seq);
      hosted.apply?.(entry);
      topic.writers.store(session, seq, topic.log.decided + 1, nowMs);
      return [{ topic, entries: [{ entry: packed, origin }] }];
    });
    const offsets = parts.map(({ hosted }, index) => (decided[index]?.packed ? (hosted as Hosted).topic.log.decided + 1 : 0));
    const refuse = async (error: unknown): Promise<void> => {
      // Whether it is stored is unknown, and so is left to be asked again.
      if (isSyncError(error, "closed")) return;
      // Until all of them are back at what is stored: that forgets what is said of their writers now.
      await Promise.all(parts.flatMap(({ hosted }) => hosted?.topic.storing ?? []));
      const wire = toWireError(error);
      for (const { id, seq, hosted } of parts) {
        hosted?.topic.writers.settle(session, seq, wire, nowMs);
        reject(connection, id, seq, wire);
      }
    };
    const waits = parts.flatMap(({ hosted }) => hosted?.topic.storing ?? []);
    // What changed nothing is done behind what came before it.
    const appended = made.length ? topics.appendAll(made) : Promise.all(waits).then(() => ["stored"] as const);
    void appended.then((results) => {
      if (results.every((result) => result === "stored")) {
        for (const [index, part] of parts.entries()) acknowledge(connection, part, offsets[index] as number);
        return;
      }
      const fault = made.map(({ topic }) => topic.fault).find((found) => found);
      void refuse(fault ?? new SyncError("read-only", "The log cannot store now."));
    }, refuse);
  };

  return {
    refuse(connection, { parts }, error) {
      for (const { id, seq } of parts) reject(connection, id, seq, toWireError(error));
    },
    recovering(parts) {
      const waits = parts.flatMap(({ subscription }) => {
        const topic = topics.opened(subscription.name)?.topic;
        return topic?.recovering ? [topic.storing ?? topic.recovering] : [];
      });
      return waits.length ? Promise.all(waits) : undefined;
    },
    decide(connection, asked, resent, allowed) {
      if (isSuperseded(connection)) return;
      const parts = asked.map((part): Part => {
        const { name, topic } = part.subscription;
        return { ...part, id: topic.id, name, hosted: topics.opened(name) };
      });
      if (repeat(connection, parts, resent, false)) return;
      let decided: ReturnType<typeof decideAll>;
      try {
        decided = decideAll(connection, parts, allowed);
      } catch (error) {
        return rejectAll(connection, parts, toWireError(error));
      }
      store(connection, parts, decided);
    },
  };
}

/** What it throws says of which topic: `{ topic, data }`. */
function about<T>(topic: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const { code, message, data } = toWireError(cause);
    throw new SyncError(code as `${string}/${string}`, message, {
      data: data === undefined ? { topic } : { topic, data },
      cause,
    });
  }
}
