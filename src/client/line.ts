/**
 * The shell around `stepLine`: owns the connector, the transport and the timer, and makes them what the state says.
 *
 * Always: at most one transport is listened to; whatever an older one still says is not heard (LINE4); a line is closed
 * before another is opened, and the timer of a state ends with it (LINE3).
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
import type { Connector, ConnectorEvents, Format, Transport, TransportHandlers } from "../transport/transport.ts";
import type { Packer } from "../wire/packer.ts";

/** `code` is 0 where the socket never opened. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
}

export interface LineHost {
  readonly env: Env;
  readonly reconnect: Partial<LineOptions>;
  readonly connector: Connector;
  readonly target: string;
  readonly format: Format;
  /** Of what the connector tells, all but whether it opened. */
  readonly events: Pick<ConnectorEvents, "protocols" | "onBetter">;
  /** The transport as the line uses it. */
  accept(opened: Transport): Transport;
  /** `packer`: of a transport that another has taken the place of; else the line's. */
  onFrame(data: string | Uint8Array, packer?: Packer): void;
  ping(): void;
  /** The line that carried the session is gone. */
  onLost(reason: CloseReason | undefined): void;
  onState(): void;
  /** Said, and told, before the state changes. */
  readonly facts: { socketEnd?: SocketEnd; ended?(end: SocketEnd): void };
}

export interface Line {
  readonly state: LineState;
  readonly transport: Transport | undefined;
  dispatch(...event: LineEvent): void;
  /** The same line goes on over another transport; the one before is the caller's, and so are the handlers of both. */
  adopt(next: Transport): TransportHandlers;
  /** A frame of this line came. */
  hear(data: string | Uint8Array, packer?: Packer): void;
}

export function createLine(host: LineHost): Line {
  const { env, reconnect, connector, target, onFrame, ping, onLost, onState, facts } = host;
  let state = initialLine;
  let transport: Transport | undefined;
  let opening: { cancel(): void } | undefined;
  let heard = 0;
  let timer: Timer | undefined;

  const ended = (type: "line-closed" | "line-failed", line: number, code: number, reason: string): void => {
    if (line === state.line) {
      facts.socketEnd = { code, reason };
      facts.ended?.(facts.socketEnd);
    }
    dispatch(type, line, code);
  };

  const hear = (data: string | Uint8Array, packer?: Packer): void => {
    heard++;
    onFrame(data, packer);
  };

  const handlersFor = (opened: Transport, line = state.line): TransportHandlers => ({
    onFrame(data) {
      // Else it is a late word of an older line.
      if (line === state.line && transport === opened) hear(data);
    },
    onClose(code, reason) {
      // Another one has taken its place.
      if (transport && transport !== opened) return;
      transport = undefined;
      ended("line-closed", line, code, reason);
    },
  });

  const open = (line: number): void => {
    heard = 0;
    opening = connector.open(
      target,
      {
        ...host.events,
        onOpen(raw: Transport) {
          const opened = host.accept(raw);
          opened.handlers = handlersFor(opened, line);
          if (line !== state.line) return opened.terminate();
          transport = opened;
        },
        onFail: (reason: string) => ended("line-failed", line, 0, reason),
      },
      host.format,
    );
  };

  const dispatch = (...event: LineEvent): void => {
    const before = state;
    const now = { ms: env.monotonicMs(), wallMs: env.nowMs(), random: env.random(), heard };
    const next = stepLine(before, event, now, reconnect);
    if (next === before) return;
    state = next;
    if (timer) env.clearTimer(timer);
    const { name, line, farewell } = next;
    const isNew = line !== before.line;
    if (isNew || (name !== "connecting" && name !== "connected")) {
      const left = transport;
      transport = undefined;
      if (left) left.close(farewell ? 3000 : 1000, farewell ?? "CLOSE_NORMAL");
      else opening?.cancel();
      if (before.name === "connected") onLost(next.reason);
    }
    // Who was told of the loss may have moved on.
    if (state !== next) return;
    if (isNew) open(line);
    if (next.pinging && !before.pinging) ping();
    if (next.waitMs !== undefined) timer = env.setTimer(() => dispatch("timer"), next.waitMs);
    onState();
  };

  return {
    get state() {
      return state;
    },
    get transport() {
      return transport;
    },
    dispatch,
    adopt(next) {
      transport = next;
      return handlersFor(next);
    },
    hear,
  };
}
