/**
 * Histories of one durable channel: clients and server publish, pages read, and everything breaks: lines, pages, the server, its disk.
 *
 * Always: the options of a seed are drawn before anything runs; what is drawn here is limits and timings, faults are `simulate`'s.
 * Rules: docs/reliability.md DURABLE1-DURABLE8.
 */
import { defineChannel, isSyncError, type } from "sente-sync";
import { type Client, type ClientChannel, channel as clientChannel, rejectedWrites } from "sente-sync/client";
import { edn } from "sente-sync/packers/edn";
import { channel, type Server, type ServerChannel } from "sente-sync/server";
import { createRng, type SimulatedClient, type SimulateOptions, type VirtualClock } from "sente-sync/testing";
import { ownBudget } from "../../src/wire/packer.ts";
import { ChannelChecker, type Level } from "./channel-checker.ts";
import { impersonate } from "./impostor.ts";
import { drawLimits } from "./limits.ts";
import { Notes } from "./notes.ts";
import { onError } from "./reports.ts";

const events = { said: type<{ id: string; pad: string }>() };
export const roomRef = defineChannel("room", { events });
type Room = ClientChannel<typeof events>;

export class ChannelModel {
  readonly notes: Notes = new Notes();
  readonly checker: ChannelChecker;
  readonly clock: VirtualClock;
  /** By client, what its page in its present life reads. */
  readonly pages: Map<string, ChannelPage> = new Map();
  impostors = 0;
  readonly writesAtOnce: boolean;
  #repeatedWrites = 0;
  /** What servers published and were not told of yet. */
  readonly servers: Set<Write> = new Set();

  constructor(level: Level, clock: VirtualClock, mayForget: boolean) {
    this.clock = clock;
    this.writesAtOnce = clock.rng.fork("writes at once").chance(0.3);
    this.checker = new ChannelChecker(this.notes, level, () => clock.nowMs);
    this.checker.mayForget = mayForget;
    clock.onCrash((node) => {
      if (node === "server") {
        this.checker.endLife();
        for (const write of this.servers) write.orphaned();
        this.servers.clear();
      } else this.pages.get(node)?.vanish();
    });
  }

  /** Between any two steps. */
  sample({ repeatedWrites }: { readonly repeatedWrites: number }): void {
    this.notes.reached("a retry that was stored before", Math.max(0, repeatedWrites - this.#repeatedWrites));
    this.#repeatedWrites = repeatedWrites;
  }
}

/** What the page's storage has now: events, and whether each has its number. */
function keptBy({ store }: SimulatedClient<unknown>): { readonly id: string; readonly isNumbered: boolean }[] {
  const lines = (store?.text ?? "").split("\n").filter((line) => line.includes("said"));
  return lines.map((line) => {
    const [, , op, , , seq] = rows.unpack(line, ownBudget) as [
      unknown,
      unknown,
      [string, { id: string }],
      unknown,
      unknown,
      number,
    ];
    return { id: op[1].id, isNumbered: seq > 0 };
  });
}

const rows = edn();

type Reader = ReturnType<ChannelChecker["reader"]>;
type Write = ReturnType<ChannelChecker["write"]>;

/** One page in one life. */
export class ChannelPage {
  readonly room: Room;
  readonly #model: ChannelModel;
  readonly #writer: string;
  readonly #main: Reader;
  readonly #unsettled = new Set<Write>();
  readonly #others = new Map<number, () => void>();
  #count = 0;

  readonly #page: SimulatedClient<unknown>;

  constructor(client: Client, model: ChannelModel, page: SimulatedClient<unknown>) {
    this.room = clientChannel(client, roomRef);
    this.#model = model;
    this.#page = page;
    const { name } = page;
    this.#writer = `${name}.${page.lives}`;
    client.on("resume", ({ recovered }) => recovered && model.notes.reached("a session gone on with"));
    rejectedWrites(client).listen((list) => {
      for (const { op } of list) model.checker.refused((op as [string, { id: string }])[1].id);
    });
    this.#main = this.#read(1, "main").reader;
    model.pages.set(name, this);
    // Before the line is there.
    if (model.writesAtOnce) this.publish(1, "");
  }

  /** Where pages write before their lines are there, only one of them writes again: so nothing pushes on what was left lying. */
  publishLater(count: number, pad: string): void {
    if (!this.#model.writesAtOnce || this.#page.name === "client0") this.publish(count, pad);
  }

  publish(count: number, pad: string): void {
    for (let i = 0; i < count; i++) {
      const id = `${this.#writer}#${++this.#count}`;
      publishing(this.#model, id, this.room.publish("said", { id, pad }), this.#unsettled);
    }
  }

  /** A second reader, or its end. */
  toggle(slot: number, from: number): void {
    const end = this.#others.get(slot);
    if (end) {
      end();
      this.#others.delete(slot);
    } else this.#others.set(slot, this.#read(from, `reader${slot}`).stop);
  }

  get pending(): number {
    return this.#unsettled.size;
  }

  isAt(offset: number): boolean {
    return this.#main.isAt(offset);
  }

  vanish(): void {
    for (const write of this.#unsettled) write.orphaned();
    this.#unsettled.clear();
    for (const { id } of keptBy(this.#page)) this.#model.checker.kept(id);
  }

  #read(from: number, slot: string): { reader: Reader; stop: () => void } {
    const reader = this.#model.checker.reader(`${this.#writer} ${slot}`, from);
    const stop = this.room.subscribe(({ data, offset }) => reader.told(offset, data.id), { from, onGap: reader.gap });
    return { reader, stop };
  }
}

/** Follows a write to its answer. */
function publishing(
  { checker }: ChannelModel,
  id: string,
  receipt: { readonly stored: Promise<unknown>; readonly offset?: number | undefined },
  unsettled: Set<Write>,
): void {
  const write = checker.write(id);
  unsettled.add(write);
  const settled = (status: "stored" | "rejected", offset?: number, code?: string): void => {
    unsettled.delete(write);
    write.settled(status, offset, code);
  };
  receipt.stored.then(
    (offset) => settled("stored", typeof offset === "number" ? offset : receipt.offset),
    (error: unknown) => settled("rejected", undefined, isSyncError(error) ? error.code : String(error)),
  );
}

export interface InstalledChannel {
  readonly room: ServerChannel<typeof events>;
  readonly life: number;
  published: number;
}

function install(sync: Server, model: ChannelModel, level: Level, retention: { maxEntries?: number }): InstalledChannel {
  const life = model.checker.beginLife();
  const room = channel(sync, roomRef, { durability: level, retention });
  room.subscribe(({ data, offset }) => model.checker.told(life, offset, data.id));
  return { room, life, published: 0 };
}

/** What `simulate` is to run for that seed. */
export function channelHistory(
  seed: number | string,
  level: Level,
): SimulateOptions<InstalledChannel, ChannelPage, ChannelModel> {
  const rng = createRng(`channel/${level}/${seed}`);
  const limits = drawLimits(rng.fork("limits"));
  const retention = rng.chance(0.3) ? { maxEntries: rng.pick([1, 5, 30]) } : {};
  return {
    ...limits,
    seed,
    clients: rng.pick([2, 2, 3, 4]),
    user: (index) => (index % 2 ? { id: `client${index}` } : { id: `anonymous-${index}`, anonymous: true }),
    ops: 60 + rng.int(80),
    outbox: rng.chance(0.6) && { meanSaveMs: rng.pick([0, 2, 50]) },
    without: ["client-copy"],
    model: (clock) => new ChannelModel(level, clock, limits.mayForget),
    install: (sync, model) => install(sync, model, level, retention),
    ready: ({ room }) => room.ready,
    open: (client, { model, page }) => new ChannelPage(client, model, page),
    workload: {
      publish: ({ client, rng: draws }) =>
        client.app.publishLater(draws.pick([1, 1, 2, 6]), draws.chance(0.1) ? "x".repeat(3000) : ""),
      publishMore: ({ client, rng: draws }) => client.app.publishLater(draws.pick([1, 2]), ""),
      say({ world, model, rng: draws }) {
        if (!world.server.isUp) return;
        const { app } = world.server;
        for (let i = draws.pick([1, 1, 3]); i > 0; i--) {
          const id = `server.${app.life}#${++app.published}`;
          try {
            publishing(model, id, app.room.publish("said", { id, pad: "" }), model.servers);
          } catch (error) {
            // It is closing.
            if (!isSyncError(error, "closed")) throw error;
          }
        }
      },
      read: ({ client, rng: draws }) => client.app.toggle(draws.int(2), draws.pick([1, 1, 4])),
      reconnect: ({ client }) => client.client.reconnect(),
      copy({ client, world, model }) {
        if (!client.store || world.clients.length > 4) return;
        // What has no number yet is each copy's own.
        for (const { id, isNumbered } of keptBy(client)) isNumbered ? model.checker.kept(id) : model.checker.copied(id);
        world.client({ like: client });
        model.notes.reached("a copy of a client's storage");
      },
      impostor({ client, world, model }) {
        if (model.impostors < 2) impersonate(world, client.client, ++model.impostors);
      },
    },
    onError,
    unsettled({ model, clients }) {
      const page = clients.find(({ app }) => app.room.status.get() !== "live");
      return page ? `${page.name} has not subscribed` : model.servers.size ? "the server waits for its disk" : undefined;
    },
    always({ model, server, clock }) {
      model.notes.judge();
      // Not at every step: it only has to be seen that it happens, and asking costs as much as a step.
      if (clock.steps % 16 === 0 && server.isUp) model.sample(server.sync.stats());
    },
    async after(world) {
      const { model, clients } = world;
      // What pages that are gone have written may still wait for the disk, which is tried every 5 s.
      await world.advance("6s");
      for (const { app, name } of clients) if (app.pending) model.notes.wrong(`${name} waits for ${app.pending} receipts`);
      const { first, entries } = await world.stored("room");
      const stored = entries.map((entry) => (entry as [string, { id: string }])[1].id);
      const last = first + stored.length - 1;
      for (const { app, name } of clients) if (!app.isAt(last)) model.notes.wrong(`${name} has not read up to ${last}`);
      for (const client of clients) for (const { id } of keptBy(client)) model.notes.wrong(`${client.name} still keeps ${id}`);
      model.checker.judge(first, stored, Number.POSITIVE_INFINITY);
      model.notes.judge();
    },
  };
}
