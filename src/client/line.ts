/**
 * The shell around `stepLine`: owns the connector, the transport and the timers, and does what a step says.
 *
 * Always: at most one transport is listened to; whatever an older one still says is not heard (LINE4).
 * Rules: docs/protocol.md LINE1-LINE9.
 */
import type { Env, Timer } from "../core/env.ts";
import {
  type CloseReason,
  initialLine,
  type LineEvent,
  type LineOptions,
  type LineState,
  stepLine,
} from "../session/line-step.ts";
import type { Connector, Transport } from "../transport/transport.ts";

/** `code` is 0 where the socket never opened. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

export interface LineHost {
  readonly env: Env;
  readonly options: LineOptions;
  readonly connector: Connector;
  url(): string;
  onFrame(data: string | Uint8Array): void;
  ping(): void;
  /** The line that carried the session is gone. */
  onLost(reason: CloseReason): void;
  onState(state: LineState): void;
  /** Told before the state changes. */
  onSocketEnd(end: SocketEnd): void;
}

export interface Line {
  readonly state: LineState;
  readonly transport: Transport | undefined;
  dispatch(event: LineEvent): void;
  /** The handshake came. */
  opened(): void;
  probe(): void;
}

export function createLine(host: LineHost): Line {
  const { env } = host;
  let state = initialLine;
  let transport: Transport | undefined;
  let cancel: (() => void) | undefined;
  let activity = 0;
  let timer: Timer | undefined;

  const open = (line: number): void => {
    activity = 0;
    const opening = host.connector.open(host.url(), {
      onOpen(opened) {
        opened.handlers = {
          onFrame(data) {
            // A late word of an older line.
            if (line !== state.line || transport !== opened) return;
            activity++;
            host.onFrame(data);
          },
          onClose(code, reason) {
            if (transport === opened) transport = undefined;
            if (line === state.line) host.onSocketEnd({ code, reason });
            dispatch({ type: "line-closed", line, code });
          },
        };
        if (line !== state.line) return opened.terminate();
        transport = opened;
      },
      onFail(reason) {
        if (line === state.line) host.onSocketEnd({ code: 0, reason });
        dispatch({ type: "line-failed", line });
      },
    });
    cancel = () => opening.cancel();
  };

  const dispatch = (event: LineEvent): void => {
    const [next, effects] = stepLine(state, event, { ms: env.monotonicMs(), random: env.random() }, host.options);
    const changed = next !== state;
    state = next;
    if (changed && timer !== undefined) {
      env.clearTimer(timer);
      timer = undefined;
    }
    for (const effect of effects) {
      // Who was told of an earlier effect has moved on: the others are of the past.
      if (state !== next) return;
      switch (effect[0]) {
        case "open":
          open(effect[1]);
          break;
        case "drop": {
          const dropped = transport;
          transport = undefined;
          if (dropped) dropped.close(effect[1], effect[2]);
          else cancel?.();
          break;
        }
        case "ping":
          host.ping();
          break;
        case "wait":
          timer = env.setTimer(() => dispatch({ type: "timer", activity }), effect[1]);
          break;
        case "lost":
          host.onLost(effect[1]);
          break;
      }
    }
    if (changed) host.onState(state);
  };

  return {
    get state() {
      return state;
    },
    get transport() {
      return transport;
    },
    dispatch,
    opened: () => dispatch({ type: "handshake", line: state.line }),
    probe: () => dispatch({ type: "probe", activity }),
  };
}
