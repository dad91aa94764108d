/**
 * The writes to one topic that have no answer yet, in the order in which they were made, and their numbers.
 *
 * Pure: it sends nothing and tells nobody. The first of its writes are under way, which is to say that they were sent on this line.
 * Always: numbers are contiguous; one that may have reached the server is never given to another write; what leaves the queue leaves it
 * before anybody is told.
 * Rules: docs/protocol/writes.md WRITE1-WRITE7, OUTBOX1-OUTBOX4.
 */
import type { Write } from "./writes.ts";

/** Operations of one frame. */
const maxOps = 256;

/** Why a write has no place under a session: it waits for its own user, it may have been done under another, or it is another user's. */
export type Misfit = "closed" | "session-lost" | "forbidden";

export interface WriteQueue {
  /** All of them; not to be changed. */
  readonly all: readonly Write[];
  /** The first that is not under way. */
  readonly next: Write | undefined;
  add(more: readonly Write[]): void;
  /** Its numbers are those of that session from now on. Gives back what cannot go on under it; `isKept`: what is another user's is on a disk. */
  begin(session: string, owner: string, isKept: boolean): (readonly [Write, Misfit])[];
  /** True if the numbers are those of that session. */
  isOf(session: string | undefined): boolean;
  /** The next that go together: their numbers follow one another. */
  batch(mayNumber: () => boolean): Write[];
  number(write: Write): void;
  /** From that one on, no number has been sent: they go to others. */
  giveBack(write: Write): void;
  /** They left on this line, to the topic that has that id on it. */
  sent(batch: readonly Write[], id: number): void;
  /** The id that the topic had when what is answered next was sent; nothing is under way: `id`. */
  sentTo(id: number): number;
  /** Takes out those under way that the server has, up to that number. */
  acknowledge(seq: number): Write[];
  /** Takes out the one under way that has that number. */
  reject(seq: number): Write[];
  /** Takes out all that is not under way. */
  cut(): Write[];
  take(write: Write): void;
  /** Nothing is under way any more. */
  lost(): void;
}

export function createWriteQueue(): WriteQueue {
  let writes: Write[] = [];
  let underWay = 0;
  /** The session of the numbers, and the next one. */
  let numbering = "";
  let nextSeq = 1;

  const number = (write: Write): void => {
    write.session = numbering;
    write.seq = nextSeq++;
  };

  return {
    get all() {
      return writes;
    },
    get next() {
      return writes[underWay];
    },
    add: (more) => void writes.push(...more),
    begin(session, owner, isKept) {
      if (numbering !== session) {
        numbering = session;
        nextSeq = 1;
      }
      const misfits: (readonly [Write, Misfit])[] = [];
      writes = writes.filter((write) => {
        if (write.seq && write.session === session) return true;
        const isOther = write.owner !== undefined && write.owner !== owner;
        if (isOther && isKept) misfits.push([write, "closed"]);
        else if (write.isSent && (isOther || !write.idempotent)) misfits.push([write, "session-lost"]);
        else if (isOther) misfits.push([write, "forbidden"]);
        else {
          Object.assign(write, { owner, seq: 0, isSent: false });
          return true;
        }
        return false;
      });
      return misfits;
    },
    isOf: (session) => session !== undefined && numbering === session,
    batch(mayNumber) {
      const batch: Write[] = [];
      for (const write of writes.slice(underWay, underWay + maxOps)) {
        if (write.together) break;
        if (write.seq === 0) {
          if (!mayNumber()) break;
          number(write);
        }
        if (batch.length && write.seq !== (batch.at(-1) as Write).seq + 1) break;
        batch.push(write);
      }
      return batch;
    },
    number,
    giveBack({ seq }) {
      nextSeq = seq;
      for (const write of writes.slice(underWay)) write.seq = 0;
    },
    sent(batch, id) {
      underWay += batch.length;
      for (const write of batch) {
        write.sentTo = id;
        write.isSent = true;
      }
    },
    sentTo: (id) => (underWay ? (writes[0] as Write).sentTo : id),
    acknowledge(seq) {
      let count = 0;
      while (count < underWay && (writes[count] as Write).seq <= seq) count++;
      underWay -= count;
      return writes.splice(0, count);
    },
    reject(seq) {
      const at = writes.findIndex((write) => write.seq === seq);
      if (at < 0 || at >= underWay) return [];
      underWay--;
      return writes.splice(at, 1);
    },
    cut: () => writes.splice(underWay),
    take(write) {
      const at = writes.indexOf(write);
      if (at < 0) return;
      writes.splice(at, 1);
      if (at < underWay) underWay--;
    },
    lost() {
      underWay = 0;
    },
  };
}
