/**
 * What the parts of one server share. Verbs (`atom(sync, …)`) reach it through `coreOf`; an application never sees it.
 */
import type { Env } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { Events } from "../core/events.ts";
import type { Durability } from "../topic/log.ts";
import type { Packer } from "../wire/packer.ts";
import type { Bridge } from "./bridge.ts";
import type { Counters } from "./counters.ts";
import type { Delivery } from "./delivery.ts";
import type { Framer } from "./frames.ts";
import type { Authorize } from "./grants.ts";
import type { ServerLimits } from "./limits.ts";
import type { Subscriptions } from "./subscribe.ts";
import type { Topics } from "./topics.ts";
import type { Users } from "./users.ts";
import type { WaysIn } from "./ways-in.ts";

export interface ServerCore {
  readonly env: Env;
  readonly limits: ServerLimits;
  /** The packer that log records are kept in. */
  readonly kept: Packer;
  readonly topics: Topics;
  /** The application's, asked beside the topic's own. */
  readonly authorize: Authorize | undefined;
  /** Until the storage is open. */
  opening: Promise<void> | undefined;
  /** Something can be stored. */
  readonly hasStorage: boolean;
  /** How durable topics are that do not say; absent: as their kind has it. */
  readonly durability: Durability | undefined;
  readonly delivery: Delivery;
  readonly counters: Counters;
  /** What the application declared for events and requests. */
  readonly events: Events;
  /** The server is closing, or closed. */
  readonly ended: boolean;
  /** Called once, when the server closes: timers end here. */
  readonly ends: Set<() => void>;
  /** What `authorize` says to writing there. */
  mayWrite: Subscriptions["mayWrite"];
  /** Who is being let in. */
  readonly ways: WaysIn;
  readonly users: Users;
  /** Pushes an event to the user's connections; `toPlain`: to those of plain Sente peers alone. */
  push(userId: string, name: string, data: unknown, toPlain?: boolean): void;
  /** Puts an event into the user's inbox; throws SyncError `invalid` where there is none, or its schema refuses the data. */
  notify: (userId: string, name: string, data: unknown) => void;
  /** By path. */
  readonly bridges: Map<string, Bridge>;
  /** The one of that packer, which the server knows from then on. */
  framerOf(packer: Packer): Framer;
  /** For what has no caller to tell. */
  report(error: unknown, where: string): void;
}

const cores = new WeakMap<object, ServerCore>();

export function setCore(server: object, core: ServerCore): void {
  cores.set(server, core);
}

export function coreOf(server: object): ServerCore {
  const core = cores.get(server);
  if (!core) throw new SyncError("invalid", "The first argument must be what createServer returned.");
  return core;
}
