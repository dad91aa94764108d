/** A small application, for its tests to be shown: people vote over a channel, the server counts in an atom. */
import { defineAtom, defineChannel, type } from "sente-sync";
import { atom as clientAtom, channel as clientChannel, type Receipt } from "sente-sync/client";
import { atom, channel } from "sente-sync/server";

type Answer = "yes" | "no";

// #region poll
const countRef = defineAtom("count", { initial: { yes: 0, no: 0 } });
const votesRef = defineChannel("votes", { events: { cast: type<Answer>() } });

export function servePoll(sync: object) {
  const count = atom(sync, countRef);
  channel(sync, votesRef).subscribe(({ data }) => count.update((draft) => void draft[data]++));
  return count;
}

export function openPoll(client: object) {
  const count = clientAtom(client, countRef);
  const votes = clientChannel(client, votesRef);
  count.keep();
  return { count, vote: (answer: Answer): Receipt => votes.publish("cast", answer) };
}
// #endregion
