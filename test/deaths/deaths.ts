/**
 * A server that is killed again and again under load, and the account of it.
 *
 * One folder, many lives: each ends by SIGKILL at a drawn instant, some before they listen; the last but one by SIGTERM, after which
 * nothing may be stored that was not answered. Then everything heals, and the whole history is judged.
 * Always: when to kill, and who writes when, come from the seed; how far the server is at that instant is up to the machine.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, channel } from "sente-sync/client";
import { createRng } from "../../src/testing/rng.ts";
import { feed, type HouseOptions } from "./contract.ts";
import { connect, gather, probe } from "./crowd.ts";
import { judge, type Write } from "./history.ts";
import { bundle, type Life, startLife } from "./process.ts";

export interface DeathsOptions {
  readonly seed: number | string;
  readonly kills: number;
  readonly durability: HouseOptions["durability"];
  /** Small segments, and so much rubbish that they are emptied and removed all the time. */
  readonly compacting?: boolean;
  readonly clients?: number;
  readonly writesPerSecond?: number;
}

export interface DeathsReport {
  readonly seed: number | string;
  readonly kills: number;
  /** Of the kills: before the server listened. */
  readonly killedStarting: number;
  readonly writes: number;
  readonly acks: number;
  /** Writes that were under way when a life ended, and were sent again. */
  readonly resends: number;
  /** Of those: stored by the earlier life, and answered as they were. */
  readonly replays: number;
  /** Acknowledged under `relaxed`, and taken back with the end of a life. */
  readonly lost: number;
  /** How long before the kill the oldest of those was acknowledged. */
  readonly lostMs: number;
  readonly segmentsRemoved: number;
  /** From the start of a process to a topic that was read, ms; and to where it opens its folder. Medians. */
  readonly readyMs: number;
  readonly bootMs: number;
  readonly drainMs: number;
  readonly faults: readonly string[];
}

const settleMs = 60_000;
const minLifeMs = 100;
const spreadLifeMs = 700;
/** A start is killed within this, counted from where it opens its folder. */
const spreadStartMs = 60;

export async function runDeaths(options: DeathsOptions): Promise<DeathsReport> {
  const { seed, kills, durability, compacting = false, clients = 20, writesPerSecond = 500 } = options;
  const root = await mkdtemp(join(tmpdir(), "deaths-"));
  const [data, portFile, program] = ["data", "port.json", "house.mjs"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  await bundle(program);
  const house: HouseOptions = {
    data,
    portFile,
    durability,
    segmentBytes: compacting ? 1 << 16 : 1 << 24,
    churnBytes: compacting ? 1 << 15 : 0,
    prefill: 0,
  };
  const rng = createRng(seed);
  const when = rng.fork("when");
  const isStrict = durability === "strict";
  const crowd = gather({ portFile, clients, writesPerSecond, rng: rng.fork("who"), isStrict });
  const faults: string[] = [];
  const ready: number[] = [];
  const boot: number[] = [];
  /** By life: the newest entry that it found. */
  const heads = new Map<number, number>();
  let killedStarting = 0;
  let life: Life | undefined;

  const begin = async (): Promise<Life> => {
    crowd.begin();
    life = startLife(program, house);
    boot.push((await life.opening).ms);
    return life;
  };
  const serve = async (begun: Life): Promise<void> => {
    heads.set(crowd.life, (await begun.ready).head);
    await probe(portFile);
    ready.push(performance.now() - begun.startedMs);
    crowd.hurry();
  };
  /** By life: when it was killed. */
  const died = new Map<number, number>();
  const end = async (ending: Life, how: "SIGKILL" | "SIGTERM") => {
    died.set(crowd.life, performance.now());
    const outcome = await ending.end(how);
    await crowd.cut(how === "SIGKILL");
    if (ending.complaint) faults.push(`life ${crowd.life} complained: ${ending.complaint}`);
    return outcome;
  };

  try {
    crowd.start();
    for (let i = 0; i < kills; i++) {
      const begun = await begin();
      if (i > 0 && when.chance(0.2)) {
        await sleep(when.int(spreadStartMs));
        killedStarting++;
      } else {
        await serve(begun);
        await sleep(minLifeMs + when.int(spreadLifeMs));
      }
      await end(begun, "SIGKILL");
    }

    const drained = await begin();
    await serve(drained);
    await sleep(minLifeMs + when.int(spreadLifeMs));
    const letIn = crowd.holdOff();
    const { code, signal, ms: drainMs } = await end(drained, "SIGTERM");
    if (code !== 0) faults.push(`SIGTERM ended it with ${signal ?? code}`);
    crowd.stop();

    const last = await begin();
    await serve(last);
    const [before = 0, stored = 0] = [heads.get(crowd.life - 1), heads.get(crowd.life)];
    faults.push(...unanswered((await readAll(portFile, stored)).slice(before), crowd.writes));
    letIn();
    crowd.hurry();
    await crowd.settled(settleMs);
    const head = Math.max(stored, ...crowd.writes.map(({ offset = 0, ackedIn }) => (ackedIn === crowd.life ? offset : 0)));
    for (const name of await crowd.caughtUp(head, settleMs)) faults.push(`${name} was not told all up to ${head}`);
    const log = await readAll(portFile, head);
    const verdict = judge({ durability, writes: crowd.writes, told: crowd.told, crashed: crowd.crashed, log });
    crowd.close();
    await end(last, "SIGTERM");

    const acked = crowd.writes.filter(({ ackedIn }) => ackedIn !== undefined);
    const resent = crowd.writes.filter(({ resent }) => resent);
    const isReplay = ({ madeIn, ackedIn, offset }: Write): boolean =>
      ackedIn !== undefined && ackedIn > madeIn && (offset ?? 0) <= (heads.get(ackedIn) ?? 0);
    return {
      seed,
      kills,
      killedStarting,
      writes: crowd.writes.length,
      acks: acked.length,
      resends: resent.length,
      replays: resent.filter(isReplay).length,
      lost: verdict.lost.length,
      lostMs: Math.max(0, ...verdict.lost.map(({ ackedIn = 0, ackedMs = 0 }) => (died.get(ackedIn) ?? 0) - ackedMs)),
      segmentsRemoved: await removed(data),
      readyMs: median(ready),
      bootMs: median(boot),
      drainMs,
      faults: [...faults, ...crowd.faults, ...verdict.faults],
    };
  } finally {
    crowd.close();
    await life?.end("SIGKILL");
    await rm(root, { recursive: true, force: true });
  }
}

/** What is stored, from the first entry to the one at `head`. */
async function readAll(portFile: string, head: number): Promise<string[]> {
  const client: Client = connect(portFile, "judge");
  const log: string[] = [];
  try {
    await new Promise<void>((resolve) => {
      if (head === 0) return resolve();
      channel(client, feed).subscribe(
        ({ data, offset }) => {
          log[offset - 1] = data;
          if (offset === head) resolve();
        },
        { from: 1 },
      );
    });
    return Array.from(log, (name) => name ?? "(nothing)");
  } finally {
    client.close();
  }
}

/** Of what a life that was drained stored, all was answered. */
function unanswered(log: readonly string[], writes: readonly Write[]): string[] {
  const open = new Set(writes.filter(({ ackedIn }) => ackedIn === undefined).map(({ name }) => name));
  return log.filter((name) => open.has(name)).map((name) => `${name} was stored before SIGTERM, and not answered`);
}

/** One line for a person. */
export function summary(report: DeathsReport): string {
  const { seed, kills, killedStarting, writes, acks, resends, replays, lost, lostMs, segmentsRemoved, readyMs, bootMs, drainMs } =
    report;
  const ms = (value: number): string => `${Math.round(value)} ms`;
  const boot = `${Math.round((100 * bootMs) / readyMs)} % of it Node's own start`;
  return [
    `seed ${seed}: ${kills} kills (${killedStarting} while starting), ${writes} writes, ${acks} acks, ${resends} resent, ${replays} replayed`,
    `${lost} taken back (the oldest ${ms(lostMs)} old), ${segmentsRemoved} segments removed, ready again in ${ms(readyMs)} (median, ${boot}), drained in ${ms(drainMs)}`,
  ].join(", ");
}

/** Segments are numbered from 1 on, and kept until nothing in them is needed. */
async function removed(data: string): Promise<number> {
  const segments = (await readdir(data)).filter((file) => file.endsWith(".seg"));
  const last = segments.reduce((most, file) => Math.max(most, Number.parseInt(file, 16)), 0);
  return last - segments.length;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
