/**
 * All channels of a pattern as one: a derived channel, `room/*` for `room/:id`, with an order and an epoch of its own.
 *
 * Its entries are those of its channels and say whose they are: `[event data from topic offset]`. They are in memory only, from the
 * first reader on; when nobody has read it for the grace that sessions have, it is forgotten, and begins a new epoch with the next one.
 * Always: events of one channel keep their order; under `each` nobody is given an event whose channel he may not read as it comes.
 * Rules: docs/protocol/channels.md CHANNEL17-CHANNEL22.
 */
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { isWithin, paramsOf, wildcardPatterns } from "../core/wildcard.ts";
import type { ChannelEntry } from "../kind/channel.ts";
import type { LogRecord, Retention } from "../topic/log.ts";
import { createMemoryLog } from "../topic/memory-log.ts";
import { ownBudget } from "../wire/packer.ts";
import type { ServerCore } from "./core.ts";
import { type Authorize, ask } from "./grants.ts";
import type { Hosted } from "./hosted.ts";
import type { Topic } from "./topic.ts";

export type Wildcards = "whole" | "each";

export interface WildcardHost {
  heard(name: string, first: number, records: readonly LogRecord[]): void;
}

/** What one topic of entries, or one user's of them, is. */
interface Derived {
  readonly topic: Topic;
  /** Whose; undefined: everybody's. */
  user: User | undefined;
  /** Nobody has read it since; 0: somebody does. */
  idleSinceMs: number;
}

export function createWildcards(
  core: ServerCore,
  pattern: string,
  mode: Wildcards,
  { authorize, retention }: { readonly authorize?: Authorize; readonly retention?: Partial<Retention> },
): WildcardHost {
  const { topics, env, kept, limits } = core;
  /** Those that are open, by name. */
  const open = new Map<string, Map<string, Derived>>();

  const create = (name: string): Topic =>
    topics.create({ name, kind: "channel", catchUp: "gap", retention, snapshot: () => undefined }, createMemoryLog(env)) as Topic;

  const host = (name: string): Hosted => {
    const derived = new Map<string, Derived>();
    const whole: Derived = { topic: create(name), user: undefined, idleSinceMs: 0 };
    if (mode === "whole") derived.set("", whole);
    open.set(name, derived);
    const close = (): void => {
      open.delete(name);
      for (const { topic } of derived.values()) topic.close();
    };
    // What was heard is in memory alone.
    const isBusy = (): boolean => [...derived.values()].some(({ topic }) => topic.head > 0);
    if (mode === "whole") return { topic: whole.topic, isBusy, close };
    return {
      topic: whole.topic,
      isBusy,
      viewFor(user) {
        const known = derived.get(user.id);
        const own = known ?? { topic: create(`${name}?user=${encodeURIComponent(user.id)}`), user, idleSinceMs: 0 };
        own.user = user;
        derived.set(user.id, own);
        return own.topic;
      },
      views: () => [...derived.values()].map(({ topic }) => topic),
      close,
    };
  };
  for (const wildcard of wildcardPatterns(pattern)) {
    topics.declare({ kind: "channel", pattern: wildcard, authorize, writeAction: "publish", host });
  }

  const isIdle = (derived: Derived, nowMs: number): boolean => {
    if (derived.topic.subscriptions.size) derived.idleSinceMs = 0;
    else derived.idleSinceMs ||= nowMs;
    return derived.idleSinceMs !== 0 && nowMs - derived.idleSinceMs > limits.sessionGraceMs;
  };

  /** Forgets what nobody reads. */
  const forget = (name: string, all: Map<string, Derived>, nowMs: number): void => {
    for (const [key, derived] of all) {
      if (!isIdle(derived, nowMs)) continue;
      derived.topic.close();
      all.delete(key);
    }
    if (!all.size) topics.delete(name, "deleted");
  };

  const mayRead = (user: User, topic: string): boolean => {
    const request = { user, action: "read", kind: "channel", topic, params: paramsOf(pattern, topic) } as const;
    const allowed = ask([core.authorize, authorize], request, (error) => core.report(error, topic));
    if (allowed instanceof Promise) {
      core.report(new SyncError("unsupported", "Wildcards by `each` need an `authorize` that answers at once."), topic);
      return false;
    }
    return allowed;
  };

  return {
    heard(name, first, records) {
      if (!open.size) return;
      const nowMs = env.monotonicMs();
      const matching = [...open].filter(([wildcard]) => isWithin(wildcard, name));
      for (const [wildcard, all] of matching) forget(wildcard, all, nowMs);
      const readers = matching.flatMap(([, all]) => [...all.values()]).filter(({ user }) => !user || mayRead(user, name));
      if (!readers.length) return;
      const entries = records.map(({ entry }, index) => {
        const [event, data, from] = kept.unpack(entry, ownBudget) as ChannelEntry;
        return { entry: topics.pack([event, data, from, name, first + index]) };
      });
      for (const { topic } of readers) void topics.append(topic, entries);
    },
  };
}
