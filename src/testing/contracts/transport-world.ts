/**
 * The worlds in which the contract of transports is run: how time passes there, and a listener that writes everything down.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT10.
 */
import type { Connector, Frame, Transport } from "../../transport/transport.ts";
import { ContractFailure } from "./suite.ts";

/** How a test waits. */
export interface TransportWorld {
  /** Lets time pass until `done`. */
  until(done: () => boolean): Promise<void>;
  /** Lets all that is under way come to an end. */
  settle(): Promise<void>;
  dispose?(): void | Promise<void>;
}

/** The two ends of an open connection. Nobody listens to them yet. */
export interface TransportPair extends TransportWorld {
  readonly client: Transport;
  readonly server: Transport;
}

/** A connector, and a server for it. */
export interface ConnectorWorld extends TransportWorld {
  readonly connector: Connector;
  readonly url: string;
  /** What the server accepted so far: `record(transport)` of each. */
  readonly accepted: readonly Recorder[];
}

/** An end of a connection. */
export type Side = "client" | "server";

/** Which ends can do what not all can. */
export interface TransportTraits {
  /** What they cork stays with them until `uncork`. Default none. */
  readonly gathers?: readonly Side[];
  /** `pause` stops them from reading. Default none. */
  readonly pauses?: readonly Side[];
}

/** What one end has said so far. */
export interface Recorder {
  readonly transport: Transport;
  readonly frames: (string | Uint8Array)[];
  readonly closes: { code: number; reason: string }[];
  drains: number;
  /** Callbacks in the order they came. */
  readonly events: string[];
}

/** Listens to everything a transport says. */
export function record(transport: Transport): Recorder {
  const recorder: Recorder = { transport, frames: [], closes: [], drains: 0, events: [] };
  transport.handlers = {
    onFrame(data) {
      recorder.frames.push(data);
      recorder.events.push("frame");
    },
    onDrain() {
      recorder.drains++;
      recorder.events.push("drain");
    },
    onClose(code, reason) {
      recorder.closes.push({ code, reason });
      recorder.events.push("close");
    },
  };
  return recorder;
}

export function textFrame(data: string): Frame {
  return { data, text: true };
}

export function binaryFrame(length: number, fill = 7): Frame {
  return { data: new Uint8Array(length).fill(fill), text: false };
}

/** Time passes by itself. */
export const realTime: Pick<TransportWorld, "until" | "settle"> = {
  async until(done) {
    const giveUpMs = performance.now() + 60_000;
    while (!done()) {
      if (performance.now() > giveUpMs) throw new ContractFailure("That never happened.");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  },
  settle: () => new Promise((resolve) => setTimeout(resolve, 40)),
};
