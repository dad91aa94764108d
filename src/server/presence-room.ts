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
import { addTo, callAll, type Readable } from "../core/store.ts";
import { type Member, patched } from "../kind/presence.ts";
import type { Data, MemberRequest } from "../session/messages/presence.ts";
import type { Connection } from "./connection.ts";
import type { ServerCore } from "./core.ts";
import { createPresenceChecks, type PresenceChecks, type PresenceRules } from "./presence-checks.ts";
import { Director, type PresenterOptions } from "./presence-director.ts";
import { createPresenceCounters, type PresenceCounters, type PresenceLimits } from "./presence-limits.ts";
import { type Cells, createCells, type NearOptions } from "./presence-near.ts";
import { Outlet } from "./presence-outlet.ts";
import { createRates, type TakeRate } from "./presence-rates.ts";
import { memberOf, type Seat, shownOf } from "./presence-seat.ts";
import type { Session } from "./sessions.ts";
import type { Leaving, Subscription } from "./subscription.ts";

export interface RoomOptions extends PresenceRules {
  readonly graceMs: number;
  readonly limits: PresenceLimits;
  readonly near: NearOptions<never> | undefined;
  readonly presenter: PresenterOptions | undefined;
}

/** A line that was closed in order is waited for so long, without a word to anybody: the same client may open another one. */
const goodbyeMs = 500;

export class Room {
  readonly name: string;
  readonly main: Outlet;
  readonly cells: Cells | undefined;
  readonly director: Director;
  readonly seats: Map<string, Seat> = new Map();
  readonly counters: PresenceCounters = createPresenceCounters();
  readonly checks: PresenceChecks;
  readonly #core: ServerCore;
  readonly #options: RoomOptions;
  readonly #bySession = new Map<string, Seat>();
  readonly #take: TakeRate;
  readonly #listeners = new Set<() => void>();
  #members: readonly Member[] | undefined;
  #isTelling = false;

  constructor(core: ServerCore, name: string, options: RoomOptions) {
    this.name = name;
    this.#core = core;
    this.#options = options;
    const { near, limits } = options;
    const { counters } = this;
    const pack = (value: unknown): Uint8Array => core.topics.pack(value);
    this.checks = createPresenceChecks({ room: name, rules: options, maxBytes: limits.memberBytes, counters, pack });
    this.#take = createRates(core.env, limits, counters);
    this.main = new Outlet(core, name, () => (near ? { cell: near.cell } : {}));
    this.cells = near && createCells(core, name, near);
    this.director = new Director(this, core, options.presenter);
    core.ends.add(this.close);
  }

  /** Nobody is here, or looks at a part of it, nothing is shown, and all of that is told. */
  get isEmpty(): boolean {
    const { presenter, value } = this.director.stage;
    return (
      !this.seats.size && !this.cells?.isRead && presenter === null && value === null && this.main.isQuiet && !this.#isTelling
    );
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
        const { data, isOther } = this.checks.member({ id: seat.id, user: seat.user, data: next, before: seat.data });
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
    const checked = this.checks.event(event, data, isLossy);
    const outlet = from ? this.#outletOf(from) : this.main;
    if (isLossy) outlet?.tellLossy(from?.id ?? null, event, checked);
    else outlet?.tell(from?.id ?? null, event, checked);
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
    const { data, isOther } = this.checks.member({ id: known?.id, user, data: request.data, before: known?.data });
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
