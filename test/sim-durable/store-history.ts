/**
 * Histories of one store on disk: pages and the server call its mutations, at once here and again there, with clocks that are years
 * off and jump, and everything breaks: lines, pages, the server, its disk.
 *
 * Always: the options of a seed are drawn before anything runs; what is drawn here is limits, timings and clocks, faults are `simulate`'s.
 * Rules: docs/reliability.md DURABLE12, DURABLE13, DURABLE15.
 */
import { defineStore, isSyncError, SyncError, type } from "sente-sync";
import { type Client, store as clientStore, rejectedWrites } from "sente-sync/client";
import { type Server, store } from "sente-sync/server";
import { createRng, type SimulatedClient, type SimulateOptions, type VirtualClock, type World } from "sente-sync/testing";
import { applyPatch, type Steps } from "../../src/kind/patch.ts";
import { drawLimits } from "./limits.ts";
import { textOf } from "./lww.ts";
import { Notes } from "./notes.ts";
import { clockJumpsMs, copyShown, StateChecker } from "./state-checker.ts";

interface State {
  /** How many calls it has taken: one for each that is in `calls`. */
  total: number;
  /** Of each page, how many. */
  by: Record<string, number>;
  /** Their tags, in order. */
  calls: string[];
  stock: number;
  ids: Record<string, string>;
}

const initial: State = { total: 0, by: {}, calls: [], stock: 2, ids: {} };

const count = (draft: State, tag: string): void => {
  const [writer = ""] = tag.split("#");
  draft.total++;
  draft.by[writer] = (draft.by[writer] ?? 0) + 1;
  draft.calls.push(tag);
};
const tallyRef = defineStore("tally/:id", {
  initial,
  mutations: {
    add: count,
    /** Every other one is taken by somebody else before the server runs it. */
    take(draft, tag: string, ctx) {
      if (draft.stock === 0) ctx.reject("app/no", "There is none left.");
      draft.stock--;
      count(draft, tag);
    },
    give(draft, tag: string) {
      draft.stock++;
      count(draft, tag);
    },
    name(draft, tag: string, ctx) {
      draft.ids[`slot${tag.length % 3}`] = ctx.id();
      count(draft, tag);
    },
    refused: count,
  },
  inputs: { add: type<string>() },
});
const params = { id: "1" };
const openTally = (client: Client) => clientStore(client, tallyRef(params));
const serveTally = (sync: Server) =>
  store(sync, tallyRef, {
    validate({ mutation }) {
      if (mutation === "refused") throw new SyncError("app/no", "Not that.");
    },
  });
type Tally = ReturnType<typeof openTally>;
type Call = keyof Tally["do"];

export class StoreModel {
  readonly notes: Notes = new Notes();
  readonly checker: StateChecker;
  readonly clock: VirtualClock;
  calls = 0;

  constructor(clock: VirtualClock) {
    this.clock = clock;
    this.checker = new StateChecker(this.notes, clock);
  }
}

/** One page in one life. */
class StorePage {
  readonly tally: Tally;
  readonly #model: StoreModel;
  readonly #name: string;
  readonly #writer: string;
  /** Calls that run on whatever is beneath them; once their line is cut, a snapshot may hide them until they are answered. */
  readonly #certain = new Set<string>();
  #count = 0;

  constructor(client: Client, model: StoreModel, page: SimulatedClient<unknown>) {
    this.#model = model;
    this.#name = page.name;
    this.#writer = `${page.name}.${page.lives}`;
    model.checker.page(page);
    rejectedWrites(client).listen((list) => {
      for (const { input, code } of list) model.checker.refused(String(input), code);
    });
    client.on("disconnect", () => {
      for (const tag of model.checker.unanswered(page.name, "sent")) this.#certain.delete(tag);
    });
    this.tally = openTally(client);
    this.tally.listen((value, { cause }) => {
      if (cause === "snapshot" && this.tally.status.get() === "stale") model.notes.reached(copyShown);
      if (value) this.#look(value);
    });
    // Before the line is there.
    if (model.clock.rng.fork(`${this.#writer} first`).chance(0.3)) this.call("add");
  }

  get pending(): number {
    return this.#model.checker.openCount(this.#name);
  }

  call(name: Call): void {
    const tag = `${this.#writer}#${++this.#count}`;
    if (name !== "take") this.#certain.add(tag);
    try {
      const receipt = this.tally.do[name](tag);
      this.#model.checker.wrote(this.#name, tag, receipt);
    } catch (error) {
      if (!isSyncError(error, "app/no")) throw error;
      return this.#model.notes.reached("a call rejected here");
    }
    const value = this.tally.get();
    if (value) this.#look(value);
  }

  #look(value: State): void {
    const shown = new Set(value.calls);
    const { notes, checker } = this.#model;
    checker.shown(
      this.#name,
      value.calls.filter((tag) => !tag.startsWith("server")),
    );
    if (shown.size !== value.calls.length)
      notes.wrong(`${this.#name} shows ${value.calls.find((tag, at) => value.calls.indexOf(tag) < at)} twice`);
    if (value.total !== value.calls.length)
      notes.wrong(`${this.#name} shows ${value.calls.length} calls, and counts ${value.total}`);
    for (const tag of checker.unanswered(this.#name, "local", "sent")) {
      if (this.#certain.has(tag) && !shown.has(tag)) notes.wrong(`${this.#name} does not show ${tag}, which has no answer yet`);
    }
  }
}

interface InstalledStore {
  readonly tallies: ReturnType<typeof serveTally>;
}

/** What the server shows, once it is loaded. */
async function shownBy(world: World<InstalledStore, StorePage, StoreModel>): Promise<string> {
  let shown = "nothing";
  const asked = world.server.app.tallies.use(params, (tally) => void (shown = textOf(tally.get())));
  await world.advance("1s");
  await asked;
  return shown;
}

/** What `simulate` is to run for that seed. */
export function storeHistory(seed: number | string): SimulateOptions<InstalledStore, StorePage, StoreModel> {
  const rng = createRng(`store/${seed}`);
  const limits = drawLimits(rng.fork("limits"));
  let current: StoreModel | undefined;
  return {
    ...limits,
    seed,
    clients: rng.pick([2, 2, 3, 4]),
    ops: 60 + rng.int(60),
    outbox: rng.chance(0.6) && { meanSaveMs: rng.pick([0, 2, 50]) },
    without: ["client-copy"],
    model: (clock) => (current = new StoreModel(clock)),
    install: (sync) => ({ tallies: serveTally(sync) }),
    ready: ({ tallies }) => tallies.use(params, ({ ready }) => ready),
    open: (client, { model, page }) => new StorePage(client, model, page),
    workload: {
      call: ({ client, rng: draws }) => client.app.call(draws.pick(["add", "add", "take", "give", "name"])),
      callMore({ client, rng: draws }) {
        for (let i = draws.pick([1, 2, 6]); i > 0; i--) client.app.call(draws.pick(["add", "take", "refused"]));
      },
      say({ world, model, rng: draws }) {
        if (!world.server.isReady) return;
        const call = draws.pick(["add", "take", "give"] as const);
        const tag = `server#${++model.calls}`;
        world.server.app.tallies
          .use(params, (tally) => tally.do[call](tag).stored)
          .catch((error: unknown) => {
            if (!isSyncError(error)) model.notes.wrong(`${tag} ended in ${String(error)}`);
          });
      },
      clock: ({ client, world, rng: draws }) => world.jumpClock(client.name, draws.pick(clockJumpsMs)),
      reconnect: ({ client }) => client.client.reconnect(),
    },
    onError(error, where) {
      // A disk that fails keeps segments longer.
      if (where === "compaction") return;
      // A sync failed and lied, the process was killed before it took that back, and the power went.
      if (isSyncError(error, "damaged")) return current?.checker.damage();
      if (!isSyncError(error) || !["read-only", "closed"].includes(error.code))
        throw new Error(`${where}: ${String(error)}`, { cause: error });
    },
    unsettled({ clients }) {
      const page = clients.find(({ app }) => app.tally.status.get() !== "live");
      return page && `${page.name} has not subscribed`;
    },
    always({ model, server, clock }) {
      model.notes.judge();
      // Not at every step: asking costs as much as a step.
      if (clock.steps % 16 === 0 && server.isUp && server.sync.stats().topicsUnloaded)
        model.notes.reached("a topic that was let go");
    },
    async after(world) {
      const { model, clients, server } = world;
      const { notes, checker } = model;
      // What was decided while the disk failed may still wait for it, which is tried every 5 s.
      await world.advance("6s");
      const shown = await shownBy(world);
      for (const { app, name } of clients) {
        if (app.pending || app.tally.pending)
          notes.wrong(`${name} waits for ${app.pending} receipts, ${app.tally.pending} calls`);
        const own = app.tally.get() ?? initial;
        if (textOf(own) !== shown) notes.wrong(`${name} shows ${textOf(own)}, the server ${shown}`);
      }
      const { first, entries } = await world.stored("tally/1");
      if (first !== 1) notes.wrong(`the log begins at ${first}`);
      const calls = entries as readonly (readonly [steps: Steps, id: string])[];
      const folded = calls.reduce((state, [steps]) => applyPatch(state, steps), initial);
      if (textOf(folded) !== shown) notes.wrong(`the server shows ${shown}, its log makes ${textOf(folded)}`);
      if (new Set(calls.map(([, id]) => id)).size !== calls.length) notes.wrong("a call has two entries");
      if (folded.total !== calls.length) notes.wrong(`${calls.length} entries, and ${folded.total} calls counted`);
      for (const [writer, times] of Object.entries(folded.by)) {
        const own = folded.calls.filter((tag) => tag.startsWith(`${writer}#`));
        const numbers = own.map((tag) => Number(tag.split("#")[1]));
        if (own.length !== times) notes.wrong(`${writer} made ${own.length} calls, and ${times} are counted`);
        if (numbers.some((number, at) => number <= (numbers[at - 1] ?? 0)))
          notes.wrong(`calls of ${writer} are out of order: ${own}`);
      }
      checker.judge(folded.calls.filter((tag) => !tag.startsWith("server")));
      server.start();
      await world.settle("30s");
      const loaded = await shownBy(world);
      if (loaded !== shown) notes.wrong(`after a restart the server shows ${loaded}, before it showed ${shown}`);
      notes.judge();
    },
  };
}
