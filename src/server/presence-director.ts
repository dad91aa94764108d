/**
 * Who presents in a room: one member, or nobody; what it shows, everybody sees.
 *
 * Always: only the presenter shows something; one that leaves presents no longer, and by the policy the next one does, or nobody;
 * what was shown stays shown.
 * Rules: docs/protocol/presence.md PRESENTER1-PRESENTER8.
 */
import { SyncError } from "../core/errors.ts";
import type { Member, Stage } from "../kind/presence.ts";
import type { StageAct } from "../session/messages/presence.ts";
import type { ServerCore } from "./core.ts";
import type { Room } from "./presence-room.ts";
import { memberOf, type Seat } from "./presence-seat.ts";

export interface PresenterOptions {
  /** Who presents when the presenter is gone, after the grace: who has been here longest, or nobody (default). */
  readonly onGone?: "next" | "none";
  /**
   * Whether a member may take the stage. Default: where nobody has it, and while the presenter's line is down.
   * `presenter` is undefined where nobody presents.
   */
  readonly mayTake?: (context: { readonly member: Member; readonly presenter: Member | undefined }) => boolean;
}

export class Director {
  readonly #room: Room;
  readonly #core: ServerCore;
  readonly #options: PresenterOptions;
  #stage: Stage = { presenter: null, value: null };

  constructor(room: Room, core: ServerCore, options: PresenterOptions = {}) {
    this.#room = room;
    this.#core = core;
    this.#options = options;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** What a member asks. Throws SyncError `forbidden` where it may not. */
  act(seat: Seat, act: StageAct, value: unknown): void {
    const isPresenter = this.#stage.presenter === seat.id;
    if (act === "take") {
      if (isPresenter) return;
      if (!this.#mayTake(seat)) throw new SyncError("forbidden", "Somebody else presents.");
      return this.give(seat.id);
    }
    if (!isPresenter) throw new SyncError("forbidden", "Only the presenter does that.");
    if (act === "give") this.give(null);
    else if (act === "hand") this.give(value);
    else this.show(value);
  }

  /** That member presents from now on; null: nobody. Throws SyncError `not-found` for who is not here. */
  give(id: unknown): void {
    if (id !== null && !this.#room.seats.has(id as string)) throw new SyncError("not-found", "Nobody is here under that id.");
    this.#set({ ...this.#stage, presenter: id as string | null });
  }

  /** Throws SyncError `invalid` for what the schema refuses. */
  show(value: unknown): void {
    this.#set({ ...this.#stage, value: this.#room.checks.stage(value) });
  }

  gone(seat: Seat): void {
    if (this.#stage.presenter !== seat.id) return;
    const present = [...this.#room.seats.values()].filter(({ isLost }) => !isLost);
    const next = this.#options.onGone === "next" ? (present[0]?.id ?? null) : null;
    this.#set({ ...this.#stage, presenter: next });
  }

  #mayTake(seat: Seat): boolean {
    const presenter = this.#room.seats.get(this.#stage.presenter ?? "");
    const { mayTake } = this.#options;
    if (!mayTake) return !presenter || presenter.isLost;
    try {
      return mayTake({ member: memberOf(seat), presenter: presenter && memberOf(presenter) }) === true;
    } catch (error) {
      this.#core.report(error, this.#room.name);
      return false;
    }
  }

  #set(stage: Stage): void {
    this.#stage = stage;
    this.#room.main.setStage(stage);
  }
}
