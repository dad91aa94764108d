/**
 * The messages of sente_lite, the Clojure library: bare events, neither wrapped nor batched.
 *
 *   up    [id]  [id data]                                   any event
 *         [:chsk/ws-ping]  [:chsk/ws-pong]
 *         [:sente-lite/subscribe {:channel-id s}]           [:sente-lite/unsubscribe {:channel-id s}]
 *         [:sente-lite/publish {:channel-id s :data any}]   on "atom-sync" the data is {:atom-id k :value any …}
 *   down  [:chsk/handshake [uid nil {:sente-lite-version "2.0.0"} true]]
 *         [:sente-lite/subscribed {:channel-id s :success b :error k}]   to both, `:error` only where there is one
 *         [:sente-lite/channel-msg {:channel-id s :data any :from uid}]
 *         [:sente-lite/echo {:original-event-id any :original-data any :conn-id uid :timestamp ms}]
 *
 * Always: reading never throws; what is no vector of one or two, or asks for a channel without naming it, is `malformed`.
 * Rules: docs/protocol/sente-lite.md LITE2-LITE15. Source: sente_lite 591400a as recorded in test/conformance/vectors.
 */
import { Keyword } from "../../core/values.ts";
import { event, handshakeEvent, pingEvent, pongEvent } from "./sente.ts";

export const lite = {
  subscribe: "sente-lite/subscribe",
  unsubscribe: "sente-lite/unsubscribe",
  subscribed: "sente-lite/subscribed",
  publish: "sente-lite/publish",
  channelMessage: "sente-lite/channel-msg",
  echo: "sente-lite/echo",
} as const;

/** The channel on which atoms travel. */
export const atomChannel = "atom-sync";

const wireVersion = "2.0.0";

export type LiteUp =
  | { readonly type: "subscribe" | "unsubscribe"; readonly channel: string }
  | { readonly type: "publish"; readonly channel: string; readonly data: unknown }
  | { readonly type: "ping" | "pong" | "malformed" }
  | { readonly type: "event"; readonly id: string; readonly data: unknown }
  /** Whatever else stands in an event's place. */
  | { readonly type: "bad-event"; readonly what: unknown; readonly id: unknown; readonly data: unknown };

/** What a peer said. */
export function readLite(message: unknown): LiteUp {
  if (!Array.isArray(message) || message.length === 0 || message.length > 2) return { type: "malformed" };
  const [id, data = null] = message as unknown[];
  const name = id instanceof Keyword ? id.name : "";
  switch (name) {
    case pingEvent:
      return { type: "ping" };
    case pongEvent:
      return { type: "pong" };
    case lite.subscribe:
    case lite.unsubscribe:
    case lite.publish: {
      const channel = field(data, "channel-id");
      if (typeof channel !== "string") return { type: "malformed" };
      if (name === lite.publish) return { type: "publish", channel, data: field(data, "data") ?? null };
      return { type: name === lite.subscribe ? "subscribe" : "unsubscribe", channel };
    }
    default:
      // The server's own messages are not for peers that know nothing of them: as they stand they would be obeyed.
      if (name.startsWith("sync/")) return { type: "bad-event", what: [message], id, data };
      return name.includes("/") ? { type: "event", id: name, data } : { type: "bad-event", what: message, id, data };
  }
}

function field(data: unknown, name: string): unknown {
  return typeof data === "object" && data !== null && Object.hasOwn(data, name)
    ? (data as Record<string, unknown>)[name]
    : undefined;
}

/** What was published on `atomChannel`: the atom's name and its whole value. Version and time are the sender's own affair. */
export function readAtomChange(data: unknown): { readonly atom: string; readonly value: unknown } | undefined {
  const id = field(data, "atom-id");
  const value = field(data, "value");
  return id instanceof Keyword && value !== undefined ? { atom: id.name, value } : undefined;
}

export function liteHandshake(uid: string): unknown {
  return event(handshakeEvent, [uid, null, { "sente-lite-version": wireVersion }, true]);
}

/** Answers a subscription and the end of one; `error` is its code. */
export function liteSubscribed(channel: string, error?: string): unknown {
  const success = error === undefined;
  return event(lite.subscribed, { "channel-id": channel, success, ...(!success && { error: new Keyword(error) }) });
}

export function liteChannelMessage(channel: string, data: unknown, from: string | null): unknown {
  return event(lite.channelMessage, { "channel-id": channel, data, from });
}

export function liteAtomMessage(atom: string, value: unknown, version: number, timestamp: number): unknown {
  return liteChannelMessage(atomChannel, { "atom-id": new Keyword(atom), value, version, timestamp }, null);
}

export function liteEcho(id: unknown, data: unknown, uid: string, timestamp: number): unknown {
  return event(lite.echo, { "original-event-id": id, "original-data": data, "conn-id": uid, timestamp });
}
