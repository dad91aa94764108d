/** All places of one window, and what became of them when the server died. */
import { atom } from "sente-sync/client";
import { life } from "./contract.ts";
import type { Place } from "./me.ts";
import { type ChatClient, type Checked, type Talk, talkInRoom, talkWith } from "./talk.ts";

export interface Talks {
  /** The same one each time. */
  at(place: Place): Talk;
  /** What stands in this window as stored, compared with what the server has. */
  check(): Promise<Checked>;
}

const known = new WeakMap<object, Talks>();

/** One per client, and ended with it. */
export function talksOf(client: ChatClient, me: string): Talks {
  let talks = known.get(client);
  if (!talks) {
    talks = createTalks(client, me);
    known.set(client, talks);
  }
  return talks;
}

function createTalks(client: ChatClient, me: string): Talks {
  const open = new Map<string, Talk>();
  return {
    at(place) {
      const make = place.isRoom ? talkInRoom : talkWith;
      const talk = open.get(place.key) ?? make(client, place.name, me);
      open.set(place.key, talk);
      return talk;
    },
    async check() {
      const all = await Promise.all([...open.values()].map((talk) => talk.check()));
      return {
        lost: all.reduce((sum, { lost }) => sum + lost, 0),
        of: all.reduce((sum, { of }) => sum + of, 0),
      };
    },
  };
}

/** Tells which process serves, and after a death what it did. */
export function followLife(client: ChatClient, me: string, tell: (text: string) => void): () => void {
  let before: number | undefined;
  return atom(client, life).subscribe((now) => {
    if (!now?.pid || now.pid === before) return;
    const served = `Served by process ${now.pid}.`;
    if (before === undefined) tell(served);
    else {
      const died = `Process ${before} was killed, ${now.pid} took over after ${now.downMs.toLocaleString("en")}\u00a0ms`;
      talksOf(client, me)
        .check()
        .then(
          ({ lost, of }) => tell(`${died}: ${lost} of ${of} messages lost.`),
          () => tell(`${died}.`),
        );
    }
    before = now.pid;
  });
}
