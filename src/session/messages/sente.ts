/**
 * Sente's own messages. Every packed unit, both ways, is a vector `[value cb]`; `cb` is nil or a callback id.
 *
 *   up    [[id data] cb]                           an event; cb asks for a reply
 *         [[:chsk/ws-ping] cb]  [[:chsk/ws-pong] nil]
 *   down  [[:chsk/handshake [uid nil data]] nil]   first; to a peer that asked with sync=1: [uid nil data {:v 1}]
 *         [:chsk/ws-ping nil]                      a bare keyword
 *         [value cb]                               a reply; ["pong" cb] to a ping
 *         [[event event …] nil]                    a batch of pushed events
 *
 * Always: reading never throws; what fits no form is told as `bad-event` or `malformed`.
 * Rules: docs/protocol.md WRAP1-WRAP4, HAND1-HAND4, EVENT1-EVENT4, PING1-PING7. Source: Sente 1.21.0 as recorded in test/conformance/vectors.
 */
import { Keyword } from "../../core/values.ts";

export const pingEvent = "chsk/ws-ping";
export const pongEvent = "chsk/ws-pong";
export const handshakeEvent = "chsk/handshake";
export const anonymousUid: Keyword = new Keyword("sente/nil-uid");

/** The wrapper; the nil is always sent. */
export function wrap(value: unknown, callback?: unknown): unknown[] {
  return [value, callback ?? null];
}

export function event(id: string, data?: unknown): unknown[] {
  return data === undefined ? [new Keyword(id)] : [new Keyword(id), data];
}

export type Up =
  | { readonly type: "event"; readonly id: string; readonly data: unknown; readonly callback: unknown }
  | { readonly type: "ping"; readonly callback: unknown }
  | { readonly type: "pong" }
  | { readonly type: "bad-event"; readonly what: unknown; readonly callback: unknown }
  | { readonly type: "malformed" };

/** What a client said. */
export function readUp(message: unknown): Up {
  if (!Array.isArray(message) || message.length === 0 || message.length > 2) return { type: "malformed" };
  const what: unknown = message[0];
  // Clojure's truth: an id is anything but nil and false.
  const callback: unknown = message[1] === false ? null : (message[1] ?? null);
  if (Array.isArray(what) && what.length > 0 && what.length <= 2 && what[0] instanceof Keyword) {
    const id = what[0].name;
    if (id === pingEvent) return { type: "ping", callback };
    if (id === pongEvent) return { type: "pong" };
    if (id.includes("/")) return { type: "event", id, data: what[1] ?? null, callback };
  }
  return { type: "bad-event", what, callback };
}

export interface PushedEvent {
  readonly id: string;
  readonly data: unknown;
}

export type Down =
  | { readonly type: "handshake"; readonly uid: unknown; readonly data: unknown; readonly version: number }
  | { readonly type: "ping" }
  | { readonly type: "reply"; readonly callback: string; readonly value: unknown }
  | { readonly type: "events"; readonly events: readonly PushedEvent[] }
  | { readonly type: "malformed" };

/** What a server said, in Sente's order of tests. `version` is 0 for a server that knows no `:sync`. */
export function readDown(message: unknown): Down {
  if (!Array.isArray(message) || message.length === 0 || message.length > 2) return { type: "malformed" };
  const [what, callback] = message as [unknown, unknown];
  const head = Array.isArray(what) ? what[0] : undefined;
  if (head instanceof Keyword && head.name === handshakeEvent) {
    const [uid, , data, sync] = Array.isArray((what as unknown[])[1]) ? ((what as unknown[])[1] as unknown[]) : [];
    const version = (sync as { v?: unknown } | undefined)?.v;
    return { type: "handshake", uid, data: data ?? null, version: typeof version === "number" ? version : 0 };
  }
  if (what instanceof Keyword && what.name === pingEvent) return { type: "ping" };
  if (typeof callback === "string") return { type: "reply", callback, value: what };
  if (!Array.isArray(what)) return { type: "malformed" };
  const events: PushedEvent[] = [];
  for (const pushed of what as unknown[]) {
    if (!Array.isArray(pushed) || !(pushed[0] instanceof Keyword)) return { type: "malformed" };
    events.push({ id: pushed[0].name, data: pushed[1] ?? null });
  }
  return { type: "events", events };
}

/** The reply that stands for an error, sent only to peers that said hello: `[:sync/error {:code … :message …}]`. */
export const errorEvent = "sync/error";

/** The error in a reply value, or nothing if it is an ordinary one. */
export function readErrorReply(value: unknown): unknown {
  return Array.isArray(value) && value[0] instanceof Keyword && value[0].name === errorEvent ? (value[1] ?? {}) : undefined;
}
