/**
 * The topics that an application holds, and the messages between them and the line.
 *
 * A topic is subscribed while somebody uses it and for `lingerMs` after. On every new line it says its position and goes on
 * from there; where the server cannot, a snapshot replaces the replica and readers are told so.
 * Always: a topic is held once per client; the values of at most 256 topics that nobody uses are kept.
 * Rules: docs/protocol.md SUB1-SUB19.
 */
import { SyncError } from "../core/errors.ts";
import type { Replica } from "../kind/kind.ts";
import type { Outcome } from "../session/callbacks.ts";
import { sync } from "../session/messages/sync.ts";
import { createHeld, type Held, type HeldHost } from "./held.ts";

const maxIdleValues = 256;

export interface ReplicasHost extends Pick<HeldHost, "env" | "unpack" | "lingerMs" | "maxSnapshotLength" | "ready" | "report"> {
  send(id: string, data: unknown, settle?: (outcome: Outcome) => void): void;
  /** The line is open, to a server that has no topics. */
  isPlain(): boolean;
  /** This line does not do what it should. */
  distrust(): void;
}

export interface Replicas {
  hold(topic: string, kind: string, create: () => Replica<unknown, never>): Held;
  /** A new line is ready: subscribe everything that is used. */
  start(): void;
  /** The line is gone. */
  stop(): void;
  /** Takes a `:sync/*` event; false: not for topics, or unreadable. */
  receive(message: string, data: unknown): boolean;
  /** Asks the server where it is, to find what got lost in silence. */
  checkPositions(): void;
}

const topicMessages: readonly string[] = [sync.entries, sync.snapshot, sync.gap, sync.end];

/** `rendered`: values and their positions by topic, as a server rendered them. */
export function createReplicas(
  host: ReplicasHost,
  rendered: readonly (readonly [topic: string, position: readonly [string, number], value: unknown])[],
): Replicas {
  const { env, send, ready } = host;
  const all = new Map<string, { readonly kind: string; readonly held: Held }>();
  const byId = new Map<unknown, Held>();
  const idle = new Set<Held>();
  const start = new Map(rendered.map(([topic, ...position]) => [topic, position]));
  const wanted = new Set<Held>();

  const subscribe = (): void => {
    const isPlain = host.isPlain();
    const asked = isPlain || ready() ? [...wanted].flatMap((held) => held.ask() ?? []) : [];
    wanted.clear();
    if (isPlain)
      for (const { answered } of asked) answered({ error: { code: "feature-not-supported", message: "A plain Sente server" } });
    if (isPlain || !asked.length) return;
    send(
      sync.subscribe,
      asked.map(({ item }) => item),
      (outcome) => {
        if (!outcome.ok || !Array.isArray(outcome.value)) return ready() ? host.distrust() : undefined;
        for (const [index, { answered }] of asked.entries()) answered(outcome.value[index]);
      },
    );
  };

  const heldHost: HeldHost = {
    ...host,
    /** Subscriptions asked for in one turn leave as one message. */
    want(held) {
      if (!ready() && !host.isPlain()) return;
      if (!wanted.size) env.endOfTurn(subscribe);
      wanted.add(held);
    },
    unsubscribe: (id) => send(sync.unsubscribe, [id]),
    named(held, id, before) {
      byId.delete(before);
      if (id) byId.set(id, held);
    },
    idle(held, isIdle) {
      idle.delete(held);
      if (!isIdle) return;
      idle.add(held);
      const [oldest] = idle;
      if (idle.size <= maxIdleValues || !oldest) return;
      idle.delete(oldest);
      oldest.forget();
    },
  };

  return {
    hold(topic, kind, create) {
      let known = all.get(topic);
      if (!known) {
        known = { kind, held: createHeld(heldHost, topic, kind, create(), start.get(topic)) };
        all.set(topic, known);
      }
      if (known.kind !== kind) throw new SyncError("invalid", `"${topic}" is a ${known.kind}.`);
      return known.held;
    },
    start() {
      for (const { held } of all.values()) if (held.used()) heldHost.want(held);
    },
    stop() {
      byId.clear();
      wanted.clear();
      for (const { held } of all.values()) held.lost();
    },
    receive(message, data) {
      if (!topicMessages.includes(message) || !Array.isArray(data)) return false;
      // Of a topic that was left meanwhile: nobody's any more.
      return byId.get(data[0])?.receive(message, data) ?? true;
    },
    checkPositions() {
      const asked = [...byId.values()].flatMap((held) => {
        const position = held.position();
        return position ? [position] : [];
      });
      if (!asked.length) return;
      send(sync.position, asked, (outcome) => {
        if (!outcome.ok || !Array.isArray(outcome.value)) return;
        for (const [id, offset] of outcome.value as [number, number][]) byId.get(id)?.compare(offset);
      });
    },
  };
}
