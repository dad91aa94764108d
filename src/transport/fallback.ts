/**
 * One way to connect after another: a WebSocket where the network lets it through, long polling where it does not.
 *
 * A way counts as open when the server's first message has come through it, not when its socket opens: some networks let a WebSocket open and
 * nothing pass. What works is remembered, so that the next connection does not wait again; while a later way is used an earlier one is tried
 * now and then, and offered when its first message comes.
 * Always: at most one try and one probe are under way; what was offered and not taken is closed.
 * Rules: docs/protocol/ajax.md FALL1-FALL6.
 */
import { type Env, realEnv, type Timer } from "../core/env.ts";
import type { Connector, ConnectorEvents, Format, Transport } from "./transport.ts";

export interface FallbackOptions {
  /** An opened way without a first message is given up after so long. Default 5 000. */
  readonly handshakeMs?: number;
  /** How often an earlier way is tried again. Default 60 000. */
  readonly retryMs?: number;
  /** Calls back when the network may be another one; returns how to stop. Default: `online` and changes of `navigator.connection`. */
  readonly onNetwork?: (run: () => void) => () => void;
  readonly env?: Env;
}

/** Tries `connectors` in their order. */
export function fallback(connectors: readonly Connector[], options: FallbackOptions = {}): Connector {
  const { handshakeMs = 5000, retryMs = 60_000, env = realEnv, onNetwork = listenToNetwork } = options;
  /** The way that worked last on this network. */
  let preferred = 0;
  let ready: Found | undefined;

  /** Opens a way and waits for its first message; `done` gets the transport, which tells that message once handlers are set. */
  const open = (
    connector: Connector,
    url: string,
    format: Format | undefined,
    done: (found: Found | undefined, reason: string) => void,
  ): { cancel(): void } => {
    let transport: Transport | undefined;
    let settled = false;
    const settle = (found: Found | undefined, reason: string): void => {
      if (settled) return;
      settled = true;
      env.clearTimer(timer);
      if (!found) stop();
      done(found, reason);
    };
    const timer = env.setTimer(() => settle(undefined, `${connector.name}: no handshake within ${handshakeMs} ms`), handshakeMs);
    const opening = connector.open(
      url,
      {
        onOpen(opened) {
          transport = opened;
          opened.handlers = {
            onFrame: (first) => settle({ transport: opened, first }, ""),
            onClose: (code, reason) => settle(undefined, `${connector.name}: closed with ${code} ${reason}`),
          };
        },
        onFail: (reason) => settle(undefined, `${connector.name}: ${reason}`),
      },
      format,
    );
    const stop = (): void => {
      if (!transport) return opening.cancel();
      transport.handlers = { onFrame() {}, onClose() {} };
      transport.terminate();
    };
    return {
      cancel() {
        if (settled) return;
        settled = true;
        env.clearTimer(timer);
        stop();
      },
    };
  };

  return {
    name: connectors.map(({ name }) => name).join("+"),
    open(url, events, format) {
      let current: { cancel(): void } = { cancel() {} };
      if (ready) {
        const found = ready;
        ready = undefined;
        let cancelled = false;
        env.endOfTurn(() => (cancelled ? found.transport.terminate() : hand(found, events)));
        return { cancel: () => void (cancelled = true) };
      }
      const reasons: string[] = [];
      const tryNext = (at: number): void => {
        const connector = connectors[at] as Connector;
        current = open(connector, url, format, (found, reason) => {
          if (found) {
            preferred = at;
            hand(found, events);
            if (at > 0) watch(url, format, events, found.transport);
            return;
          }
          reasons.push(reason);
          // From the remembered way on, then those before it: the network may be another one by now.
          const tried = reasons.length;
          const order = [...connectors.keys()].slice(preferred).concat([...connectors.keys()].slice(0, preferred));
          const next = order[tried];
          if (next !== undefined) return tryNext(next);
          preferred = 0;
          events.onFail(reasons.join("; "));
        });
      };
      tryNext(preferred);
      return { cancel: () => current.cancel() };
    },
  };

  /** While `used` lives, looks whether an earlier way works by now. */
  function watch(url: string, format: Format | undefined, events: ConnectorEvents, used: Transport): void {
    let probe: { cancel(): void } | undefined;
    let timer: Timer | undefined;
    const stop = (): void => {
      if (timer !== undefined) env.clearTimer(timer);
      probe?.cancel();
      unlisten();
    };
    const look = (): void => {
      probe?.cancel();
      probe = open(connectors[0] as Connector, `${url}&move=1`, format, (found) => {
        if (!found) return arm();
        preferred = 0;
        stop();
        if (events.onBetter) return events.onBetter(found.transport, () => found.transport.handlers.onFrame(found.first));
        // It waits for the line to come back.
        keep(found);
        used.close(1000, "CLOSE_NORMAL");
      });
    };
    const arm = (): void => {
      timer = env.setTimer(look, retryMs);
    };
    const unlisten = onNetwork(() => {
      preferred = 0;
      if (timer !== undefined) env.clearTimer(timer);
      look();
    });
    arm();
    // The owner sets its handlers now; whatever ends the connection ends the looking.
    const { handlers } = used;
    used.handlers = {
      onFrame: (data) => handlers.onFrame(data),
      onDrain: () => handlers.onDrain?.(),
      onClose(code, reason) {
        stop();
        handlers.onClose(code, reason);
      },
    };
  }

  /** Holds what was found for the next `open`. */
  function keep(found: Found): void {
    ready = found;
    found.transport.handlers = {
      onFrame() {},
      onClose() {
        if (ready === found) ready = undefined;
      },
    };
  }
}

interface Found {
  readonly transport: Transport;
  readonly first: string | Uint8Array;
}

function hand({ transport, first }: Found, events: ConnectorEvents): void {
  events.onOpen(transport);
  transport.handlers.onFrame(first);
}

interface NetworkInformation {
  addEventListener?(name: string, run: () => void): void;
  removeEventListener?(name: string, run: () => void): void;
}

function listenToNetwork(run: () => void): () => void {
  const place = globalThis as NetworkInformation & { navigator?: { connection?: NetworkInformation } };
  const connection = place.navigator?.connection;
  place.addEventListener?.("online", run);
  connection?.addEventListener?.("change", run);
  return () => {
    place.removeEventListener?.("online", run);
    connection?.removeEventListener?.("change", run);
  };
}
