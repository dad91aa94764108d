/**
 * The world in which the contract of logs is run, and what its tests do there.
 * Rules: docs/protocol/storage.md LOG1-LOG16.
 */
import {
  type Durability,
  defaultRetention,
  type Log,
  type LogRecord,
  type OpenLog,
  type Position,
  type Retention,
} from "../../topic/log.ts";
import { ok, type WorldTests } from "./suite.ts";

/** An empty log, and what a test does to the machine that it runs on. */
export interface LogWorld {
  readonly log: Log;
  /** Makes `ms` pass for the log's clock. */
  advance(ms: number): void | Promise<void>;
  /** What the clock says: the `atMs` of a record made now. */
  nowMs(): number;
  /** Ends the process that holds the log and opens it anew. Absent: the log does not outlive it. */
  restart?(): Promise<LogWorld>;
  /** The same, but nothing is closed: what was not synced is lost. */
  kill?(): Promise<LogWorld>;
  /** Makes the disk take nothing, or again what it is given. */
  setFailing?(isFailing: boolean): void;
  /** Of a world that was restarted as well as of the one it became. */
  dispose?(): void | Promise<void>;
}

/** What not every log can do. */
export interface LogTraits {
  /** Records survive `restart`. */
  readonly durable: boolean;
  /** It keeps `relaxed` topics, too, and its worlds have `kill`. */
  readonly relaxed?: boolean;
  /** Its worlds have `setFailing`. */
  readonly faults?: boolean;
}

export type LogTests = WorldTests<LogWorld>;

export const everything: { maxEntries: number; maxBytes: number } = { maxEntries: 1 << 20, maxBytes: Number.POSITIVE_INFINITY };
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const record = (text: string): LogRecord => ({ entry: bytes(text), atMs: 0 });
export const words = (records: readonly LogRecord[]): string[] => records.map(({ entry }) => new TextDecoder().decode(entry));
/** What the next append has to expect. */
export const nextOf = ({ position, decided }: OpenLog): Position => ({ epoch: position.epoch, offset: decided });
export const placeOf = ({ position: { epoch, offset } }: OpenLog): Position => ({ epoch, offset });

export const openTopic = async (
  world: LogWorld,
  retention: Partial<Retention> = {},
  topic = "a",
  durability: Durability = world.log.features.durability,
): Promise<OpenLog> => world.log.open(topic, { retention: { ...defaultRetention, ...retention }, durability });

export const append = async (world: LogWorld, log: OpenLog, ...texts: string[]): Promise<string> =>
  log.append(
    texts.map((text) => ({ entry: bytes(text), atMs: world.nowMs() })),
    nextOf(log),
  );

export const readAll = async (log: OpenLog, from = 1): Promise<string[]> => words(await log.read(from, everything));

export async function restarted({ restart }: LogWorld): Promise<LogWorld> {
  ok(restart !== undefined, "the world of a durable log has `restart`");
  return restart();
}

export async function killed({ kill }: LogWorld): Promise<LogWorld> {
  ok(kill !== undefined, "the world of a relaxed log has `kill`");
  return kill();
}

/** Makes time pass until something has come true. */
export async function until(world: LogWorld, isTrue: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 200 && !isTrue(); i++) {
    await world.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  ok(isTrue(), what);
}
