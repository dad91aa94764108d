/**
 * The awareness of one foreign peer as a member of the document's room: what it shows of itself is its member's data, and each of the
 * others has a number, made of the id that the server issued, as our own clients make it.
 *
 * Always: a peer speaks for one client id, the first that it names, and no client id of others leaves it; who is no member is not shown;
 * what is told of others has a newer clock each time.
 * Rules: docs/protocol/yjs-peers.md YPEER11-YPEER13.
 */
import type { Timer } from "../../../core/env.ts";
import { fromWireError } from "../../../core/errors.ts";
import { type PeerData, type PeerState, say } from "../../../kind/doc/peer-messages.ts";
import { type PresenceEntry, PresenceState } from "../../../kind/presence.ts";
import { isData } from "../../../session/messages/presence.ts";
import { event, readErrorReply } from "../../../session/messages/sente.ts";
import { readSubscribed, sync } from "../../../session/messages/sync.ts";
import { ownBudget } from "../../../wire/packer.ts";
import type { PeerHost } from "./link.ts";

export interface AwarenessLine {
  ask(message: unknown, answered: (value: unknown) => void): void;
  say(message: Uint8Array): void;
}

/** Until the server says how often. */
const defaultEveryMs = 100;
/** Before what was refused for now is said again. */
const retryMs = 1000;

export class PeerAwareness {
  /** By which others know its member. */
  session: string | undefined;
  readonly #host: PeerHost;
  readonly #room: string;
  readonly #line: AwarenessLine;
  readonly #state = new PresenceState();
  /** The server's for the room; 0: it is not read. */
  #topicId = 0;
  #chunks = "";
  #isOver = false;
  /** The client id that it speaks for. */
  #client = -1;
  #ownId: string | undefined;
  /** What it shows, and what of that was said. */
  #data: PeerData | null = null;
  #said: PeerData | null = null;
  #isAsking = false;
  #everyMs = defaultEveryMs;
  #timer: Timer | undefined;
  readonly #numbers = new Map<string, number>();
  #clock = 0;

  constructor(host: PeerHost, topic: string, line: AwarenessLine) {
    this.#host = host;
    this.#room = `${topic}/@awareness`;
    this.#line = line;
  }

  /** It reads the document: so it may look into its room, if there is one. */
  begin(): void {
    const item = { topic: this.#room, kind: "presence", since: null, read: true };
    this.#line.ask(event(sync.subscribe, [item]), (value) => {
      const answer = readSubscribed((value as unknown[])[0]);
      if ("error" in answer) return;
      this.#topicId = answer.id;
      this.#later(0);
    });
  }

  end(): void {
    this.#isOver = true;
    if (this.#timer !== undefined) this.#host.env.clearTimer(this.#timer);
  }

  // What the peer shows.

  hear(states: readonly PeerState[]): void {
    const [first] = states;
    if (this.#client < 0 && first) this.#client = first[0];
    for (const [client, , data] of states) if (client === this.#client) this.#data = data;
    this.#flush();
  }

  #flush(): void {
    if (this.#isOver || !this.#topicId || this.#isAsking || this.#timer !== undefined || this.#data === this.#said) return;
    const data = this.#data;
    this.#isAsking = true;
    this.#said = data;
    // Who joins again is the same member, with the newer data.
    const request = data ? ["join", data, false, null] : ["leave"];
    this.#line.ask(event(sync.member, [this.#topicId, ...request]), (value) => {
      this.#isAsking = false;
      const error = readErrorReply(value);
      if (Array.isArray(value) && !error && data) {
        this.#ownId = value[0] as string;
        this.#everyMs = value[2] as number;
      }
      const isForNow = error && (error.retry === "later" || error.code === "limit");
      if (isForNow) this.#said = null;
      this.#later(isForNow ? retryMs : this.#everyMs);
    });
  }

  #later(delayMs: number): void {
    if (this.#isOver) return;
    this.#timer = this.#host.env.setTimer(() => {
      this.#timer = undefined;
      this.#flush();
    }, delayMs);
  }

  // What the others show.

  /** Takes a message about the room. */
  receive(id: string, topicId: unknown, rest: readonly unknown[]): void {
    if (!this.#topicId || topicId !== this.#topicId) return;
    if (id === sync.entries) for (const entry of rest[1] as readonly PresenceEntry[]) this.#apply(entry);
    else if (id === sync.snapshot) this.#restore(rest[1] as number, rest[2] as boolean, rest[3] as string);
    else if (id === sync.end) {
      this.#topicId = 0;
      this.#host.report(fromWireError({ code: rest[0] }), this.#room);
    }
  }

  #apply(entry: PresenceEntry): void {
    const changed = new Set<string>();
    for (const [what, id] of entry.slice(1) as [string, string][]) {
      if (what === "in" || what === "set" || what === "out") changed.add(id);
    }
    this.#state.apply(entry);
    this.#tell(changed);
  }

  #restore(part: number, isLast: boolean, chunk: string): void {
    this.#chunks = part === 0 ? chunk : this.#chunks + chunk;
    if (!isLast) return;
    const before = [...this.#state.byId.keys()];
    this.#state.restore(this.#host.packer.unpack(this.#chunks, ownBudget));
    this.#chunks = "";
    this.#tell(new Set([...before, ...this.#state.byId.keys()]));
  }

  /** Tells the peer of all that are there. It answers nothing else for 15 s, and forgets who is not told of for 30 s. */
  tellAll(): void {
    if (this.#topicId) this.#tell(this.#state.byId.keys());
  }

  #tell(ids: Iterable<string>): void {
    const states: PeerState[] = [];
    this.#clock = Math.max(this.#clock + 1, Math.floor(this.#host.env.nowMs()));
    for (const id of ids) {
      if (id === (this.#ownId ?? this.session)) continue;
      const member = this.#state.byId.get(id);
      states.push([this.#numberOf(id), this.#clock, member && isData(member.data) ? member.data : null]);
      if (!member) this.#numbers.delete(id);
    }
    this.#line.say(say.awareness(states));
  }

  #numberOf(id: string): number {
    let number = this.#numbers.get(id);
    if (number === undefined) {
      const taken = new Set(this.#numbers.values()).add(this.#client);
      number = Number.parseInt(id.slice(0, 8), 16) >>> 0;
      while (taken.has(number)) number = (number + 1) >>> 0;
      this.#numbers.set(id, number);
    }
    return number;
  }
}
