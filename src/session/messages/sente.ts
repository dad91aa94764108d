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
 * Always: reading never throws; what fits no form is told as `bad-event` or `malformed`, or not heard and answered with false.
 * Rules: docs/protocol.md WRAP1-WRAP4, HAND1-HAND4, EVENT1-EVENT4, PING1-PING7. Source: Sente 1.21.0 as recorded in test/conformance/vectors.
 */
import { fromWireError, type SyncError } from "../../core/errors.ts";
import { Keyword } from "../../core/values.ts";

export const pingEvent = "chsk/ws-ping";
export const pongEvent = "chsk/ws-pong";
export const handshakeEvent = "chsk/handshake";
export const anonymousUid: Keyword = /* @__PURE__ */ new Keyword("sente/nil-uid");

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

/** Who hears what a server said. */
export interface DownListener {
  /** `version` is 0 for a server that knows no `:sync`. */
  handshake(uid: unknown, data: unknown, version: number): void;
  ping(): void;
  reply(callback: string, value: unknown): void;
  /** Once for each pushed event of a batch. */
  event(id: string, data: unknown): void;
}

/** The id of what has the form of an event. */
function idOf(value: unknown): string | undefined {
  return Array.isArray(value) && value[0] instanceof Keyword ? value[0].name : undefined;
}

/** Tells `listener` what a server said, in Sente's order of tests; false: malformed, and nothing of it is told. */
export function readDown(message: unknown, listener: DownListener): boolean {
  if (!Array.isArray(message) || message.length === 0 || message.length > 2) return false;
  const [what, callback] = message as [unknown, unknown];
  if (idOf(what) === handshakeEvent) {
    const { 1: handshake } = what as unknown[];
    const [uid, , data, sync] = Array.isArray(handshake) ? (handshake as unknown[]) : [];
    const version = (sync as { v?: unknown } | undefined)?.v;
    listener.handshake(uid, data ?? null, typeof version === "number" ? version : 0);
  } else if (idOf(message) === pingEvent) listener.ping();
  else if (typeof callback === "string") listener.reply(callback, what);
  else {
    if (!Array.isArray(what) || what.some((pushed) => idOf(pushed) === undefined)) return false;
    for (const [id, data] of what as [Keyword, unknown][]) listener.event(id.name, data ?? null);
  }
  return true;
}

/** The reply that stands for an error, sent only to peers that said hello: `[:sync/error {:code … :message …}]`. */
export const errorEvent = "sync/error";

/** The error that a reply is, or nothing if it is an ordinary one. */
export function readErrorReply(value: unknown): SyncError | undefined {
  return idOf(value) === errorEvent ? fromWireError((value as unknown[])[1]) : undefined;
}
