/** What the board's server and its peers share. Nothing in it knows whether a peer is a page or a process. */
import { defineAtom, defineChannel, defineEvents, type } from "sente-sync";
import * as v from "valibot";

/** What the board says of a peer. */
export interface PeerCard {
  readonly isHere: boolean;
  /** In words: "process 4711, start 2". */
  readonly what: string;
  readonly primes: number;
  /** What it reported itself: how it is connected, whether it works, which lines it has read. */
  readonly transport: string;
  readonly isWorking: boolean;
  readonly last: number;
  readonly missing: number;
}

const report = v.object({ transport: v.string(), isWorking: v.boolean(), last: v.number(), missing: v.number() });

const nobody: { readonly [id: string]: PeerCard } = {};

// #region contract
/** Who is there and what was found so far: the server writes it, every peer holds it. */
export const board = defineAtom("peers/board", { initial: { primes: 0, peers: nobody } });

/** What the peers found, in one order: every peer publishes to it, and every peer reads it. */
export const lines = defineChannel("peers/lines", {
  events: { found: v.object({ by: v.string(), from: v.number(), primes: v.number(), known: v.number() }) },
});

export const events = defineEvents({
  "peers/report": { data: report },
  "peers/take": { reply: type<number>() }, // the first of the numbers that are the asker's to search
  "peers/ask": { data: v.object({ peer: v.string() }) }, // to the server: have that peer work
  "peers/work": {}, // to a peer: work
  "peers/kill": {},
});
// #endregion

/** How many numbers a peer takes at once. */
export const step = 20_000;
