/**
 * Message ports: a worker and its owner, two windows, the tabs of a shared worker; browsers and Node alike.
 *
 * Message: text is a string, bytes are a Uint8Array; all else is an array:
 *    ["open", id, url]          the client: begins a connection, and ends the one before on this port
 *    ["opened", id]             the acceptor: what follows belongs to it
 *    ["ack", size]              so much was handed to the owner; sizes are characters of text, and bytes
 *    ["close", code, reason]    after all that was sent
 *    ["drop"]                   at once
 *
 * Always: a port has one connection at a time; the sender's buffer is what the other side has not handed on.
 * Limits: `cork` gathers nothing. A browser may not tell that the other side vanished; the session's pings find out.
 * Rules: docs/protocol/streams.md PORT1-PORT8.
 */
import { randomHex, realEnv } from "../core/env.ts";
import { gone, type PortLike, type PortOptions, PortTransport } from "./message-port-transport.ts";
import { type Acceptor, isOpening, openingOf } from "./stream-opening.ts";
import type { Connector } from "./transport.ts";

export type { PortLike, PortOptions } from "./message-port-transport.ts";

const maxOpeningLength = 8192;

/**
 * Opens connections over a port. One that is given is the caller's, and used again for each connection; one that `port` makes
 * serves one connection, and is closed with it.
 */
export function portConnector(port: PortLike | (() => PortLike), options: PortOptions = {}): Connector {
  const env = options.env ?? realEnv;
  return {
    name: "message-port",
    open(url, { onOpen, onFail }) {
      let state: "opening" | "open" | "over" = "opening";
      let release = (): void => {};
      let drop = (): void => {};
      let transport: PortTransport | undefined;
      const fail = (reason: string): void => {
        if (state !== "opening") return;
        state = "over";
        release();
        onFail(reason);
      };
      try {
        const opening = openingOf(new URL(url));
        const id = randomHex(env, 8);
        const used = typeof port === "function" ? port() : port;
        const unlisten = listen(used, {
          onMessage(message) {
            if (transport) return transport.receive(message);
            // Until then, it is for an older connection.
            if (state !== "opening" || !Array.isArray(message) || message[0] !== "opened" || message[1] !== id) return;
            state = "open";
            transport = new PortTransport(used, { maxFrameBytes: 1 << 26, ...options }, () => release());
            onOpen(transport);
          },
          onUnreadable: () => transport?.close(1002, "A message that cannot be read"),
          onGone() {
            if (transport) transport.vanish();
            else fail("The port is closed");
          },
        });
        release = () => {
          unlisten();
          if (typeof port === "function") used.close?.();
        };
        drop = () => used.postMessage(["drop"], []);
        used.postMessage(["open", id, opening], []);
      } catch (error) {
        env.endOfTurn(() => fail(`${error}`));
      }
      return {
        cancel() {
          if (state !== "opening") return;
          state = "over";
          drop();
          release();
        },
      };
    },
  };
}

/** Accepts the connections that come over a port, one after the other. Returns how to stop, which drops the present one. */
export function acceptPort(port: PortLike, acceptor: Acceptor, options: PortOptions = {}): () => void {
  let transport: PortTransport | undefined;
  const unlisten = listen(port, {
    onMessage(message) {
      if (!Array.isArray(message) || message[0] !== "open") return transport?.receive(message);
      const [, id, url] = message as unknown[];
      if (typeof id !== "string" || typeof url !== "string" || url.length > maxOpeningLength || !isOpening(url)) return;
      transport?.end(gone);
      transport = new PortTransport(port, { maxFrameBytes: 1 << 20, ...options }, () => {});
      port.postMessage(["opened", id], []);
      acceptor.accept(transport, url);
    },
    onUnreadable: () => transport?.close(1002, "A message that cannot be read"),
    onGone() {
      unlisten();
      transport?.vanish();
    },
  });
  return () => {
    unlisten();
    transport?.terminate();
  };
}

interface PortListeners {
  onMessage(message: unknown): void;
  onUnreadable(): void;
  onGone(): void;
}

/** Listens in Node's way where the port has it, else in the browser's. Returns how to stop. */
function listen(port: PortLike, { onMessage, onUnreadable, onGone }: PortListeners): () => void {
  const inNode = port.on !== undefined;
  const listeners: [event: string, run: (detail: unknown) => void][] = [
    ["message", inNode ? onMessage : (event) => onMessage((event as { readonly data: unknown }).data)],
    ["messageerror", onUnreadable],
    ["close", onGone],
  ];
  // A Worker of Node exits instead of closing.
  if (inNode) listeners.push(["exit", onGone]);
  for (const [event, run] of listeners) inNode ? port.on?.(event, run) : port.addEventListener?.(event, run);
  port.start?.();
  return () => {
    for (const [event, run] of listeners) inNode ? port.off?.(event, run) : port.removeEventListener?.(event, run);
  };
}
