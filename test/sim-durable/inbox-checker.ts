/**
 * What became of the mail for some users, and whether they were shown that and nothing else. It knows nothing of the product: messages
 * are unique texts, `writer#count`, at offsets that count from 1.
 *
 * Always: it is judged at the end, by what the logs have; the first thing that is wrong is the first finding.
 * Rules: docs/reliability.md DURABLE9-DURABLE11.
 */
import type { Notes } from "./notes.ts";

export type Answer = { readonly offset: number | undefined } | { readonly code: string };

interface Mail {
  readonly to: string;
  /** Undefined: the server. */
  readonly from: string | undefined;
  /** It may be answered only as long as its writer lives. */
  isOrphan: boolean;
  answer?: Answer;
}

/** Of the log of one inbox: a message, or that all up to an offset are read. */
export type InboxRecord = { readonly id: string; readonly from: string | undefined } | { readonly read: number };

export interface Follower {
  readonly who: string;
  readonly user: string;
  /** Up to here it was not to be told. Of an inbox that was empty, that may have been two epochs: it is one of them. */
  readonly after: number[];
  isOver: boolean;
  readonly told: { readonly offset: number; readonly id: string }[];
}

/** Whether it was done, nobody knows. */
const unknownCodes = new Set(["closed", "session-lost"]);

export class InboxChecker {
  /** Whether its limits let the server forget sessions whose clients live. */
  mayForget = false;
  readonly #notes: Notes;
  readonly #mails = new Map<string, Mail>();
  readonly #marks: { readonly user: string; readonly upTo: number }[] = [];
  readonly #followers: Follower[] = [];
  /** Kept by the storage of a page when that ended: somebody has to finish them. */
  readonly #kept = new Set<string>();
  /** Told as rejected by whoever finished them. */
  readonly #refused = new Set<string>();
  /** In two storages without a number: each is sent. */
  readonly #copied = new Set<string>();

  constructor(notes: Notes) {
    this.#notes = notes;
  }

  mail(id: string, to: string, from: string | undefined): { settled(answer: Answer): void; orphaned(): void } {
    const mail: Mail = { to, from, isOrphan: false };
    this.#mails.set(id, mail);
    return {
      settled: (answer) => {
        if (mail.isOrphan) return;
        if (mail.answer) this.#notes.wrong(`${id} was answered twice`);
        mail.answer = answer;
        if ("offset" in answer) this.#notes.stored++;
      },
      orphaned: () => void (mail.isOrphan = true),
    };
  }

  /** A mark was stored. */
  marked(user: string, upTo: number): void {
    this.#marks.push({ user, upTo });
  }

  kept(id: string): void {
    this.#kept.add(id);
  }

  refused(id: string): void {
    this.#refused.add(id);
  }

  copied(id: string): void {
    this.#kept.add(id);
    this.#copied.add(id);
  }

  follower(who: string, user: string): Follower & { tell(offset: number, id: string, from: string | undefined): void } {
    const notes = this.#notes;
    const sender = (id: string): string | undefined => this.#mails.get(id)?.from;
    const follower = {
      who,
      user,
      after: [],
      isOver: false,
      told: [] as { offset: number; id: string }[],
      tell(offset: number, id: string, from: string | undefined): void {
        notes.delivered++;
        const last = this.told.at(-1);
        if (last && offset <= last.offset) notes.wrong(`${who} was told ${id} at ${offset}, after ${last.id} at ${last.offset}`);
        if (from !== sender(id)) notes.wrong(`${who} was told that ${id} is from ${from}; it is from ${sender(id)}`);
        this.told.push({ offset, id });
      },
    };
    this.#followers.push(follower);
    return follower;
  }

  /** `records`: of that user's inbox, from offset 1 on; answers up to where it is read. */
  judge(user: string, records: readonly InboxRecord[]): number {
    const notes = this.#notes;
    const offsets = new Map<string, number>();
    const newest = new Map<string, number>();
    let read = 0;
    for (const [index, record] of records.entries()) {
      const offset = index + 1;
      if ("read" in record) {
        if (record.read <= read) notes.wrong(`${user} had read up to ${read}, and at ${offset} up to ${record.read}`);
        if (record.read >= offset) notes.wrong(`at ${offset}, ${user} has read up to ${record.read}`);
        read = record.read;
        continue;
      }
      const { id, from } = record;
      const mail = this.#mails.get(id);
      if (mail?.to !== user || mail.from !== from)
        notes.wrong(`${user} has ${id} from ${from}; it was for ${mail?.to} from ${mail?.from}`);
      if (this.#copied.has(id)) continue;
      if (offsets.has(id)) notes.wrong(`${user} has ${id} twice, at ${offsets.get(id)} and ${offset}`);
      offsets.set(id, offset);
      const [writer = "", count] = id.split("#");
      if (Number(count) <= (newest.get(writer) ?? 0)) notes.wrong(`${user} has ${id} behind ${writer}#${newest.get(writer)}`);
      newest.set(writer, Number(count));
    }
    for (const [id, mail] of this.#mails)
      if (mail.to === user && !this.#copied.has(id)) this.#judgeMail(id, mail, offsets.get(id));
    for (const mark of this.#marks)
      if (mark.user === user && mark.upTo > read) notes.wrong(`${user} had read up to ${mark.upTo}; the log has ${read}`);
    for (const follower of this.#followers) if (follower.user === user) this.#judgeFollower(follower, records);
    return read;
  }

  #judgeMail(id: string, { isOrphan, answer }: Mail, place: number | undefined): void {
    const notes = this.#notes;
    const isKept = this.#kept.has(id);
    if (isKept)
      notes.reached(place ? "a message finished for a page that was gone" : "a message of a page that was gone, refused");
    if (isKept && !place && !this.#refused.has(id))
      notes.wrong(`${id} was kept when its page ended, and nobody stored or refused it`);
    if (!answer) {
      if (!isOrphan) notes.wrong(`${id} was never answered`);
      notes.reached(place ? "a message nobody was told of, stored" : "a message nobody was told of, lost");
    } else if ("offset" in answer) {
      const { offset } = answer;
      if (!place || (offset !== undefined && offset !== place))
        notes.wrong(`${id} was stored at ${offset}, said its receipt; it is at ${place}`);
    } else if (unknownCodes.has(answer.code)) {
      if (answer.code === "session-lost" && !this.mayForget)
        notes.wrong(`${id} ended in session-lost, and nobody had to forget its session`);
    } else {
      notes.reached(`a message rejected with ${answer.code}`);
      if (answer.code !== "read-only") notes.wrong(`${id} was rejected with ${answer.code}`);
      // Its page told that, and ended before its storage knew: it was sent again.
      if (place && !isKept) notes.wrong(`${id} was rejected with ${answer.code}, and is at ${place}`);
    }
  }

  /** All from where it began on, or up to where it stopped, without a hole. */
  #judgeFollower({ who, after, isOver, told }: Follower, records: readonly InboxRecord[]): void {
    const wrong = after.map((from) => this.#missing(records, from, told, isOver));
    if (wrong.length && !wrong.includes(undefined)) this.#notes.wrong(`${who} ${wrong.join("; or ")}`);
  }

  #missing(records: readonly InboxRecord[], after: number, told: Follower["told"], isOver: boolean): string | undefined {
    const due = records.flatMap((record, index) =>
      "id" in record && index >= after ? [{ offset: index + 1, id: record.id }] : [],
    );
    for (const [index, { offset, id }] of told.entries()) {
      const expected = due[index];
      if (expected?.offset === offset && expected.id === id) continue;
      return `was told ${id} at ${offset}; ${expected?.id} at ${expected?.offset} was to come`;
    }
    return !isOver && told.length < due.length ? `was not told ${due[told.length]?.id}` : undefined;
  }
}
