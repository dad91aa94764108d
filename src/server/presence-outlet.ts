/**
 * One topic of a room: what its readers were told, and what they are told next. What changes is gathered and told as one entry: at the end
 * of the turn, but not more often than each 20 ms, and the more readers there are, the less often.
 *
 * Always: a member's changes of one gathering become one item, or none where it is as it was told; the snapshot is what was told.
 * Rules: docs/protocol/presence.md PRESENCE15-PRESENCE18.
 */
import type { Timer } from "../core/env.ts";
import { type Member, type PresenceEntry, type PresenceItem, PresenceState, type Stage } from "../kind/presence.ts";
import { event } from "../session/messages/sente.ts";
import { sync } from "../session/messages/sync.ts";
import { equalValues } from "../wire/equal.ts";
import type { ServerCore } from "./core.ts";
import type { Framer } from "./frames.ts";
import type { Topic } from "./topic.ts";

/** A reader that is further behind gets the members as they are, not what happened. */
const retention = { maxEntries: 256, maxBytes: 256 * 1024 };
const minSpacingMs = 20;
/** What all readers of one topic are told in a second, together. */
const framesPerSecond = 20_000;

/** A member as it is to be told; nothing: it is gone. */
type Shown = Pick<Member, "user" | "data" | "status"> | undefined;

export class Outlet {
  readonly topic: Topic;
  readonly state: PresenceState = new PresenceState();
  readonly #core: ServerCore;
  readonly #changed = new Map<string, Shown>();
  /** Of those that are told elsewhere from now on. */
  readonly #moved = new Set<string>();
  #events: PresenceItem[] = [];
  #stage: Stage | undefined;
  #count: number | undefined;
  /** By member and event, the newest. */
  #lossy = new Map<string, readonly [id: string | null, event: string, data: unknown]>();
  #isDue = false;
  #timer: Timer | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(core: ServerCore, name: string, answer: () => object) {
    this.#core = core;
    this.topic = core.topics.create({
      name,
      kind: "presence",
      catchUp: "snapshot",
      retention,
      snapshot: () => this.state.snapshot(),
      answer,
    }) as Topic;
  }

  /** That member is so now. */
  show(id: string, shown: Shown, isMoved = false): void {
    // Last to change, last to be told: the order of an entry is the order in which they came.
    this.#changed.delete(id);
    this.#changed.set(id, shown);
    if (isMoved) this.#moved.add(id);
    this.#later();
  }

  setStage(stage: Stage): void {
    this.#stage = stage;
    this.#later();
  }

  setCount(count: number): void {
    this.#count = count;
    this.#later();
  }

  /** Told behind what changed before, at the end of this turn. */
  tell(from: string | null, name: string, data: unknown): void {
    this.#events.push(["told", from, name, data]);
    this.#soon();
  }

  /** Told at the end of this turn, to those whose sockets are not full, the newest of that member and event alone. */
  tellLossy(from: string | null, name: string, data: unknown): void {
    if (!this.#lossy.size) this.#core.delivery.beforeFlush(() => this.#flushLossy());
    this.#lossy.set(`${from} ${name}`, [from, name, data]);
  }

  /** All that happened is told. */
  get isQuiet(): boolean {
    return !this.#isDue && this.#timer === undefined && !this.#lossy.size;
  }

  close(): void {
    if (this.#timer !== undefined) this.#core.env.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #later(): void {
    if (this.#isDue || this.#timer !== undefined) return;
    const { env } = this.#core;
    const spacingMs = Math.max(minSpacingMs, (this.topic.subscriptions.size * 1000) / framesPerSecond);
    const waitMs = this.#lastMs + spacingMs - env.monotonicMs();
    if (waitMs <= 0) return this.#soon();
    this.#timer = env.setTimer(() => {
      this.#timer = undefined;
      this.#soon();
    }, waitMs);
  }

  #soon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#core.delivery.beforeFlush(() => this.#commit());
  }

  #commit(): void {
    this.#isDue = false;
    this.close();
    if (this.topic.isClosed) return;
    const items: PresenceItem[] = [];
    for (const [id, shown] of this.#changed) {
      const item = itemOf(id, this.state.byId.get(id), shown, this.#moved.has(id));
      if (item) items.push(item);
    }
    this.#changed.clear();
    this.#moved.clear();
    if (this.#stage && !equalValues(this.#stage, this.state.stage))
      items.push(["stage", this.#stage.presenter, this.#stage.value]);
    this.#stage = undefined;
    if (this.#count !== undefined && this.#count !== this.state.count) items.push(["count", this.#count]);
    items.push(...this.#events);
    this.#events = [];
    if (!items.length) return;
    const { env, topics, report } = this.#core;
    this.#lastMs = env.monotonicMs();
    const entry: PresenceEntry = [Math.floor(env.nowMs()), ...items];
    try {
      const packed = topics.pack(entry);
      this.state.apply(entry);
      void topics.append(this.topic, [{ entry: packed }]);
    } catch (error) {
      report(error, this.topic.name);
    }
  }

  #flushLossy(): void {
    const told = [...this.#lossy.values()];
    this.#lossy.clear();
    const batches = new Map<Framer, ReturnType<Framer["batch"]>>();
    for (const { connection, state } of this.topic.subscriptions) {
      if (state === "held") continue;
      const { framer } = connection;
      let batch = batches.get(framer);
      if (!batch) {
        batch = framer.batch(told.map((each) => framer.piece(event(sync.told, [this.topic.id, ...each]))));
        batches.set(framer, batch);
      }
      connection.lossy(batch);
    }
  }
}

/** What makes `before` what is shown now. */
function itemOf(id: string, before: Member | undefined, shown: Shown, isMoved: boolean): PresenceItem | undefined {
  if (!shown) return before && (isMoved ? ["out", id, true] : ["out", id]);
  const { user, data, status } = shown;
  if (!before || !equalValues(before.user, user)) return ["in", id, user, data, status];
  const now = data as { readonly [key: string]: unknown };
  const then = before.data as { readonly [key: string]: unknown };
  const changed = Object.entries(now).filter(([key, value]) => !Object.hasOwn(then, key) || !equalValues(value, then[key]));
  const removed = Object.keys(then).filter((key) => !Object.hasOwn(now, key));
  if (!changed.length && !removed.length && status === before.status) return undefined;
  return ["set", id, Object.fromEntries(changed), removed, status];
}
