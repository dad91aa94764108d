/**
 * One room as the server runs it: its members, whose they are, and how long those are waited for whose lines are gone.
 *
 * A member belongs to a session, and is here by one subscription of it: with a newer one the older has no say any more. Who comes back
 * with the session, or with the key that the join was answered, is the same member.
 * Always: a member is issued here, bound to what the server knows of the connection, and there once; what others see of it passed the
 * schema, the application's hook and the limits.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE9, PRESENCE20-PRESENCE24.
 */
import { randomHex } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import { type Schema, validate } from "../core/schema.ts";
import { addTo, callAll, type Readable } from "../core/store.ts";
import { type Member, patched } from "../kind/presence.ts";
import { type Data, isData, type MemberRequest } from "../session/messages/presence.ts";
import { type Bucket, createBucket, take } from "../tail/bucket.ts";
import { equalValues } from "../wire/equal.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import { Director, type PresenterOptions } from "./presence-director.ts";
import { type Cells, createCells, type NearOptions } from "./presence-near.ts";
import { Outlet } from "./presence-outlet.ts";
import { memberOf, type Seat, shownOf } from "./presence-seat.ts";
import type { Session } from "./sessions.ts";
import type { Leaving, Subscription } from "./subscription.ts";

export interface PresenceLimits {
  /** A member's data, as it is packed. Default 4 KiB. */
  readonly memberBytes: number;
  /** Of one member; clients gather what comes faster. Default 10. */
  readonly updatesPerSecond: number;
  /** Broadcasts of one member. Default 20. */
  readonly eventsPerSecond: number;
  /** Broadcasts of one member that may be lost. Default 60. */
  readonly lossyPerSecond: number;
  /** Of one room. Default 10 000. */
  readonly members: number;
}

export const defaultPresenceLimits: PresenceLimits = {
  memberBytes: 4096,
  updatesPerSecond: 10,
  eventsPerSecond: 20,
  lossyPerSecond: 60,
  members: 10_000,
};

export interface PresenceCounters {
  joined: number;
  left: number;
  /** Came back while they were waited for. */
  returned: number;
  /** Data or events that the schema or the application refused. */
  invalid: number;
  tooLarge: number;
  rateLimited: number;
  /** Joins of a room that was full. */
  full: number;
}

/** What the application is asked of each change of a member. */
export interface MemberUpdate {
  /** The member's; of one that joins, not yet issued. */
  readonly id: string | undefined;
  readonly user: unknown;
  readonly data: unknown;
  /** As it was; undefined: it joins. */
  readonly before: unknown;
  readonly params: { readonly [name: string]: string };
}

export interface RoomOptions {
  readonly params: { readonly [name: string]: string };
  readonly schema: Schema | undefined;
  readonly events: ReadonlyMap<string, Schema> | undefined;
  readonly stage: Schema | undefined;
  readonly onUpdate: ((update: MemberUpdate) => unknown) | undefined;
  readonly graceMs: number;
  readonly limits: PresenceLimits;
  readonly near: NearOptions<never> | undefined;
  readonly presenter: PresenterOptions | undefined;
}

type Rates = Record<"updates" | "events" | "lossy", Bucket>;

/** A line that was closed in order is waited for so long, without a word to anybody: the same client may open another one. */
const goodbyeMs = 500;

/** What the library itself broadcasts, for pointers: a few numbers, which no application has to declare. */
const ownEvents = "@";
const maxNumbers = 8;

function numbers(data: unknown): unknown {
  if (Array.isArray(data) && data.length <= maxNumbers && data.every((each) => Number.isFinite(each))) return data;
  throw new SyncError("invalid", "Not a few numbers.");
}

export class Room {
  readonly name: string;
  readonly main: Outlet;
  readonly cells: Cells | undefined;
  readonly director: Director;
  readonly seats: Map<string, Seat> = new Map();
  readonly counters: PresenceCounters = {
    joined: 0,
    left: 0,
    returned: 0,
    invalid: 0,
    tooLarge: 0,
    rateLimited: 0,
    full: 0,
  };
  readonly #core: ServerCore;
  readonly #options: RoomOptions;
  readonly #bySession = new Map<string, Seat>();
  /** They outlive a member that leaves and joins again. */
  readonly #rates = new WeakMap<Session, Rates>();
  readonly #listeners = new Set<() => void>();
  #members: readonly Member[] | undefined;
  #isTelling = false;

  constructor(core: ServerCore, name: string, options: RoomOptions) {
    this.name = name;
    this.#core = core;
    this.#options = options;
    const { near } = options;
    this.main = new Outlet(core, name, () => (near ? { cell: near.cell } : {}));
    this.cells = near && createCells(core, near);
    this.director = new Director(this, core, options.presenter);
    core.ends.add(this.close);
  }

  /** All members, as they are now. */
  get members(): readonly Member[] {
    this.#members ??= [...this.seats.values()].map(memberOf);
    return this.#members;
  }

  /** Told at the end of the turn. */
  readonly store: Readable<readonly Member[]> = {
    get: () => this.members,
    listen: (run) => addTo(this.#listeners, () => run(this.members)),
    subscribe: (run) => {
      run(this.members);
      return this.store.listen(run);
    },
  };

  /** What a member's connection asks. Throws SyncError to refuse. */
  ask(connection: Connection, subscription: Subscription, request: MemberRequest): unknown {
    if (request.op === "join") return this.#join(connection, subscription, request);
    const session = connection.session as Session;
    const seat = this.#bySession.get(session.id);
    if (!seat || seat.holder !== subscription.consumer) throw new SyncError("invalid", `Join "${this.name}" first.`);
    switch (request.op) {
      case "set": {
        this.#take(session, "updates");
        const next = patched(seat.data, request.patch, request.removed) as Data;
        const { data, isOther } = this.#accept(seat.id, seat.user, next, seat.data);
        this.#seen(seat, data, request.away);
        return isOther ? [data] : true;
      }
      case "leave":
        this.#gone(seat);
        return true;
      case "tell": {
        this.#take(session, request.isLossy ? "lossy" : "events");
        this.tell(seat, request.event, request.data, request.isLossy);
        return true;
      }
      case "stage":
        this.#take(session, "events");
        this.director.act(seat, request.act, request.value);
        return true;
    }
  }

  /** Broadcasts; from nobody: the server itself. Throws SyncError for what its schema refuses. */
  tell(from: Seat | undefined, event: string, data: unknown, isLossy: boolean): void {
    const checked = this.checked(() => {
      if (isLossy && event.startsWith(ownEvents)) return numbers(data);
      const { events } = this.#options;
      const schema = events?.get(event);
      if (events && !schema) throw new SyncError("not-declared", `Room "${this.name}" has no event "${event}".`);
      return schema ? validate(schema, data, `Event "${event}"`) : data;
    });
    this.packed(checked);
    const outlet = from ? this.#outletOf(from) : this.main;
    if (isLossy) outlet?.tellLossy(from?.id ?? null, event, checked);
    else outlet?.tell(from?.id ?? null, event, checked);
  }

  /** What a presenter shows, as the schema has it. */
  stageValue(value: unknown): unknown {
    const { stage } = this.#options;
    const checked = stage ? this.checked(() => validate(stage, value, "What is shown")) : value;
    this.packed(checked);
    return checked;
  }

  /** Runs what may refuse data. */
  checked<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      this.counters.invalid++;
      throw error;
    }
  }

  /** Throws SyncError `too-large`. */
  packed(value: unknown): void {
    const { memberBytes } = this.#options.limits;
    if (this.#core.topics.pack(value).length <= memberBytes) return;
    this.counters.tooLarge++;
    throw new SyncError("too-large", `More than ${memberBytes} bytes.`);
  }

  readonly close = (): void => {
    for (const seat of this.seats.values()) this.#forgetTimer(seat);
    this.main.close();
    this.cells?.close();
    this.#core.ends.delete(this.close);
  };

  #join(connection: Connection, subscription: Subscription, request: MemberRequest & { readonly op: "join" }): unknown {
    const session = connection.session as Session;
    const { limits } = this.#options;
    const { id, key } = { id: request.before?.[0] ?? "", key: request.before?.[1] };
    const proven = this.seats.get(id);
    const known = this.#bySession.get(session.id) ?? (proven?.key === key ? proven : undefined);
    // A late word of a line that its client has given up.
    const isLate =
      known?.session === session ? connection.line < known.line : known && session.createdMs < known.session.createdMs;
    if (isLate) throw new SyncError("conflict", "A newer line of this client is here already.");
    this.#take(session, "updates");
    if (!known && this.seats.size >= limits.members) {
      this.counters.full++;
      throw new SyncError("limit", `${limits.members} are in "${this.name}" already.`, { retry: "later" });
    }
    const { user } = connection;
    const { data, isOther } = this.#accept(known?.id, user, request.data, known?.data);
    const seat = known ?? this.#seat(session, user, data);
    if (known) {
      if (!known.holder) this.counters.returned++;
      this.#bySession.delete(known.session.id);
    } else this.counters.joined++;
    seat.session = session;
    seat.line = connection.line;
    seat.user = user;
    this.#bySession.set(session.id, seat);
    this.#forgetTimer(seat);
    const holder = { leave: (how: Leaving): void => this.#left(seat, holder, how) };
    seat.holder = holder;
    seat.isLost = false;
    subscription.consumer = holder;
    this.#seen(seat, data, request.away);
    this.#counted();
    return [seat.id, seat.key, 1000 / limits.updatesPerSecond, isOther ? data : null];
  }

  #seat(session: Session, user: unknown, data: Data): Seat {
    const { env } = this.#core;
    // As its writes are known by, unless chance gave two sessions the same.
    const id = this.seats.has(session.replica) ? randomHex(env, 8) : session.replica;
    const seat: Seat = {
      id,
      key: randomHex(env, 8),
      session,
      line: 0,
      user,
      data,
      isAway: false,
      holder: undefined,
      timer: undefined,
      isLost: false,
      lastSeenMs: 0,
      cell: undefined,
    };
    this.seats.set(id, seat);
    return seat;
  }

  /** Data as others may see it. Throws SyncError to refuse it. */
  #accept(
    id: string | undefined,
    user: unknown,
    given: Data,
    before: unknown,
  ): { readonly data: Data; readonly isOther: boolean } {
    const { schema, onUpdate, params } = this.#options;
    const data = this.checked(() => {
      const checked = schema ? validate(schema, given, `Data of a member of "${this.name}"`) : given;
      const rewritten = onUpdate?.({ id, user, data: checked, before, params }) ?? checked;
      if (!isData(rewritten)) throw new SyncError("invalid", "A member's data is a plain object.");
      return rewritten;
    });
    this.packed(data);
    return { data, isOther: !equalValues(data, given) };
  }

  #take(session: Session, what: keyof Rates): void {
    const { updatesPerSecond, eventsPerSecond, lossyPerSecond } = this.#options.limits;
    const nowMs = this.#core.env.monotonicMs();
    let rates = this.#rates.get(session);
    if (!rates) {
      const bucket = (perSecond: number): Bucket => createBucket({ perSecond, burst: 2 * perSecond }, nowMs);
      rates = { updates: bucket(updatesPerSecond), events: bucket(eventsPerSecond), lossy: bucket(lossyPerSecond) };
      this.#rates.set(session, rates);
    }
    if (take(rates[what], nowMs)) return;
    this.counters.rateLimited++;
    throw new SyncError("rate-limited", `Too many ${what} of one member.`);
  }

  #seen(seat: Seat, data: Data, isAway: boolean): void {
    seat.data = data;
    seat.isAway = isAway;
    this.#show(seat);
  }

  /** Its subscription is over, or its line is gone. */
  #left(seat: Seat, holder: Seat["holder"], how: Leaving): void {
    if (seat.holder !== holder) return;
    seat.holder = undefined;
    const { graceMs } = this.#options;
    const waitMs = how === "goodbye" ? Math.min(goodbyeMs, graceMs) : graceMs;
    if (how === "over" || waitMs <= 0) return this.#gone(seat);
    if (how === "lost") {
      seat.isLost = true;
      this.#show(seat);
    }
    if (!this.#core.ended) seat.timer = this.#core.env.setTimer(() => this.#gone(seat), waitMs);
  }

  #gone(seat: Seat): void {
    this.#forgetTimer(seat);
    // Its subscription may end later: that is no news.
    seat.holder = undefined;
    this.seats.delete(seat.id);
    this.#bySession.delete(seat.session.id);
    this.#outletOf(seat)?.show(seat.id, undefined);
    this.cells?.leave(seat);
    this.counters.left++;
    this.director.gone(seat);
    this.#counted();
    this.#changed();
  }

  #show(seat: Seat): void {
    seat.lastSeenMs = Math.floor(this.#core.env.nowMs());
    this.cells?.place(seat);
    this.#outletOf(seat)?.show(seat.id, shownOf(seat));
    this.#changed();
  }

  /** Where not everybody is told of everybody, the number is. */
  #counted(): void {
    if (this.cells) this.main.setCount(this.seats.size);
  }

  #outletOf(seat: Seat): Outlet | undefined {
    return this.cells ? this.cells.outletOf(seat) : this.main;
  }

  #forgetTimer(seat: Seat): void {
    if (seat.timer !== undefined) this.#core.env.clearTimer(seat.timer);
    seat.timer = undefined;
  }

  #changed(): void {
    this.#members = undefined;
    if (this.#isTelling || !this.#listeners.size) return;
    this.#isTelling = true;
    this.#core.delivery.beforeFlush(() => {
      this.#isTelling = false;
      try {
        callAll(this.#listeners);
      } catch (error) {
        this.#core.report(error, this.name);
      }
    });
  }
}
