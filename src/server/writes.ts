/**
 * Writes of clients: decided in order, appended together, answered once each by `ack` or `reject`.
 *
 * Always: an acknowledgement leaves once the topic's log has the entry, behind the entry itself; a write that was decided before is
 * answered as it was, and not done again; a log that cannot store takes nothing back that it acknowledged.
 * Rules: docs/protocol/writes.md WRITE1-WRITE12.
 */
import { isSyncError, SyncError, toWireError, type WireError } from "../core/errors.ts";
import { sync, type WriteMessage } from "../session/messages/sync.ts";
import type { AppendResult } from "../topic/log.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import type { NewEntry } from "./entries.ts";
import { type Grant, pathsOf } from "./grants.ts";
import { isDefect } from "./guard.ts";
import type { Hosted } from "./hosted.ts";
import { closeCodes } from "./limits.ts";
import type { Session } from "./sessions.ts";
import type { Subscription } from "./subscription.ts";
import type { Outcome } from "./writers.ts";

export interface Writes {
  /** Rejects all of it. */
  refuse(connection: Connection, request: WriteMessage, error: SyncError): void;
  /** Decides it; `allowed` is what `authorize` said. */
  decide(connection: Connection, subscription: Subscription, request: WriteMessage, allowed: Grant): void;
}

/**
 * Its client has given up this line: what still comes on it was sent again on a newer one, and is answered there. What was rejected
 * there must not be stored here. Whoever is still there sends it again.
 */
export function isSuperseded(connection: Connection): boolean {
  const session = connection.session as Session;
  const { line } = connection.current;
  if (line < session.writingLine) {
    connection.transport.close(closeCodes.normal, "superseded");
    return true;
  }
  session.writingLine = line;
  return false;
}

export function createWrites(core: ServerCore): Writes {
  const { topics, counters, env } = core;

  const settle = (connection: Connection, message: string, id: number, seq: number, outcome: unknown): void => {
    const { current } = connection;
    current.reply(current.framer.event(message, [id, seq, outcome]));
  };

  const acknowledge = (connection: Connection, id: number, seq: number, offset: number): void =>
    settle(connection, sync.ack, id, seq, offset);
  const reject = (connection: Connection, id: number, seq: number, error: WireError): void => {
    counters.refused++;
    settle(connection, sync.reject, id, seq, error);
  };

  /** What became of one that was decided before; false: it is new. */
  const recall = ({ topic }: Hosted, { id, createdMs }: Session, seq: number, resent: boolean): Outcome | false => {
    const outcome = topic.writers.outcome(id, createdMs, seq);
    // What was never sent before was never written, whatever was forgotten.
    if (outcome === undefined || (outcome === "unknown" && !resent)) return false;
    return outcome;
  };

  /** Answers those of a message that were decided before: what is stored side by side together. */
  const createRepeats = (connection: Connection, hosted: Hosted, session: Session, id: number) => {
    const { topic } = hosted;
    let run: { readonly seq: number; readonly offset: number } | undefined;
    /** Under way to the disk: if they do not get there, the answer is another one. */
    let early: number[] = [];
    const repeats = {
      /** False: it is new. `isSettled`: the disk's answer was waited for already; others may always be on their way. */
      known(seq: number, resent: boolean, isSettled = false): boolean {
        const outcome = recall(hosted, session, seq, resent);
        if (!outcome) return false;
        if (typeof outcome === "object" && "offset" in outcome) {
          if (topic.storing && !isSettled) early.push(seq);
          else {
            counters.repeatedWrites++;
            const { offset } = outcome;
            if (run && offset !== (run.offset && run.offset + 1)) repeats.tell();
            run = { seq, offset };
          }
          return true;
        }
        repeats.tell();
        if (typeof outcome === "object") reject(connection, id, seq, outcome.error);
        else if (outcome === "used" && !resent) {
          reject(connection, id, seq, toWireError(new SyncError("conflict", `Number ${seq} was passed over.`)));
        } else {
          const error = new SyncError("session-lost", "The server no longer knows what became of this write.");
          reject(connection, id, seq, toWireError(error));
        }
        return true;
      },
      /** Before anything else is answered, and at the end. */
      tell(): void {
        if (run) acknowledge(connection, id, run.seq, run.offset);
        run = undefined;
        const seqs = early;
        early = [];
        if (!seqs.length) return;
        void topic.storing?.then(() => {
          for (const seq of seqs) {
            if (repeats.known(seq, true, true)) continue;
            repeats.tell();
            reject(connection, id, seq, toWireError(new SyncError("read-only", "The log cannot store now.")));
          }
          repeats.tell();
        });
      },
    };
    return repeats;
  };

  const writes: Writes = {
    refuse(connection, { id, firstSeq, ops }, error) {
      for (const index of ops.keys()) reject(connection, id, firstSeq + index, toWireError(error));
    },
    decide(connection, subscription, message, allowed) {
      const { name, topic } = subscription;
      const { id } = topic;
      const { firstSeq, ops, resent } = message;
      const session = connection.session as Session;
      if (isSuperseded(connection)) return;
      const hosted = topics.opened(name);
      if (hosted?.topic.recovering) {
        const again = (): void =>
          connection.current.closed ? undefined : writes.decide(connection, subscription, message, allowed);
        // Behind the answers of what is taken back: they say of whose numbers nothing is to come.
        const { storing, recovering } = hosted.topic;
        return void (storing ?? recovering).then(again, (error: unknown) => core.report(error, name));
      }
      const nowMs = env.nowMs();
      const paths = pathsOf(allowed);
      let entries: NewEntry[] = [];
      let seqs: number[] = [];
      let repeats: ReturnType<typeof createRepeats> | undefined;

      const store = (): void => {
        if (!hosted || !entries.length) return;
        const { topic } = hosted;
        const own = seqs;
        // Before the append: a listener of it may append more.
        const offset = topic.log.decided + entries.length;
        const stored = topics.append(topic, entries);
        entries = [];
        seqs = [];
        const last = own[own.length - 1] as number;
        const refused = (error: unknown): void => {
          // Whether it is stored is unknown, and so is left to be asked again.
          if (isSyncError(error, "closed")) return;
          const wire = toWireError(error);
          for (const seq of own) {
            // It was taken for stored until now; who asks again is to hear the same.
            topic.writers.settle(session.id, seq, wire, nowMs);
            reject(connection, id, seq, wire);
          }
        };
        const answer = (result: AppendResult): void => {
          if (result === "stored") acknowledge(connection, id, last, offset);
          else refused(topic.fault ?? new SyncError("read-only", "The log cannot store now."));
        };
        if (stored instanceof Promise) void stored.then(answer, refused);
        else answer(stored);
      };

      for (const [index, op] of ops.entries()) {
        const seq = firstSeq + index;
        if (hosted && recall(hosted, session, seq, index < resent)) {
          repeats ??= createRepeats(connection, hosted, session, id);
          repeats.known(seq, index < resent);
          continue;
        }
        repeats?.tell();
        try {
          if (!allowed) throw new SyncError("forbidden", `Not allowed to write "${name}".`);
          if (!hosted?.decide) throw new SyncError("unsupported", `Clients do not write "${name}".`);
          if (hosted.topic.fault) throw hosted.topic.fault;
          const entry = hosted.decide(op, { replica: session.replica, user: connection.user, nowMs, paths });
          const { writers, log } = hosted.topic;
          if (entry === undefined) {
            // Nothing changes: it is done, behind what came before it, unless that is taken back.
            store();
            const { storing, recoveries } = hosted.topic;
            writers.settle(session.id, seq, null, nowMs);
            const answer = (): void => {
              if (hosted.topic.recoveries === recoveries) return acknowledge(connection, id, seq, log.position.offset);
              const wire = toWireError(new SyncError("read-only", "The log cannot store now."));
              writers.settle(session.id, seq, wire, nowMs);
              reject(connection, id, seq, wire);
            };
            if (storing) void storing.then(answer);
            else answer();
            continue;
          }
          const packed = topics.pack(entry);
          const origin = log.durability === "memory" ? undefined : writers.origin(session.id, seq);
          hosted.apply?.(entry);
          entries.push({ entry: packed, value: entry, origin });
          seqs.push(seq);
          writers.store(session.id, seq, log.decided + entries.length, nowMs);
        } catch (error) {
          if (isDefect(error)) core.report(error, name);
          store();
          const wire = toWireError(error);
          hosted?.topic.writers.settle(session.id, seq, wire, nowMs);
          reject(connection, id, seq, wire);
        }
      }
      repeats?.tell();
      store();
    },
  };
  return writes;
}
