/**
 * What the tails of all topics hold together, and the logs in memory: at most so many bytes. Beyond that the topics that were written to
 * longest ago give theirs up.
 *
 * Always: at the end of a turn no more is held; a reader that still wanted what was given up is told so, as where one tail is too short.
 * Rules: docs/protocol.md LIMIT14.
 */
import type { Env } from "../core/env.ts";
import type { Counters } from "./counters.ts";
import type { Topic } from "./topic.ts";

export interface TailBudget {
  readonly bytes: number;
  /** It holds something new. */
  grew(topic: Topic): void;
  /** It is closed, and holds nothing. */
  forget(topic: Topic): void;
}

export function createTailBudget(env: Pick<Env, "endOfTurn">, maxBytes: number, counters: Counters): TailBudget {
  /** What each holds; who grew longest ago first. */
  const held = new Map<Topic, number>();
  let bytes = 0;
  let isArmed = false;

  const forget = (topic: Topic): void => {
    bytes -= held.get(topic) ?? 0;
    held.delete(topic);
  };
  /** In its place, or as the newest where it has none. */
  const weigh = (topic: Topic): void => {
    const before = held.get(topic) ?? 0;
    const now = topic.bytes;
    bytes += now - before;
    if (now) held.set(topic, now);
    else held.delete(topic);
  };
  const sweep = (): void => {
    isArmed = false;
    for (const topic of [...held.keys()]) {
      if (bytes <= maxBytes) return;
      topic.giveUp(bytes - maxBytes);
      counters.droppedTails++;
      weigh(topic);
    }
  };

  return {
    get bytes() {
      return bytes;
    },
    grew(topic) {
      forget(topic);
      weigh(topic);
      if (bytes <= maxBytes || isArmed) return;
      isArmed = true;
      // Behind the flush: who reads along has it by then.
      env.endOfTurn(sweep);
    },
    forget,
  };
}
