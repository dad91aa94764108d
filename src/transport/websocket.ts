/**
 * The client's WebSocket, in browsers and in Node.
 *
 * Always: a cancelled open and a terminated connection say nothing more, whatever their socket still does;
 * a peer that does not answer a close is given up after two seconds.
 * Limits: `cork` gathers nothing, `pause` stops nothing (a browser has no way to), and a browser closes with
 * code 1000 or 3000-4999 only.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT9, TRANSPORT14, TRANSPORT15,
 * DEFLATE6.
 */
import { WebSocket as PlatformWebSocket } from "#websocket";
import { type Env, realEnv, type Timer } from "../core/env.ts";
import type { Connector, Transport } from "./transport.ts";
import type { DeflateOptions, WebSocketConstructor } from "./ws-global.ts";

export interface WebSocketOptions {
  /** Default: the platform's; in Node that of `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  /** Node only: offers permessage-deflate. Default false. A browser always does, and decides by itself. */
  readonly deflate?: boolean | DeflateOptions;
  readonly env?: Env;
}

const highWaterBytes = 65_536;
/** A WebSocket tells nobody when its buffer has drained; it is asked this often, and only while it is full. */
const drainCheckMs = 50;
const closeTimeoutMs = 2000;

const nothing = (): void => {};

/** Opens WebSocket connections. */
export function websocket({ WebSocket = PlatformWebSocket, deflate, env = realEnv }: WebSocketOptions = {}): Connector {
  const name = "websocket";
  /** Browsers refuse a server that knows no subprotocols when they asked for one: after a failure they are not asked for. */
  let asks = true;
  return {
    name,
    open(url, { onOpen, onFail, protocols = [] }) {
      let ws: InstanceType<WebSocketConstructor> | undefined;
      let state: "opening" | "open" | "closing" | "over" = "opening";
      let failure = "";
      /** While open: the next look at a full buffer. While closing: when the peer is given up. */
      let timer: Timer | undefined;

      const enter = (next: typeof state): void => {
        state = next;
        if (timer) env.clearTimer(timer);
        timer = undefined;
      };
      const end = (code: number, reason: string): void => {
        const before = state;
        if (before === "over") return;
        enter("over");
        if (before === "opening") {
          asks = !asks;
          onFail(reason);
        } else transport.handlers.onClose(code, reason);
      };
      const hasRoom = (): boolean => {
        if (state !== "open") return true;
        if (!timer && transport.bufferedBytes > highWaterBytes) {
          timer = env.setTimer(() => {
            timer = undefined;
            if (hasRoom()) transport.handlers.onDrain?.();
          }, drainCheckMs);
        }
        return !timer;
      };
      const transport = {
        name,
        get protocol() {
          return ws?.protocol;
        },
        get bufferedBytes() {
          return ws?.bufferedAmount ?? 0;
        },
        send({ data, text }) {
          // Its peer may have closed it, and it not said so yet: a browser then warns of every frame.
          if (state === "open" && ws?.readyState === 1)
            ws.send((text && typeof data !== "string" ? new TextDecoder().decode(data) : data) as string);
          return hasRoom();
        },
        cork: nothing,
        uncork: hasRoom,
        pause: nothing,
        resume: nothing,
        close(code = 1000, reason) {
          if (state !== "open") return;
          enter("closing");
          ws?.close(code, reason);
          timer = env.setTimer(transport.terminate, closeTimeoutMs);
        },
        terminate() {
          if (state === "over") return;
          enter("closing");
          if (ws?.terminate) ws.terminate();
          else ws?.close();
          env.endOfTurn(() => end(1006, ""));
        },
      } as Transport;

      try {
        ws = new WebSocket(url, asks ? [...protocols] : [], { deflate });
        ws.binaryType = "arraybuffer";
        ws.onopen = () => {
          if (state !== "opening") return;
          state = "open";
          onOpen(transport);
        };
        ws.onmessage = ({ data }: { data: string | ArrayBuffer }) => {
          if (state === "open") transport.handlers.onFrame(typeof data === "string" ? data : new Uint8Array(data));
        };
        // Browsers say nothing here; `ws` has a message, and throws an error nobody listens to.
        ws.onerror = ({ message = "" }: { message?: string }) => {
          failure = message;
        };
        ws.onclose = ({ code, reason }: { code: number; reason: string }) => end(code, reason || failure);
      } catch (error) {
        env.endOfTurn(() => end(1006, `${error}`));
      }
      return {
        cancel() {
          if (state !== "opening") return;
          state = "over";
          ws?.close();
        },
      };
    },
  };
}
