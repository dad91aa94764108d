/**
 * Histories of one room: pages join, show, broadcast and leave, and everything breaks: lines, pages, the server. What they are held to is
 * said here: who is there is who joined, once each, with what it shows; nobody is gone and back for a line that was soon up again.
 *
 * Always: the options of a seed are drawn before anything runs; what is drawn here is limits and timings, faults are `simulate`'s.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE26; docs/reliability.md 3.11 of the goals.
 */
import { defineRoom, type } from "sente-sync";
import { type Client, type Presence, presence as presenceOn } from "sente-sync/client";
import { presence, type Server, type ServerRoom } from "sente-sync/server";
import { createRng, type SimulatedClient, type SimulateOptions, type VirtualClock, type World } from "sente-sync/testing";

interface Shown {
  /** Which page of which life: what has it twice is there twice. */
  readonly page: string;
  readonly count: number;
}

const events = { said: type<number>() };
const roomRef = defineRoom("room", { schema: type<Shown>(), events });
type Handle = Presence<Shown, Shown, typeof events>;

/** A page in one life. */
class Page {
  readonly name: string;
  readonly client: Client;
  readonly #model: Model;
  readonly #looks: Handle;
  #joined: Handle | undefined;
  #count = 0;
  #said = 0;
  /** Since when it is a member without a break of its own making. */
  joinedMs = 0;
  /** How often this page said goodbye, by leaving or with a line that it closed to open another: the server may let it go so often. */
  goodbyes = 0;
  /** By page, the last that was heard of it. */
  readonly #heard = new Map<string, number>();
  /** Who was in the view last. */
  #seen: readonly string[] = [];
  /** By page, how often it went from this view. */
  readonly #went = new Map<string, number>();

  constructor(client: Client, model: Model, { name, lives }: SimulatedClient<unknown>) {
    this.name = `${name}.${lives}`;
    this.client = client;
    this.#model = model;
    this.#looks = presenceOn(client, roomRef);
    client.on("disconnect", ({ reason }) => reason === "requested-reconnect" && this.goodbyes++);
    this.#looks.members.subscribe((members) => this.#look(members.map(({ data }) => data.page)));
    this.#looks.on("said", ({ data, from }) => {
      // Who broadcast and was gone at once is nobody any more.
      if (!from) return;
      const { page } = from.data;
      const last = this.#heard.get(page) ?? 0;
      if (data <= last) model.fail(`${this.name} heard ${data} of ${page} after ${last}`);
      this.#heard.set(page, data);
      model.reached("a broadcast heard");
    });
    this.join();
  }

  get shown(): string | undefined {
    return this.#joined && `${this.name}:${this.#count}`;
  }

  get view(): string {
    const members = this.#looks.members.get().map(({ data, status }) => `${data.page}:${data.count} ${status}`);
    return members.sort().join(", ");
  }

  join(): void {
    if (this.#joined) return;
    this.joinedMs = this.#model.clock.nowMs;
    this.#joined = presenceOn(this.client, roomRef, { page: this.name, count: this.#count });
  }

  leave(): void {
    if (!this.#joined) return;
    this.goodbyes++;
    this.#joined.close();
    this.#joined = undefined;
  }

  set(): void {
    this.#joined?.set({ count: ++this.#count });
  }

  say(): void {
    this.#joined?.broadcast("said", ++this.#said);
  }

  /** Nobody goes from a view more often than the server had let it go. */
  #look(pages: readonly string[]): void {
    if (new Set(pages).size < pages.length) this.#model.fail(`${this.name} sees somebody twice: ${pages.join(", ")}`);
    if (this.#looks.stale.get()) return;
    for (const page of this.#seen) {
      if (pages.includes(page)) continue;
      const times = (this.#went.get(page) ?? 0) + 1;
      this.#went.set(page, times);
      if (times > this.#model.goneTimes(page)) this.#model.fail(`${page} vanished from the view of ${this.name}, and was there`);
    }
    this.#seen = pages;
  }
}

export class Model {
  readonly clock: VirtualClock;
  readonly graceMs: number;
  readonly states: Record<string, number> = {};
  readonly pages: Map<string, Page> = new Map();
  failure: string | undefined;
  #serverLives = 0;
  readonly #gone = new Map<string, number>();
  /** Of the server: who is there, and since when its line is lost. */
  #there = new Map<string, number | undefined>();

  constructor(clock: VirtualClock, graceMs: number) {
    this.clock = clock;
    this.graceMs = graceMs;
    clock.onCrash((node) => {
      if (node === "server") {
        this.#serverLives++;
        this.#there = new Map();
      } else this.pages.delete(node);
    });
  }

  fail(what: string): void {
    this.failure ??= what;
  }

  reached(state: string, times = 1): void {
    if (times > 0) this.states[state] = (this.states[state] ?? 0) + times;
  }

  /** How often the server let it go, or died. */
  goneTimes(page: string): number {
    return this.#serverLives + (this.#gone.get(page) ?? 0);
  }

  /** What the server has, between any two steps. */
  sample(room: ServerRoom<Shown, typeof events>): void {
    const members = room.members.get();
    const now = new Map<string, number | undefined>();
    for (const { data, status } of members) {
      if (now.has(data.page)) this.fail(`the server has ${data.page} twice`);
      const before = this.#there.get(data.page);
      now.set(data.page, status === "reconnecting" ? (before ?? this.clock.nowMs) : undefined);
    }
    for (const [page, lostMs] of this.#there) {
      if (now.has(page)) continue;
      this.#gone.set(page, (this.#gone.get(page) ?? 0) + 1);
      const alive = [...this.pages.values()].find(({ name }) => name === page);
      // Who never left and was waited for long enough may be gone; who was not is gone too early.
      const waitedMs = lostMs === undefined ? 0 : this.clock.nowMs - lostMs;
      if (!alive) continue;
      const isAsked = lostMs === undefined && alive.goodbyes > 0;
      if (isAsked) alive.goodbyes--;
      if (isAsked || alive.shown === undefined || alive.joinedMs > this.clock.nowMs - this.graceMs) continue;
      if (waitedMs < this.graceMs - 1) this.fail(`${page} was gone after ${waitedMs} ms`);
      else this.reached("the grace was over");
    }
    this.#there = now;
  }
}

type App = ServerRoom<Shown, typeof events>;
export type History = SimulateOptions<App, Page, Model>;

/** What is not as it should be when all is quiet. */
function unsettled({ clients, server, model }: World<App, Page, Model>): string | undefined {
  if (model.failure) throw new Error(model.failure);
  const truth = clients
    .flatMap(({ app }) => (app.shown === undefined ? [] : [`${app.shown} online`]))
    .sort()
    .join(", ");
  const members = server.app.members.get().map(({ data, status }) => `${data.page}:${data.count} ${status}`);
  const held = members.sort().join(", ");
  if (held !== truth) return `the server has [${held}], there are [${truth}]`;
  for (const { app } of clients) if (app.view !== truth) return `${app.name} sees [${app.view}], there are [${truth}]`;
  return undefined;
}

export function history(seed: number, more: Partial<History> = {}): History {
  const rng = createRng(seed).fork("presence");
  const graceMs = rng.pick([500, 2500, 5000]);
  return {
    seed,
    clients: rng.pick([2, 3, 5]),
    user: (index) => ({ id: `user${index >> 1}` }),
    ops: 60,
    model: (clock) => new Model(clock, graceMs),
    install: (sync: Server, model) => {
      const room = presence(sync, roomRef, { graceMs });
      model.sample(room);
      return room;
    },
    server: { keepalive: { keepaliveMs: rng.pick([2000, 10_000]), pingTimeoutMs: 1000 } },
    client: { reconnect: { keepaliveMs: rng.pick([2000, 10_000]), pingTimeoutMs: 1000, maxDelayMs: rng.pick([300, 3000]) } },
    open(client, { model, page }) {
      const own = new Page(client, model, page);
      model.pages.set(page.name, own);
      return own;
    },
    workload: {
      set: ({ client }) => client.app.set(),
      again: ({ client }) => client.app.set(),
      say: ({ client }) => client.app.say(),
      join: ({ client }) => client.app.join(),
      leave: ({ client, rng: own }) => own.chance(0.5) && client.app.leave(),
    },
    always: ({ server, model }) => {
      if (server.isUp) model.sample(server.app);
    },
    unsettled,
    settleWithin: "60s",
    after({ server, model }) {
      const { returned, joined } = server.app.counters;
      model.reached("came back in the grace", returned);
      model.reached("joined", joined);
    },
    ...more,
  };
}
