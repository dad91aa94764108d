/**
 * The clients: each writes, reads everything, counts, and looks for the server where its port file says, whenever it has to.
 *
 * Always: a reader that is told what does not follow, and not told of a gap, is a fault; so is a value that goes back.
 */
import { atom, type Client, channel, createClient, type Receipt } from "sente-sync/client";
import { readPortFile } from "sente-sync/server";
import { websocket } from "sente-sync/transports/websocket";
import type { Rng } from "../../src/testing/rng.ts";
import type { Connector } from "../../src/transport/transport.ts";
import { churn, counts, feed } from "./contract.ts";
import type { Write } from "./history.ts";

export interface CrowdOptions {
  readonly portFile: string;
  readonly clients: number;
  readonly writesPerSecond: number;
  readonly rng: Rng;
  readonly isStrict: boolean;
}

export interface Crowd {
  readonly writes: readonly Write[];
  readonly told: ReadonlyMap<number, ReadonlyMap<number, string>>;
  readonly faults: readonly string[];
  /** Lives of the server that ended by a crash. */
  readonly crashed: ReadonlySet<number>;
  /** The number of the server's life, from 1 on. */
  readonly life: number;
  /** The server's next life begins. Call it when all that came from the one before was heard. */
  begin(): void;
  start(): void;
  /** Writes no more. */
  stop(): void;
  /** Has everybody look for the server now, not when it is their turn. */
  hurry(): void;
  /** Keeps those whose line is lost from coming back, until called back. */
  holdOff(): () => void;
  /** Resolves when every line is down, and all that came on it was heard: the life is over. */
  cut(isCrash: boolean): Promise<void>;
  /** Resolves when every write has its answer, or `withinMs` have passed. */
  settled(withinMs: number): Promise<void>;
  /** Resolves when every reader was told the entry at `head`, or `withinMs` have passed; names those that were not. */
  caughtUp(head: number, withinMs: number): Promise<string[]>;
  readonly pending: number;
  close(): void;
}

/** Nobody listens there. */
const noPort = 1;
const tickMs = 10;
/** After a long tick, more than this is not made up for. */
const maxBurst = 50;
/** Counts go at a twentieth of the rate of writes. */
const writesPerCount = 20;

/** A client of `portFile`'s server, wherever it is now. */
export function connect(portFile: string, name: string, isOff: () => boolean = () => false): Client {
  const sockets = websocket();
  const connector: Connector = {
    name: sockets.name,
    open(url, events, format) {
      const target = new URL(url);
      target.port = String((isOff() ? undefined : readPortFile(portFile)?.port) ?? noPort);
      return sockets.open(target.href, events, format);
    },
  };
  // A server that drains reads no pings, and on a slow machine drains for long: only its end is to end a line.
  const reconnect = { maxDelayMs: 100, pingTimeoutMs: 120_000 };
  return createClient(`ws://127.0.0.1:${noPort}/chsk?name=${name}`, { connector, reconnect });
}

/** A client of its own reads a value. */
export async function probe(portFile: string): Promise<void> {
  const client = connect(portFile, "probe");
  try {
    await atom(client, counts).ready;
  } finally {
    client.close();
  }
}

const feedOf = (client: Client) => channel(client, feed);
type Feed = ReturnType<typeof feedOf>;

export function gather({ portFile, clients, writesPerSecond, rng, isStrict }: CrowdOptions): Crowd {
  const writes: Write[] = [];
  const told = new Map<number, Map<number, string>>();
  const faults: string[] = [];
  const crashed = new Set<number>();
  /** By reader: the newest offset. */
  const heard = new Map<string, number>();
  const unsettled = new Map<Write, Receipt>();
  let life = 0;
  let newest = 0;
  let isOff = false;
  let timer: NodeJS.Timeout | undefined;

  const publish = (client: string, n: number, to: Feed): void => {
    const write: Write = { name: `${client}.${n}`, client, n, madeIn: life, behind: newest, resent: false };
    const receipt = to.publish("wrote", write.name);
    writes.push(write);
    unsettled.set(write, receipt);
    receipt.stored.then(
      () => {
        unsettled.delete(write);
        write.ackedIn = life;
        write.ackedMs = performance.now();
        write.offset = receipt.offset || undefined;
        newest = Math.max(newest, write.offset ?? 0);
      },
      (error: { code: string }) => {
        unsettled.delete(write);
        write.error = error.code;
      },
    );
  };

  /** Of what was heard in that life some may be no more. */
  const mayHaveLost = (heardIn: number): boolean => {
    for (let past = heardIn; !isStrict && heardIn && past < life; past++) if (crashed.has(past)) return true;
    return false;
  };

  /** Reads the feed from its beginning on. */
  const read = (name: string, from: Client): void => {
    let next = 1;
    let heardIn = 0;
    feedOf(from).subscribe(
      ({ data, offset }) => {
        if (next && offset !== next) faults.push(`${name} was told ${offset} where ${next} was due`);
        if (next && mayHaveLost(heardIn)) faults.push(`${name} was not told that life ${heardIn} may have lost its end`);
        next = offset + 1;
        heardIn = life;
        heard.set(name, offset);
        const facts = told.get(life) ?? new Map<number, string>();
        told.set(life, facts);
        const known = facts.get(offset) ?? data;
        if (known !== data) faults.push(`${name} was told ${data} at ${offset}, another one ${known}`);
        facts.set(offset, data);
      },
      {
        from: 1,
        onGap(gap) {
          // What has no entry yet is not stored, and has another epoch in each life: there is nothing to miss.
          const isExpected = mayHaveLost(heardIn) || heardIn === 0;
          if (gap.from || !isExpected) faults.push(`${name} was told a gap from ${gap.from} to ${gap.to} behind ${next - 1}`);
          next = 0;
        },
      },
    );
  };

  /** Looks whether a count goes back. */
  const watch = (name: string, from: Client, ref: typeof counts): void => {
    let before: Readonly<Record<string, number>> = {};
    atom(from, ref).subscribe((value, change) => {
      if (!value) return;
      for (const [key, count] of Object.entries(before)) {
        const now = value.counts[key] ?? 0;
        if (now < count && (isStrict || change?.cause !== "snapshot"))
          faults.push(`${name} saw ${key} go from ${count} to ${now}`);
      }
      before = value.counts;
    });
  };

  const members = Array.from({ length: clients }, (_, index) => {
    const name = `c${index}`;
    const client = connect(portFile, name, () => isOff);
    read(name, client);
    watch(name, client, counts);
    if (index === 0) watch(name, client, churn);
    return { name, client, feed: feedOf(client), n: 0, count: 0 };
  });

  const tick = (due: number): void => {
    for (let i = 0; i < due; i++) {
      const member = rng.pick(members);
      publish(member.name, ++member.n, member.feed);
      if (member.n % writesPerCount === 0) {
        // Its answer does not say that it is stored: only readers can tell.
        member.client.request("deaths/count", ++member.count).catch(() => {});
      }
    }
  };

  return {
    writes,
    told,
    faults,
    crashed,
    get life() {
      return life;
    },
    begin() {
      life++;
      if (!isStrict) newest = 0;
    },
    start() {
      let lastMs = performance.now();
      let owed = 0;
      timer = setInterval(() => {
        const nowMs = performance.now();
        owed = Math.min(owed + ((nowMs - lastMs) * writesPerSecond) / 1000, maxBurst);
        lastMs = nowMs;
        const due = Math.floor(owed);
        owed -= due;
        tick(due);
      }, tickMs);
    },
    stop: () => clearInterval(timer),
    hurry() {
      for (const { client } of members) if (client.status.get().name !== "connected") client.reconnect();
    },
    holdOff() {
      isOff = true;
      return () => {
        isOff = false;
      };
    },
    async cut(isCrash) {
      for (const { client } of members) {
        while (client.status.get().name === "connected") await new Promise((resolve) => setTimeout(resolve, 1));
      }
      if (isCrash) crashed.add(life);
      for (const [write, { status }] of unsettled) if (status === "sent") write.resent = true;
    },
    async settled(withinMs) {
      const untilMs = performance.now() + withinMs;
      while (unsettled.size && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async caughtUp(head, withinMs) {
      const untilMs = performance.now() + withinMs;
      const behind = (): string[] => members.flatMap(({ name }) => ((heard.get(name) ?? 0) < head ? [name] : []));
      while (behind().length && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 5));
      return behind();
    },
    get pending() {
      return unsettled.size;
    },
    close() {
      clearInterval(timer);
      for (const { client } of members) client.close();
    },
  };
}
