/**
 * Writes of clients: decided in order, appended together, answered once each by `ack` or `reject`.
 *
 * Always: an acknowledgement leaves once the topic's log has the entry, behind the entry itself; a write that was decided before is
 * answered as it was, and not done again; a log that cannot store takes nothing back that it acknowledged.
 * Rules: docs/protocol/writes.md WRITE1-WRITE12.
 */
import { SyncError, toWireError, type WireError } from "../core/errors.ts";
import { sync, type WriteMessage } from "../session/messages/sync.ts";
import type { AppendResult } from "../topic/log.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import type { Session } from "./sessions.ts";
import type { Subscription } from "./subscription.ts";
import type { Hosted, NewEntry } from "./topics.ts";

export interface Writes {
  /** Rejects all of it. */
  refuse(connection: Connection, request: WriteMessage, error: SyncError): void;
  /** Decides it; `allowed` is what `authorize` said. */
  decide(connection: Connection, subscription: Subscription, request: WriteMessage, allowed: boolean): void;
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

  /** Answers one that was decided before, once its record is where it will stay. False: it is new. */
  const known = (
    connection: Connection,
    { topic }: Hosted,
    session: Session,
    id: number,
    seq: number,
    resent: boolean,
  ): boolean => {
    const outcome = topic.writers.outcome(session.id, session.createdMs, seq);
    // What was never sent before was never written, whatever was forgotten.
    if (outcome === undefined || (outcome === "unknown" && !resent)) return false;
    if (outcome === "used" && !resent) {
      reject(connection, id, seq, toWireError(new SyncError("conflict", `Number ${seq} was passed over.`)));
    } else if (outcome === "used" || outcome === "unknown") {
      const error = new SyncError("session-lost", "The server no longer knows what became of this write.");
      reject(connection, id, seq, toWireError(error));
    } else if ("error" in outcome) reject(connection, id, seq, outcome.error);
    else {
      // It may still be on its way to the disk; if it does not get there, the answer is another one.
      const { storing } = topic;
      if (storing) {
        void storing.then(() => {
          if (!known(connection, { topic } as Hosted, session, id, seq, true))
            reject(connection, id, seq, toWireError(new SyncError("read-only", "The log cannot store now.")));
        });
      } else {
        counters.repeatedWrites++;
        acknowledge(connection, id, seq, outcome.offset);
      }
    }
    return true;
  };

  return {
    refuse(connection, { id, firstSeq, ops }, error) {
      for (const index of ops.keys()) reject(connection, id, firstSeq + index, toWireError(error));
    },
    decide(connection, { name, topic: { id } }, { firstSeq, ops, resent }, allowed) {
      const session = connection.session as Session;
      const hosted = topics.opened(name);
      const nowMs = env.nowMs();
      let entries: NewEntry[] = [];
      let seqs: number[] = [];

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
        const answer = (result: AppendResult): void => {
          if (result === "stored") return acknowledge(connection, id, last, offset);
          const error = toWireError(topic.log.fault ?? new SyncError("read-only", "The log cannot store now."));
          for (const seq of own) reject(connection, id, seq, error);
        };
        if (stored instanceof Promise) void stored.then(answer);
        else answer(stored);
      };

      for (const [index, op] of ops.entries()) {
        const seq = firstSeq + index;
        if (hosted && known(connection, hosted, session, id, seq, index < resent)) continue;
        try {
          if (!allowed) throw new SyncError("forbidden", `Not allowed to write "${name}".`);
          if (!hosted?.decide) throw new SyncError("unsupported", `Clients do not write "${name}".`);
          if (hosted.topic.log.fault) throw hosted.topic.log.fault;
          const entry = hosted.decide(op, { replica: session.replica, user: connection.user, nowMs });
          const { writers, log, storing } = hosted.topic;
          if (entry === undefined) {
            // Nothing changes: it is done, behind what came before it.
            store();
            writers.settle(session.id, seq, null, nowMs);
            const done = (): void => acknowledge(connection, id, seq, log.position.offset);
            if (storing) void storing.then(done);
            else done();
            continue;
          }
          const packed = topics.pack(entry);
          const origin = log.durability === "memory" ? undefined : writers.origin(session.id, seq);
          hosted.apply?.(entry);
          entries.push({ entry: packed, origin });
          seqs.push(seq);
          writers.store(session.id, seq, log.decided + entries.length, nowMs);
        } catch (error) {
          store();
          const wire = toWireError(error);
          hosted?.topic.writers.settle(session.id, seq, wire, nowMs);
          reject(connection, id, seq, wire);
        }
      }
      store();
    },
  };
}
