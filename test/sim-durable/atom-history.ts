/**
 * Histories of one durable atom: the server updates it, pages read it, and everything breaks: lines, pages, the server, its disk.
 *
 * Always: the options of a seed are drawn before anything runs; what is drawn here is limits and timings, faults are `simulate`'s.
 * Rules: docs/reliability.md DURABLE1, DURABLE5, DURABLE7, DURABLE8.
 */
import { defineAtom } from "sente-sync";
import { type Client, type ClientAtom, atom as clientAtom } from "sente-sync/client";
import { atom, type Server, type ServerAtom, type ServerAtomOptions } from "sente-sync/server";
import { createRng, type Rng, type SimulateOptions, type VirtualClock } from "sente-sync/testing";
import { createAtomAuthority } from "../../src/kind/atom-authority.ts";
import type { Steps } from "../../src/kind/patch.ts";
import { AtomChecker } from "./atom-checker.ts";
import type { Level } from "./channel-checker.ts";
import { drawLimits } from "./limits.ts";
import { Notes } from "./notes.ts";
import { onError } from "./reports.ts";

interface State {
  n: number;
  tag: string;
  items: string[];
  by: Record<string, number>;
}

const initial: State = { n: 0, tag: "none", items: [], by: {} };
const stateRef = defineAtom("state", { initial });

export class AtomModel {
  readonly notes: Notes = new Notes();
  readonly checker: AtomChecker;
  lives = 0;
  updates = 0;

  constructor(level: Level, _clock: VirtualClock) {
    this.checker = new AtomChecker(this.notes, level);
    this.checker.decided(textOf(initial));
  }
}

/** One page in one life. */
class AtomPage {
  readonly state: ClientAtom<State>;
  readonly #model: AtomModel;
  readonly #who: string;
  readonly #others = new Map<number, () => void>();

  constructor(client: Client, model: AtomModel, who: string) {
    this.state = clientAtom(client, stateRef);
    this.#model = model;
    this.#who = who;
    this.#listen("main");
  }

  toggle(slot: number): void {
    const end = this.#others.get(slot);
    if (end) {
      end();
      this.#others.delete(slot);
    } else this.#others.set(slot, this.#listen(`reader${slot}`));
  }

  #listen(slot: string): () => void {
    const reader = this.#model.checker.reader(`${this.#who} ${slot}`);
    return this.state.listen((value, { cause }) => {
      if (value !== undefined) reader.told(textOf(value), cause);
    });
  }
}

interface InstalledAtom {
  readonly state: ServerAtom<State>;
  readonly life: number;
}

function install(sync: Server, model: AtomModel, options: ServerAtomOptions<State>): InstalledAtom {
  const state = atom(sync, stateRef, options);
  state.listen((value) => model.checker.decided(textOf(value)));
  return { state, life: model.lives++ };
}

function update({ state, life }: InstalledAtom, model: AtomModel, rng: Rng): void {
  const how = rng.pick(["field", "push", "remove", "set"]);
  const tag = `${life}.${++model.updates}`;
  if (how === "set") return state.set({ ...state.get(), n: state.get().n + 1, tag, items: state.get().items.slice(1) });
  state.update((draft) => {
    draft.n++;
    draft.tag = tag;
    if (how === "field") draft.by[`key${rng.int(5)}`] = rng.int(100);
    if (how === "push") draft.items.push(tag);
    if (how === "remove") draft.items.splice(rng.int(draft.items.length + 1), 1);
    if (draft.items.length > 12) draft.items.splice(0, 6);
  });
}

/** What `simulate` is to run for that seed. */
export function atomHistory(seed: number | string, level: Level): SimulateOptions<InstalledAtom, AtomPage, AtomModel> {
  const rng = createRng(`atom/${level}/${seed}`);
  const limits = drawLimits(rng.fork("limits"));
  const options = {
    durability: level,
    mode: rng.chance(0.2) ? "value" : "patches",
    debounceMs: rng.chance(0.2) ? 50 : 0,
  } as const;
  return {
    ...limits,
    seed,
    clients: rng.pick([2, 2, 3, 4]),
    ops: 80 + rng.int(80),
    model: (clock) => new AtomModel(level, clock),
    install: (sync, model) => install(sync, model, options),
    ready: ({ state }) => state.ready,
    open: (client, { model, page }) => new AtomPage(client, model, `${page.name}.${page.lives}`),
    workload: {
      update({ world, model, rng: draws }) {
        const { server } = world;
        if (server.isReady) for (let i = draws.pick([1, 1, 3]); i > 0; i--) update(server.app, model, draws);
      },
      updateMore({ world, model, rng: draws }) {
        const { server } = world;
        if (server.isReady) update(server.app, model, draws);
      },
      read: ({ client, rng: draws }) => client.app.toggle(draws.int(2)),
      reconnect: ({ client }) => client.client.reconnect(),
      reload: ({ client }) => client.crash(0),
    },
    onError,
    unsettled({ clients }) {
      const page = clients.find(({ app }) => app.state.status.get() !== "live");
      return page && `${page.name} has not subscribed`;
    },
    always: ({ model }) => model.notes.judge(),
    async after(world) {
      const { model, clients, server } = world;
      const { notes, checker } = model;
      // What was decided while the disk failed may still wait for it, which is tried every 5 s.
      await world.advance("6s");
      const shown = textOf(server.app.state.get());
      for (const { app, name } of clients) {
        const value = app.state.get();
        if (value === undefined || textOf(value) !== shown)
          notes.wrong(`${name} shows ${value && textOf(value)}, the server ${shown}`);
      }
      const { first, entries } = await world.stored("state");
      if (first !== 1) notes.wrong(`the log begins at ${first}`);
      const folded = createAtomAuthority<State>({ initial });
      const after = entries.map((entry) => {
        folded.apply(entry as Steps);
        return folded.value;
      });
      const values = [initial, ...after].map(textOf);
      checker.judge(values);
      if (values.at(-1) !== shown) notes.wrong(`the server shows ${shown}, its log makes ${values.at(-1)}`);
      server.start();
      await world.settle("30s");
      const loaded = textOf(server.app.state.get());
      if (loaded !== shown) notes.wrong(`after a restart the server shows ${loaded}, before it showed ${shown}`);
      notes.judge();
    },
  };
}

/** The same text for equal values, whatever the order of their keys. */
function textOf(value: State): string {
  const by = Object.entries(value.by).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([value.n, value.tag, value.items, by]);
}
