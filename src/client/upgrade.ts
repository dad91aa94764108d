/**
 * A session that changes to a better packer or a better transport while it goes on: opt-in, for `createClient(url, { upgrade: upgrade(…) })`.
 *
 * A better packer is agreed on in the one that both speak, and a connection in it is opened beside the first. A better transport is found by
 * the connector (fallback). Either way the session moves: the last message on the old connection is `:sync/move`, and what comes on the new one is
 * held until the server's `:sync/moved` has come on the old one.
 * Always: until the move begins, a failure changes nothing; after that it ends the line, and the next one resumes every topic at its position.
 * Rules: docs/protocol/upgrade.md UP1-UP6, MOVE1-MOVE9.
 */
import type { Env, Timer } from "../core/env.ts";
import type { Settle } from "../session/callbacks.ts";
import { movedEvent, moveEvent } from "../session/messages/move.ts";
import { type DownListener, event, readDown, wrap } from "../session/messages/sente.ts";
import { upgrade as messages, packerCapabilities, readPackerAgreement } from "../session/messages/upgrade.ts";
import type { Connector, Transport } from "../transport/transport.ts";
import type { Packer } from "../wire/packer.ts";
import type { Line } from "./line.ts";

export interface UpgradeOptions {
  /** Better packers than the client's own, the best first. The server must have them, too. */
  readonly packers?: readonly Packer[];
  /** A move that takes longer is given up, and the line with it. Default 15 000. */
  readonly moveTimeoutMs?: number;
}

/** What a move needs of its client. */
export interface UpgradeHost {
  readonly env: Env;
  readonly connector: Connector;
  readonly line: Line;
  readonly packer: Packer;
  /** The URL of one more connection of this client. */
  url(parameters: Readonly<Record<string, string>>): string;
  /** From now on that is what is sent in. */
  speak(packer: Packer): void;
  /** Hears a frame as if it came on the line. */
  receive(data: string | Uint8Array, packer: Packer): void;
  ask(id: string, data: unknown, settle: Settle): void;
  /** Hello, with more fields. */
  hello(fields: Readonly<Record<string, unknown>>, settle: Settle): void;
}

export interface Upgrade {
  /** Subprotocols to ask a WebSocket for: no time is lost where the server knows one. */
  readonly protocols: readonly string[];
  /** The packer that a subprotocol stands for. */
  packerFor(protocol: string | undefined): Packer | undefined;
  attach(host: UpgradeHost): AttachedUpgrade;
}

export interface AttachedUpgrade {
  /** The session is ready: agree on a packer. */
  ready(): void;
  /** A better transport is open; `tell` gives its first message. */
  better(transport: Transport, tell?: () => void, packer?: Packer): void;
  /** Takes the server's last word on the old connection. */
  receive(id: string): boolean;
  /** The line is gone, and with it whatever was on its way. */
  lost(): void;
}

/** Must be the same as the server's. */
const protocolPrefix = "sente-sync.";
const silent = { onFrame() {}, onClose() {} };

/** Lets a client move to better packers and transports. */
export function upgrade({ packers = [], moveTimeoutMs = 15_000 }: UpgradeOptions = {}): Upgrade {
  const byName = new Map(packers.map((packer) => [packer.name, packer]));
  return {
    protocols: [...byName.keys()].map((name) => protocolPrefix + name),
    packerFor: (protocol = "") => byName.get(protocol.slice(protocolPrefix.length)),
    attach: (host) => attach(host, byName, moveTimeoutMs),
  };
}

function attach(host: UpgradeHost, byName: ReadonlyMap<string, Packer>, moveTimeoutMs: number): AttachedUpgrade {
  const { env, line } = host;
  /** The move under way: how it ends, one way or the other. */
  let move: { readonly finish: () => void; readonly abandon: () => void } | undefined;

  const better = (next: Transport, tell: () => void = () => {}, packer: Packer = host.packer): void => {
    const old = line.transport;
    if (!old || move) return drop(next);
    const before = host.packer;
    const held: (string | Uint8Array)[] = [];
    let timer: Timer | undefined;
    let begun = false;

    const end = (): void => {
      move = undefined;
      if (timer !== undefined) env.clearTimer(timer);
    };
    /** Nothing is lost by it but time: the next line resumes. */
    const fail = (): void => {
      end();
      drop(old);
      if (!begun) return drop(next);
      host.speak(before);
      line.dispatch("distrust");
    };
    const begin = (handshake: string | Uint8Array): void => {
      if (!isOurs(handshake, packer) || line.transport !== old || line.state.name !== "connected") return abandon();
      begun = true;
      old.handlers = { onFrame: (data) => host.receive(data, before), onClose: fail };
      old.send({ data: before.pack(wrap(event(moveEvent))), text: !before.binary });
      host.speak(packer);
      line.adopt(next);
      next.handlers = { onFrame: (data) => void held.push(data), onClose: fail };
      host.hello({ move: true }, (failed, welcome) => {
        // It has no cursors here: as with any line that is lost, they are asked for anew.
        if (!failed && (welcome as { readonly moved?: unknown } | null)?.moved !== true) line.dispatch("distrust");
      });
    };
    const finish = (): void => {
      end();
      old.handlers = silent;
      old.close(1000, "CLOSE_NORMAL");
      line.listen(next);
      for (const data of held) host.receive(data, packer);
    };
    const abandon = (): void => {
      end();
      if (begun) drop(old);
      else drop(next);
    };
    next.handlers = { onFrame: begin, onClose: () => !begun && end() };
    move = { finish, abandon };
    timer = env.setTimer(() => (begun ? fail() : abandon()), moveTimeoutMs);
    tell();
  };

  return {
    better,
    ready() {
      const offered = [...byName.keys()];
      if (!offered.length || byName.has(host.packer.name)) return;
      host.ask(messages.packerCapabilities, packerCapabilities([...offered, host.packer.name]), (failed, value) => {
        const chosen = failed ? undefined : byName.get(readPackerAgreement(value, offered) ?? "");
        const current = line.transport;
        if (!chosen || !current) return;
        host.connector.open(
          host.url({ packers: chosen.name, move: "1" }),
          {
            onOpen(raw) {
              const transport = chosen.over?.(raw) ?? raw;
              if (line.transport === current) better(transport, undefined, chosen);
              else drop(transport);
            },
            // It goes on as it is; the next line tries again.
            onFail() {},
          },
          chosen,
        );
      });
    },
    receive(id) {
      if (id !== movedEvent) return false;
      move?.finish();
      return true;
    },
    lost: () => move?.abandon(),
  };
}

function drop(transport: Transport): void {
  transport.handlers = silent;
  transport.terminate();
}

/** True for the handshake of a server of ours. */
function isOurs(data: string | Uint8Array, packer: Packer): boolean {
  let ours = false;
  const ignore = (): void => {};
  const listener: DownListener = {
    handshake: (_uid, _data, version) => void (ours = version > 0),
    ping: ignore,
    reply: ignore,
    event: ignore,
  };
  try {
    readDown(packer.unpack(data), listener);
  } catch {
    return false;
  }
  return ours;
}
