/**
 * `usePresenter`: one member shows, all others follow.
 *
 * Always: what is shown is what the server let a presenter show.
 * Rules: docs/guides/presenter.md.
 */
import { useMemo } from "react";
import type { ChannelEvents, Ref, RoomShape } from "sente-sync";
import { type Member, type Presenter, presenter } from "sente-sync/client";
import { useClient } from "../provider.ts";
import { useReadable } from "./readable.ts";

export interface PresenterView<D, S> extends Pick<Presenter<D, S>, "take" | "hand" | "give" | "show"> {
  /** Who presents; undefined: nobody. */
  readonly presenter: Member<D> | undefined;
  /** What is shown; undefined: nothing yet. */
  readonly shown: S | undefined;
  /** This client presents. */
  readonly isPresenter: boolean;
}

const same = <T>(value: T): T => value;

/** The stage of a room; to present, this client has to be a member: `useMyPresence`. */
export function usePresenter<D, I, E extends ChannelEvents, S>(ref: Ref<"presence", RoomShape<D, I, E, S>>): PresenterView<D, S> {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the topic stands for the ref
  const stage = useMemo(() => presenter(client, ref), [client, ref.topic]);
  const { take, hand, give, show } = stage;
  return {
    presenter: useReadable(stage.presenter, undefined, same),
    shown: useReadable(stage.shown, undefined, same),
    isPresenter: useReadable(stage.isPresenter, false, same),
    take,
    hand,
    give,
    show,
  };
}
