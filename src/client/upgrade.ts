/**
 * A session that changes to a better packer or a better transport while it goes on: opt-in, for `createClient(url, { upgrade: upgrade(…) })`.
 *
 * A better packer is agreed on in the one that both speak, and a connection in it is opened beside the first. A better transport is found by
 * the connector (fallback). Either way the session moves: the last message on the old connection is `:sync/move`, and what comes on the new one is
 * held until the server's `:sync/moved` has come on the old one.
 * Always: at most one move is under way; until it begins a failure changes nothing; after that it ends the line, and the next one resumes
 * every topic at its position.
 * Rules: docs/protocol/upgrade.md UP1-UP8, MOVE1-MOVE14.
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
  /** A move that takes longer is given up; once it has begun, the line with it. Default 15 000. */
  readonly moveTimeoutMs?: number;
}

/** What a move needs of its client. */
export interface UpgradeHost {
  readonly env: Env;
  readonly connector: Connector;
  readonly line: Line;
  /** The URL of the line: there where one is open. */
  readonly target: URL | undefined;
  /** What the line speaks; from now on that, if there is one. */
  speak(next?: Packer): Packer;
  send(id: `chsk/${string}`, data: unknown): void;
  /** Hello, with more fields. */
  hello(fields: { readonly move: true }, settle: Settle): void;
  /** The line has another transport. */
  refresh(): void;
}

export interface Upgrade {
  /** Names of the better packers, the best first. */
  readonly formats: readonly string[];
  /** Subprotocols to ask a WebSocket for: no time is lost where the server knows one. */
  readonly protocols: readonly string[];
  /** The packer that a subprotocol stands for. */
  packerFor(protocol: string | undefined): Packer | undefined;
  attach(host: UpgradeHost): AttachedUpgrade;
}

export interface AttachedUpgrade {
  /** Hello was answered: the session may move. */
  welcomed(): void;
  /** A better transport is open, and `packer` spoken on it; `tell` gives its first message. */
  better(opened: Transport, packer: Packer, tell: () => void): void;
  /** Takes the server's answer about packers, and its last word on the old connection. */
  receive(id: string, data: unknown): boolean;
  /** The line is gone, and with it whatever was on its way. */
  lost(): void;
}

/** A connection beside the line's. */
interface Beside {
  readonly transport: Transport;
  readonly packer: Packer;
}

interface Move {
  /** Leaves no connection but the line's. */
  abandon(): void;
  /** The server's last word on the old connection came; there once the move has begun. */
  finish?(): void;
}

/** Must be the same as the server's. */
const protocolPrefix = "sente-sync.";
const silent = { onFrame() {}, onClose() {} };

/** Lets a client move to better packers and transports. */
export function upgrade({ packers = [], moveTimeoutMs = 15_000 }: UpgradeOptions = {}): Upgrade {
  const byName = new Map(packers.map((packer) => [packer.name, packer]));
  const formats = [...byName.keys()];
  return {
    formats,
    protocols: formats.map((name) => protocolPrefix + name),
    packerFor: (protocol = "") => byName.get(protocol.slice(protocolPrefix.length)),
    attach: (host) => attach(host, byName, moveTimeoutMs),
  };
}

function attach(host: UpgradeHost, byName: ReadonlyMap<string, Packer>, moveTimeoutMs: number): AttachedUpgrade {
  const { env, line } = host;
  const offered = [...byName.keys()];
  let isReady = false;
  let move: Move | undefined;
  let timer: Timer | undefined;
  /** A better transport, greeted by the server, that waits for its turn. */
  let waiting: Beside | undefined;

  const start = (next: Move): void => {
    move = next;
    timer = env.setTimer(fail, moveTimeoutMs);
  };
  const end = (): void => {
    move = undefined;
    if (timer !== undefined) env.clearTimer(timer);
    timer = undefined;
  };
  /** Who has to wait for that is let in. */
  const fail = (): void => {
    // What is on its way on two connections cannot be put in order any more: `lost` follows.
    if (move?.finish) return line.dispatch("distrust");
    move?.abandon();
    end();
    next();
  };
  const next = (): void => {
    const beside = waiting;
    if (!beside || move || !isReady) return;
    waiting = undefined;
    start({ abandon() {} });
    begin(beside);
  };

  /** Listens beside the line: `greeted` once a server of ours has said its handshake, else `gone`. */
  const listen = (opened: Transport, packer: Packer, greeted: (beside: Beside) => void, gone: () => void): Transport => {
    const transport = packer.over?.(opened) ?? opened;
    transport.handlers = {
      onFrame(data) {
        if (isOurs(data, packer)) return greeted({ transport, packer });
        drop(transport);
        gone();
      },
      onClose: gone,
    };
    return transport;
  };

  const begin = ({ transport, packer }: Beside): void => {
    const old = line.transport as Transport;
    const before = host.speak();
    const early: (string | Uint8Array)[] = [];
    old.handlers = { onFrame: (data) => line.hear(data, before), onClose: fail };
    transport.handlers = { onFrame: (data) => void early.push(data), onClose: fail };
    old.send({ data: before.pack(wrap(event(moveEvent))), text: !before.binary });
    host.speak(packer);
    const handlers = line.adopt(transport);
    (move as Move).abandon = () => drop(old);
    (move as Move).finish = () => {
      end();
      old.handlers = silent;
      old.close(1000, "CLOSE_NORMAL");
      transport.handlers = handlers;
      host.refresh();
      // Whoever listens by now: with the first of them the next move may have begun.
      for (const data of early) transport.handlers.onFrame(data);
    };
    host.hello({ move: true }, (failed, welcome) => {
      if (failed) return;
      if ((welcome as { readonly moved?: unknown } | null)?.moved === true) ready();
      else line.dispatch("distrust");
    });
  };

  /** A connection beside this one, in a better packer. */
  const open = (packer: Packer): void => {
    let transport: Transport | undefined;
    const url = new URL(host.target as URL);
    url.searchParams.set("packers", packer.name);
    url.searchParams.set("move", "1");
    const opening = host.connector.open(
      url.href,
      {
        onOpen(opened) {
          transport = listen(opened, packer, begin, fail);
        },
        onFail: fail,
        onBetter: (opened, tell) => better(opened, packer, tell),
      },
      packer,
    );
    start({ abandon: () => (transport ? drop(transport) : opening.cancel()) });
  };

  const better: AttachedUpgrade["better"] = (opened, packer, tell) => {
    const greeted = (beside: Beside): void => {
      if (waiting) drop(waiting.transport);
      waiting = beside;
      beside.transport.handlers = { ...silent, onClose: () => void (waiting === beside && (waiting = undefined)) };
      next();
    };
    listen(opened, packer, greeted, () => {});
    tell();
  };

  const ready = (): void => {
    isReady = true;
    next();
    if (!move && offered.length && !byName.has(host.speak().name)) {
      host.send(messages.packerCapabilities, packerCapabilities([...offered, host.speak().name]));
    }
  };

  return {
    better,
    welcomed: ready,
    receive(id, data) {
      if (id === messages.packerAgreement) {
        const chosen = byName.get(readPackerAgreement(data, offered) ?? "");
        if (chosen && chosen !== host.speak() && isReady && !move) open(chosen);
      } else if (id === movedEvent) move?.finish?.();
      else return false;
      return true;
    },
    lost() {
      isReady = false;
      move?.abandon();
      end();
      if (waiting) drop(waiting.transport);
      waiting = undefined;
    },
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
