/**
 * One way to connect after another: a WebSocket where the network lets it through, long polling where it does not.
 *
 * What works is remembered, so that the next connection does not wait again; while a later way is used, the earlier ones are tried
 * now and then beside it, and what is found is offered to the owner, or kept for its next connection.
 * Always: of one connection, at most one try is under way; what nobody takes is closed.
 * Rules: docs/protocol/long-poll.md FALL1-FALL10.
 */
import { type Env, realEnv, type Timer } from "../core/env.ts";
import { type Candidate, type Trial, tryConnector } from "./candidate.ts";
import type { Connector, ConnectorEvents, Format } from "./transport.ts";

export interface FallbackOptions {
  /** A way without a first message is given up after so long. Default 5 000. */
  readonly handshakeMs?: number;
  /** How often the earlier ways are tried again. Default 60 000. */
  readonly retryMs?: number;
  /** Calls back when the network may be another one; returns how to stop. Default: `online` and changes of `navigator.connection`. */
  readonly onNetwork?: (run: () => void) => () => void;
  readonly env?: Env;
}

/** What was found waits so long for the next connection. */
const keptMs = 10_000;

/** What one connection was asked for with. */
interface Wish {
  readonly url: string;
  readonly events: ConnectorEvents;
  readonly format: Format | undefined;
}

interface Kept {
  readonly way: number;
  readonly candidate: Candidate;
}

/** Tries `connectors` in their order. */
export function fallback(connectors: readonly Connector[], options: FallbackOptions = {}): Connector {
  const { handshakeMs = 5000, retryMs = 60_000, env = realEnv, onNetwork = listenToNetwork } = options;
  /** The way that worked last on this network. */
  let preferred = 0;
  /** Found for the next connection to a URL. */
  const kept = new Map<string, Kept>();

  const tryWay = (
    way: number,
    { url, events, format }: Wish,
    done: (found: Candidate | undefined, reason: string) => void,
  ): Trial => tryConnector({ env, handshakeMs }, connectors[way] as Connector, url, events, format, done);

  const use = (way: number, candidate: Candidate, wish: Wish, firstLookMs: number): void => {
    preferred = way;
    if (way > 0) lookForBetter(way, candidate, wish, firstLookMs);
    wish.events.onOpen(candidate);
    candidate.tell();
  };

  /** While `used` lives, tries the ways before `way`. */
  const lookForBetter = (way: number, used: Candidate, wish: Wish, firstLookMs: number): void => {
    let trial: Trial | undefined;
    let timer: Timer | undefined;
    const stop = (): void => {
      trial?.cancel();
      if (timer !== undefined) env.clearTimer(timer);
      timer = undefined;
    };
    const look = (earlier: number): void => {
      if (earlier === way) return lookIn(retryMs);
      trial = tryWay(earlier, beside(wish), (found) => {
        if (!found) return look(earlier + 1);
        preferred = earlier;
        if (!wish.events.onBetter) {
          keep(wish.url, { way: earlier, candidate: found });
          return used.close(1000, "CLOSE_NORMAL");
        }
        // It need not be taken.
        lookIn(retryMs);
        if (earlier > 0) lookForBetter(earlier, found, wish, retryMs);
        wish.events.onBetter(found, () => found.tell());
      });
    };
    const lookIn = (delayMs: number): void => {
      timer = env.setTimer(() => look(0), delayMs);
    };
    const unlisten = onNetwork(() => {
      preferred = 0;
      stop();
      look(0);
    });
    used.onEnd = () => {
      stop();
      unlisten();
    };
    lookIn(firstLookMs);
  };

  const keep = (url: string, found: Kept): void => {
    const { candidate } = found;
    kept.get(url)?.candidate.terminate();
    kept.set(url, found);
    const timer = env.setTimer(() => candidate.terminate(), keptMs);
    candidate.onEnd = () => {
      env.clearTimer(timer);
      if (kept.get(url) === found) kept.delete(url);
    };
  };

  /** What was kept for it, if it still lives. */
  const takeKept = (url: string): Kept | undefined => {
    const found = kept.get(url);
    // Its owner decides about it from now on.
    found?.candidate.onEnd();
    if (found) found.candidate.onEnd = () => {};
    return found;
  };

  return {
    name: connectors.map(({ name }) => name).join("+"),
    open(url, events, format) {
      const wish = { url, events, format };
      const reasons: string[] = [];
      // From the remembered way on, then those before it.
      const ways = [...connectors.keys()].map((index) => (preferred + index) % connectors.length);
      // Earlier ways that are passed over now are tried as soon as it is open.
      const firstLookMs = preferred > 0 ? 0 : retryMs;
      let trial: Trial | undefined;
      let isCancelled = false;

      const tryNext = (): void => {
        const way = ways.shift();
        if (way === undefined) {
          preferred = 0;
          return events.onFail(reasons.join("; "));
        }
        trial = tryWay(way, wish, (found, reason) => {
          if (found) return use(way, found, wish, firstLookMs);
          reasons.push(reason);
          tryNext();
        });
      };

      const ready = takeKept(url);
      if (!ready) tryNext();
      else {
        env.endOfTurn(() => {
          if (isCancelled) ready.candidate.terminate();
          else if (ready.candidate.isOver) tryNext();
          else use(ready.way, ready.candidate, wish, retryMs);
        });
      }
      return {
        cancel() {
          isCancelled = true;
          trial?.cancel();
        },
      };
    },
  };
}

/** A connection beside the one in use, for the same session: the server makes nothing of it before it says hello. */
function beside(wish: Wish): Wish {
  const url = new URL(wish.url);
  url.searchParams.set("move", "1");
  return { ...wish, url: url.href };
}

interface Place {
  addEventListener?(name: string, run: () => void): void;
  removeEventListener?(name: string, run: () => void): void;
}

function listenToNetwork(run: () => void): () => void {
  const place = globalThis as Place & { navigator?: { connection?: Place } };
  const signs = [
    [place, "online"],
    [place.navigator?.connection, "change"],
  ] as const;
  for (const [target, name] of signs) target?.addEventListener?.(name, run);
  return () => {
    for (const [target, name] of signs) target?.removeEventListener?.(name, run);
  };
}
