/**
 * `presenter(client, ref)`: one member shows, all others follow.
 *
 * Always: what is shown is what the server let a presenter show, and stays shown when that one leaves; who presents is the server's word.
 * Rules: docs/protocol/presence.md PRESENTER1-PRESENTER8.
 */
import { type ChannelEvents, type RefOrName, type RoomShape, topicOf } from "../core/definitions.ts";
import type { Readable } from "../core/store.ts";
import { coreOf } from "./client.ts";
import type { Member } from "./presence.ts";
import { roomOf } from "./room.ts";

export interface Presenter<Data = unknown, Stage = unknown> {
  /** Who presents; undefined: nobody. */
  readonly presenter: Readable<Member<Data> | undefined>;
  /** What is shown; undefined: nothing yet. */
  readonly shown: Readable<Stage | undefined>;
  /** This client presents. */
  readonly isPresenter: Readable<boolean>;
  /** Takes the stage; rejects with `forbidden` where it may not. */
  take(): Promise<void>;
  /** Gives the stage to that member. */
  hand(id: string): Promise<void>;
  /** Leaves the stage to nobody. */
  give(): Promise<void>;
  /** Shows it to everybody; rejects with `forbidden` for who does not present. While one is under way, only the newest waits. */
  show(value: Stage): Promise<void>;
}

/** The stage of a room; to present, this client has to be a member: `presence(client, ref, data)`. */
export function presenter<D, I, E extends ChannelEvents, S>(
  client: object,
  ref: RefOrName<"presence", RoomShape<D, I, E, S>>,
): Presenter<D, S> {
  const room = roomOf(coreOf(client), topicOf(ref));
  const { state, computed, id, stage } = room;
  let underWay: Promise<void> | undefined;
  let next: { readonly value: S; readonly sent: Promise<void> } | undefined;

  const send = (value: S): Promise<void> => {
    const sending = stage("show", value);
    const over = sending.then(
      () => {},
      () => {},
    );
    underWay = over;
    void over.then(() => {
      if (underWay === over) underWay = undefined;
    });
    return sending;
  };

  return {
    presenter: computed(() => state.byId.get(state.stage.presenter ?? "") as Member<D> | undefined),
    shown: computed(() => (state.stage.value ?? undefined) as S | undefined),
    isPresenter: computed(() => state.stage.presenter !== null && state.stage.presenter === id.get()),
    take: () => stage("take"),
    hand: (to) => stage("hand", to),
    give: () => stage("give"),
    show(value) {
      if (!underWay) return send(value);
      const sent =
        next?.sent ??
        underWay.then(() => {
          const newest = next as { readonly value: S };
          next = undefined;
          return send(newest.value);
        });
      next = { value, sent };
      return sent;
    },
  };
}
