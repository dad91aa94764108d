/**
 * A server and one client on a simulated network, whose connections can be watched and broken frame by frame while the session moves.
 *
 * Always: a connection is counted from its opening; what a broken one was about to say is lost with it.
 */
import { defineAtom, defineChannel, type } from "sente-sync";
import { type ClientOptions, createClient, type UpgradeOptions, upgrade } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { createServer, type ServerOptions, atom as serveAtom, channel as serveChannel } from "sente-sync/server";
import { memoryNetwork, virtualClock } from "sente-sync/testing";
import type { Env } from "../../src/core/env.ts";
import type { Connector, ConnectorEvents, Transport } from "../../src/transport/transport.ts";
import type { Packer } from "../../src/wire/packer.ts";

export type Way = "up" | "down";

/** The client's end of a connection. */
export interface Link {
  readonly url: string;
  /** Frames so far, this one included, by way. */
  readonly counts: Record<Way, number>;
  readonly frames: { readonly way: Way; readonly data: string | Uint8Array }[];
  isOver: boolean;
  /** Both sides hear of it, after a while. */
  cut(): void;
  /** Nothing passes any more, and nobody is told. */
  deafen(): void;
}

export interface Tap {
  readonly connector: Connector;
  readonly links: Link[];
  /** Called before a frame passes: cutting the link here loses it. */
  onFrame: (link: Link, way: Way) => void;
  /** Opens a better transport beside the newest, as a connector that can would. */
  climb(): void;
  /** What becomes of further opens. */
  opens: "through" | "refused" | "silent";
}

export function createTap(inner: Connector, env: Env): Tap {
  let newest: { readonly url: string; readonly events: ConnectorEvents } | undefined;
  const open = (url: string, events: ConnectorEvents, name: string): { cancel(): void } => {
    if (tap.opens === "refused") {
      env.endOfTurn(() => events.onFail("refused"));
      return { cancel() {} };
    }
    const isSilent = tap.opens === "silent";
    return inner.open(url, {
      onFail: events.onFail,
      onOpen(transport) {
        const [link, tapped] = tapLink(tap, transport, url, name, env);
        tap.links.push(link);
        events.onOpen(tapped);
        if (isSilent) link.deafen();
      },
    });
  };
  const tap: Tap = {
    links: [],
    opens: "through",
    onFrame() {},
    connector: {
      name: inner.name,
      open(url, events) {
        newest ??= { url, events };
        if (!url.includes("move=1")) newest = { url, events };
        return open(url, events, "first");
      },
    },
    climb() {
      const { url, events } = newest as NonNullable<typeof newest>;
      const onOpen = (transport: Transport): void => {
        const timer = env.setTimer(() => transport.terminate(), 1000);
        const onFrame = (first: string | Uint8Array): void => {
          env.clearTimer(timer);
          events.onBetter?.(transport, () => transport.handlers.onFrame(first));
        };
        transport.handlers = { onFrame, onClose: () => env.clearTimer(timer) };
      };
      open(`${url}&move=1`, { onFail() {}, onOpen }, "better");
    },
  };
  return tap;
}

function tapLink(tap: Tap, inner: Transport, url: string, name: string, env: Env): [Link, Transport] {
  let isDeaf = false;
  const link: Link = {
    url,
    counts: { up: 0, down: 0 },
    frames: [],
    isOver: false,
    cut: () => inner.terminate(),
    deafen: () => void (isDeaf = true),
  };
  const passes = (way: Way, data: string | Uint8Array): boolean => {
    if (isDeaf || link.isOver) return false;
    link.counts[way]++;
    link.frames.push({ way, data });
    tap.onFrame(link, way);
    return !isDeaf;
  };
  const end = (code: number, reason: string): void => {
    if (link.isOver) return;
    link.isOver = true;
    tapped.handlers.onClose(code, reason);
  };
  inner.handlers = {
    onFrame: (data) => void (passes("down", data) && tapped.handlers.onFrame(data)),
    onDrain: () => tapped.handlers.onDrain?.(),
    onClose: (code, reason) => void (!isDeaf && end(code, reason)),
  };
  const tapped: Transport = {
    name,
    handlers: { onFrame() {}, onClose() {} },
    get bufferedBytes() {
      return inner.bufferedBytes;
    },
    send: (frame) => !passes("up", frame.data) || inner.send(frame),
    cork: () => inner.cork(),
    uncork: () => inner.uncork(),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    close(code, reason) {
      if (isDeaf) env.setTimer(() => end(1006, ""), 2000);
      else inner.close(code, reason);
    },
    terminate() {
      if (isDeaf) env.endOfTurn(() => end(1006, ""));
      else inner.terminate();
    },
  };
  return [link, tapped];
}

const counterRef = defineAtom("counter", { initial: { n: 0 } });
const roomRef = defineChannel("room", { events: { said: type<unknown>() } });

export interface MovingOptions {
  readonly seed?: number | string;
  readonly packers?: readonly Packer[];
  /** What the server speaks besides; default: the same. */
  readonly serverPackers?: readonly Packer[];
  readonly server?: ServerOptions;
  readonly client?: Partial<ClientOptions>;
  readonly upgrade?: UpgradeOptions;
}

export type Moving = ReturnType<typeof createMoving>;

export function createMoving({ seed = 1, packers = [], serverPackers = packers, ...options }: MovingOptions = {}) {
  const clock = virtualClock({ seed });
  const network = memoryNetwork({ clock });
  const env = clock.envFor("client");
  const errors: string[] = [];
  const onError = (error: unknown, where: string): void => void errors.push(`${where}: ${error}`);
  const serverEnv = clock.envFor("server");
  const sync = createServer({
    env: serverEnv,
    onError,
    packer: edn(),
    packers: serverPackers,
    keepalive: { keepaliveMs: 2000, pingTimeoutMs: 500 },
    limits: { messages: { perSecond: 1e6, burst: 1e6 } },
    ...options.server,
  });
  network.listen("server", (transport, url) => void sync.accept(transport, url), serverEnv);
  const tap = createTap(network.connector("client"), env);
  const counter = serveAtom(sync, counterRef);
  const room = serveChannel(sync, roomRef);
  const client = createClient("memory://server/chsk", {
    env,
    onError,
    connector: tap.connector,
    upgrade: upgrade({ packers, moveTimeoutMs: 1500, ...options.upgrade }),
    reconnect: { keepaliveMs: 2000, pingTimeoutMs: 500, maxDelayMs: 500, connectTimeoutMs: 1000 },
    ...options.client,
  });
  const statuses: string[] = [];
  client.status.listen(() => {
    const { name, transport = "" } = client.status.get();
    statuses.push(`${name} ${transport}`.trim());
  });
  return {
    clock,
    network,
    env,
    serverEnv,
    sync,
    tap,
    counter,
    room,
    client,
    errors,
    statuses,
    advance: (ms: number) => clock.advance(ms),
    /** Ends both; what is left to run then. */
    async close() {
      client.close();
      await sync.close();
      return clock.advance(10_000);
    },
  };
}

export { counterRef, roomRef };
