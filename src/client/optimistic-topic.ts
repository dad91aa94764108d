/**
 * A topic that is written by calls which are shown before they are answered: what all handles of one topic share.
 *
 * Always: what is shown is what the server logged, with the calls that it has not answered on top; a rejection takes back that call
 * alone; a call that may be in a state which the server sent is not shown on top of that state.
 * Rules: docs/protocol/kinds.md KIND8-KIND18.
 */
import type { WriteContext } from "../kind/kind.ts";
import type { AdoptedCall, OptimisticReplica } from "../kind/optimistic.ts";
import type { Welcome } from "../session/messages/sync.ts";
import type { KindCore } from "./client.ts";
import type { Held } from "./held.ts";
import type { Receipt } from "./receipt.ts";
import { whenConfirmed } from "./unanswered.ts";
import { type Change, tellLocal } from "./value-handle.ts";
import { type Write, writesOf } from "./writes.ts";

/** What a kind says of its calls. */
export interface OptimisticCalls<Call> {
  idOf(call: Call): string;
  /** The call that a write is. Throws SyncError for what is none. */
  read(op: unknown): Call;
  /** Makes it anew. */
  again(op: unknown): Receipt;
}

export interface OptimisticTopic<Call> {
  /** Who is told of changes made here. */
  readonly local: Set<(change: Change) => void>;
  /** Shows the call, and writes `op`. Throws what rejects it here; then nothing of it is sent. */
  call(call: Call, op: unknown): Receipt;
}

/** A call that has no answer yet. */
interface Sent {
  readonly isSent: boolean;
  readonly offset?: number | undefined;
  /** The state that comes when there were more than so many may have it already. */
  before?: number | undefined;
}

const topics = new WeakMap<Held, OptimisticTopic<never>>();

/** That of the topic, whose replica is an OptimisticReplica of such calls. */
export function optimisticTopic<Call>(
  core: KindCore,
  topic: string,
  held: Held,
  calls: OptimisticCalls<Call>,
): OptimisticTopic<Call> {
  const known = topics.get(held) as OptimisticTopic<Call> | undefined;
  if (known) return known;
  const replica = held.replica as OptimisticReplica<unknown, Call, unknown, WriteContext>;
  const local = new Set<(change: Change) => void>();
  const unanswered = new Map<string, Sent>();
  const writes = writesOf(core);
  const writer = writes.writer(topic, held.kind, held);
  /** Who this client is, is known once there is a line. */
  const contextNow = (): WriteContext => ({
    get user() {
      return core.facts.welcome?.user ?? null;
    },
    get replica() {
      return (core.facts.welcome as Welcome | undefined)?.replica ?? null;
    },
    nowMs: core.env.nowMs(),
  });
  const settle = (id: string): void => {
    const before = replica.value;
    unanswered.delete(id);
    replica.settle(id);
    if (replica.value !== before) tellLocal(core, topic, local);
  };
  /** From here on until it is settled. */
  const watch = (id: string, sent: Sent): (() => boolean) => {
    unanswered.set(id, sent);
    return () => sent.before !== undefined && replica.snapshots > sent.before && held.next > (sent.offset ?? 0);
  };

  const adopted = (write: Write): AdoptedCall<Call, WriteContext> => {
    const { receipt } = write;
    const call = calls.read(write.op);
    const id = calls.idOf(call);
    const isIn = watch(id, {
      get isSent() {
        return write.isSent;
      },
      get offset() {
        return receipt.offset;
      },
      before: write.isSent ? 0 : undefined,
    });
    whenConfirmed(held, receipt, () => settle(id));
    return { call, context: contextNow(), isIn };
  };

  const made: OptimisticTopic<Call> = {
    local,
    call(call, op) {
      const id = calls.idOf(call);
      const before = replica.value;
      let receipt: Receipt | undefined;
      const isIn = watch(id, {
        get isSent() {
          return receipt?.status === "sent";
        },
      });
      try {
        replica.propose(call, contextNow(), isIn);
        receipt = writer.write(op);
      } catch (error) {
        settle(id);
        throw error;
      }
      const answered = (): void => settle(id);
      // Refused at once: nobody sees it.
      if (receipt.status === "rejected") replica.settle(id);
      receipt.stored.then(answered, answered);
      if (replica.value !== before) tellLocal(core, topic, local);
      return receipt;
    },
  };
  topics.set(held, made);
  // A state is on its way, and with it perhaps what was sent; not what will be.
  held.onGap(() => {
    for (const sent of unanswered.values()) if (sent.isSent) sent.before ??= replica.snapshots;
  });
  writes.unanswered.present(topic, {
    adopt(all) {
      const taken: AdoptedCall<Call, WriteContext>[] = [];
      for (const write of all) core.attempt(() => taken.push(adopted(write)), topic);
      replica.adopt(taken);
      tellLocal(core, topic, local);
    },
    again: calls.again,
  });
  return made;
}
