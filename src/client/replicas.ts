/**
 * The topics that an application holds, and the messages between them and the line.
 *
 * A topic is subscribed while somebody uses it and for `lingerMs` after. On every new line it says its position and goes on
 * from there; where the server cannot, a snapshot replaces the replica and readers are told so.
 * Always: a topic is held once per client; the values of at most 256 topics that nobody uses are kept.
 * Rules: docs/protocol.md SUB1-SUB20.
 */
import { every } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { Replica } from "../kind/kind.ts";
import type { ClientCore, SessionPart } from "./client.ts";
import { createHeld, type Held, type HeldHost, type TopicMessage } from "./held.ts";

export interface Replicas extends SessionPart {
  readonly all: ReadonlyMap<string, Held>;
  hold(topic: string, kind: string, create?: () => Replica<unknown, never>): Held;
  /** A new line is ready: subscribe everything that is used. A plain Sente server has no topics. */
  start(isPlain: boolean): void;
}

const topicMessages = /^sync\/(entries|snapshot|gap|end)$/;

const plainServer = { code: "feature-not-supported", message: "A plain Sente server" };

/** `rendered`: values and their positions by topic, as a server rendered them. */
export function createReplicas(
  core: ClientCore,
  positionMs: number,
  rendered: readonly (readonly [topic: string, position: readonly [string, number], value: unknown])[],
): Replicas {
  const all = new Map<string, Held>();
  const byId = new Map<number, Held>();
  const beginnings = new Map(rendered.map(([topic, ...beginning]) => [topic, beginning]));
  const wanted = new Set<Held>();
  /** Who is told what the reply had a number in the place of. */
  const late = new Map<unknown, (value: unknown) => void>();
  let plain = false;
  /** Ends the position checks of the line; undefined while there is none. */
  let stop: (() => void) | undefined;

  /** Subscriptions asked for in one turn leave as one message. */
  const want = (held: Held): void => {
    if (!stop) return;
    if (!wanted.size) core.env.endOfTurn(subscribe);
    wanted.add(held);
  };
  const subscribe = (): void => {
    const asked = [...wanted].flatMap((held) => held.ask());
    wanted.clear();
    const answer = (items?: readonly unknown[]): void => {
      for (const [index, [, answered]] of asked.entries()) {
        const item = items ? items[index] : { error: plainServer };
        if (typeof item === "number") late.set(item, answered);
        else answered(item);
      }
    };
    if (plain) return answer();
    if (!asked.length) return;
    const items = asked.map(([item]) => item);
    core.send("sync/subscribe", items, (_, value) => (Array.isArray(value) ? answer(value) : core.distrust()));
  };
  /** Asks the server where it is, to find what got lost in silence. */
  const check = (): void => {
    const asked = [...byId.values()].flatMap((held) => held.position());
    if (!asked.length) return;
    core.send("sync/position", asked, (_, value) => {
      if (Array.isArray(value)) for (const [id, offset] of value as [number, number][]) byId.get(id)?.compare(offset);
    });
  };
  const host: HeldHost = { ...core, byId, idle: new Set(), want };

  return {
    all,
    hold(topic, kind, create) {
      const held = all.get(topic) ?? createHeld(host, topic, kind, create?.(), beginnings.get(topic));
      all.set(topic, held);
      if (held.kind !== kind) throw new SyncError("invalid", `"${topic}" is a ${held.kind}.`);
      // It was only written until now.
      held.replica ??= create?.();
      return held;
    },
    start(isPlain) {
      plain = isPlain;
      stop = every(core.env, positionMs, check);
      for (const held of all.values()) want(held);
    },
    receive(message, data) {
      if (!Array.isArray(data)) return false;
      const [id, second] = data as unknown[];
      if (message === "sync/subscribed") {
        late.get(id)?.(second);
        return late.delete(id);
      }
      if (!topicMessages.test(message)) return false;
      // Of a topic that was left meanwhile: nobody's any more.
      return byId.get(id as number)?.receive(message as TopicMessage, data) ?? true;
    },
    lost() {
      stop?.();
      stop = undefined;
      wanted.clear();
      late.clear();
      for (const held of all.values()) held.lost();
      byId.clear();
    },
  };
}
