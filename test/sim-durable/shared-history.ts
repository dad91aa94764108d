/**
 * Histories of one shared tree on disk: pages and the server write the same paths, with clocks that are years off and jump, and
 * everything breaks: lines, pages, the server, its disk.
 *
 * Always: the options of a seed are drawn before anything runs; what is drawn here is limits, timings and clocks, faults are `simulate`'s.
 * Rules: docs/reliability.md DURABLE12-DURABLE15.
 */
import { defineShared, isSyncError, SyncError } from "sente-sync";
import { type Client, type ClientShared, shared as clientShared, rejectedWrites } from "sente-sync/client";
import { type Server, type ServerShared, type ServerSharedOptions, shared } from "sente-sync/server";
import { createRng, type Rng, type SimulatedClient, type SimulateOptions, type VirtualClock } from "sente-sync/testing";
import { drawLimits } from "./limits.ts";
import { compare, lastWriteWins, readLog, textOf, type Written } from "./lww.ts";
import { Notes } from "./notes.ts";
import { clockJumpsMs, copyShown, StateChecker } from "./state-checker.ts";

interface Card {
  text?: string;
  tags?: string[];
}
interface Board {
  title: string;
  cards: { [id: string]: Card };
  /** By page and number: every write of a page that is looked for. */
  by: { [page: string]: { [count: string]: string } };
}

/** Once it is deleted, nobody makes that card again. */
const onceId = "once";
const initial: Board = { title: "", cards: { a: { text: "a" }, b: { text: "b" }, c: {}, d: {}, [onceId]: {} }, by: {} };
const boardRef = defineShared("board", { initial });
const cardIds = ["a", "b", "c", "d", "e", "f"] as const;
/** No write with it passes. */
const refusedText = "no";
const maxAheadMs = 60_000;

/** One text went over another that its page had seen. */
interface Over {
  readonly path: readonly string[];
  readonly before: string;
  readonly tag: string;
}

export class SharedModel {
  readonly notes: Notes = new Notes();
  readonly checker: StateChecker;
  readonly clock: VirtualClock;
  readonly overs: Over[] = [];
  updates = 0;
  /** The server's clock, at its furthest. */
  latestMs = 0;
  readonly #stored = new Set<string>();

  constructor(clock: VirtualClock) {
    this.clock = clock;
    this.checker = new StateChecker(this.notes, clock);
  }

  over(over: Over, stored: Promise<void>): void {
    this.overs.push(over);
    stored.then(
      () => this.#stored.add(over.tag),
      () => {},
    );
  }

  /** Whoever wrote over what it saw is later than that; or else something that it did not see is later still. */
  judgeOrder(log: readonly Written[]): void {
    for (const { path, before, tag } of this.overs) {
      if (!this.#stored.has(tag)) continue;
      const seen = log.find(({ value }) => mentions(value, before));
      if (!seen) continue;
      const own = log.find((write) => write.path[0] === path[0] && mentions(write.value, tag));
      if (own && compare(own, seen) < 0) this.notes.wrong(`${tag} was written over ${before}, and counts as earlier`);
      const covers = (write: Written): boolean =>
        write.path.length <= path.length && write.path.every((key, depth) => key === path[depth]) && compare(write, seen) > 0;
      if (!own && !log.some(covers)) this.notes.wrong(`${tag} was written over ${before}, and lost to it`);
    }
  }
}

const mentions = (value: unknown, text: string): boolean =>
  value === text || (typeof value === "object" && value !== null && Object.values(value).some((part) => mentions(part, text)));

/** One page in one life. */
class SharedPage {
  readonly board: ClientShared<Board>;
  readonly #model: SharedModel;
  readonly #name: string;
  readonly #writer: string;
  #count = 0;

  constructor(client: Client, model: SharedModel, page: SimulatedClient<unknown>, coalesceMs: number) {
    this.#model = model;
    this.#name = page.name;
    this.#writer = `${page.name}.${page.lives}`;
    model.checker.page(page);
    rejectedWrites(client).listen((list) => {
      for (const { op, code } of list) for (const tag of tagsOf(op)) model.checker.refused(tag, code);
    });
    this.board = clientShared(client, boardRef, { coalesceMs });
    this.board.listen((value, { cause }) => {
      if (cause === "snapshot" && this.board.status.get() === "stale") model.notes.reached(copyShown);
      if (value) this.#look(value);
    });
    // Before the line is there.
    if (model.clock.rng.fork(`${this.#writer} first`).chance(0.3)) this.write("title", model.clock.rng.fork(this.#writer));
  }

  get pending(): number {
    return this.#model.checker.openCount(this.#name);
  }

  write(how: string, rng: Rng): void {
    const count = String(++this.#count);
    const tag = `${this.#writer}#${count}`;
    const id = rng.pick(cardIds);
    const before = this.board.get();
    const receipt = this.board.update((draft) => {
      const card = (draft.cards[id] ??= {});
      if (how === "text") card.text = tag;
      if (how === "tags") card.tags = [...(card.tags ?? []).slice(-2), `${tag}-item`];
      if (how === "drop") delete draft.cards[id];
      if (how === "title" || how === "refused") draft.title = how === "title" ? tag : refusedText;
      draft.by[this.#writer] = { ...draft.by[this.#writer], [count]: tag };
    });
    this.#model.checker.wrote(this.#name, tag, receipt);
    const seen = how === "title" ? before?.title : how === "text" ? before?.cards[id]?.text : undefined;
    if (seen?.includes("#")) {
      const path = how === "title" ? ["title"] : ["cards", id, "text"];
      this.#model.over({ path, before: seen, tag }, receipt.stored);
    }
    const value = this.board.get();
    if (value && receipt.status !== "rejected") this.#look(value);
  }

  /** A parent, with all beneath it; nobody looks for it but by what comes of it. */
  replace(rng: Rng): void {
    const text = `${this.#writer}#${++this.#count}-whole`;
    const id = rng.pick(cardIds);
    if (rng.chance(0.2)) return void this.board.delete(["cards", onceId]);
    if (rng.chance(0.2)) this.board.set(["cards"], { [id]: { text } });
    else if (rng.chance(0.6)) this.board.delete(["cards", id]);
    else this.board.set(["cards", id], { text });
  }

  #look(value: Board): void {
    const shown = new Set(Object.values(value.by).flatMap((own) => Object.values(own)));
    this.#model.checker.shown(this.#name, shown);
    for (const tag of this.#model.checker.unanswered(this.#name, "local", "sent")) {
      if (!shown.has(tag)) this.#model.notes.wrong(`${this.#name} does not show ${tag}, which has no answer yet`);
    }
  }
}

/** Tags that are values of it. */
function tagsIn(value: unknown): string[] {
  const tags: string[] = [];
  const look = (part: unknown): void => {
    if (typeof part === "string" && /^client\d+\.\d+#\d+$/.test(part)) tags.push(part);
    else if (typeof part === "object" && part !== null) for (const each of Object.values(part)) look(each);
  };
  look(value);
  return tags;
}

interface InstalledShared {
  readonly board: ServerShared<Board>;
}

function install(sync: Server, options: ServerSharedOptions<Board>): InstalledShared {
  const board = shared(sync, boardRef, {
    ...options,
    validate({ next }) {
      if (next.title === refusedText) throw new SyncError("app/no", "Not that.");
    },
  });
  return { board };
}

/** What `simulate` is to run for that seed. */
export function sharedHistory(seed: number | string): SimulateOptions<InstalledShared, SharedPage, SharedModel> {
  const rng = createRng(`shared/${seed}`);
  const limits = drawLimits(rng.fork("limits"));
  let current: SharedModel | undefined;
  const coalesceMs = rng.chance(0.2) ? 40 : 0;
  const forgetDeletedMs = rng.chance(0.6) ? rng.pick([10, 100, 2000]) : undefined;
  return {
    ...limits,
    seed,
    clients: rng.pick([2, 2, 3, 4]),
    ops: 60 + rng.int(60),
    outbox: rng.chance(0.6) && { meanSaveMs: rng.pick([0, 2, 50]) },
    without: ["client-copy"],
    model: (clock) => (current = new SharedModel(clock)),
    install: (sync) => install(sync, forgetDeletedMs === undefined ? {} : { forgetDeletedMs }),
    ready: ({ board }) => board.ready,
    open: (client, { model, page }) => new SharedPage(client, model, page, coalesceMs),
    workload: {
      write: ({ client, rng: draws }) => client.app.write(draws.pick(["text", "title", "tags", "drop"]), draws),
      writeMore: ({ client, rng: draws }) => client.app.write(draws.pick(["text", "title", "refused"]), draws),
      replace: ({ client, rng: draws }) => client.app.replace(draws),
      say({ world, model, rng: draws }) {
        if (!world.server.isReady) return;
        const text = `server#${++model.updates}`;
        try {
          world.server.app.board.update((draft) => {
            if (draws.chance(0.5)) draft.title = text;
            else (draft.cards[draws.pick(cardIds)] ??= {}).text = text;
          });
        } catch (error) {
          if (!isSyncError(error)) throw error;
        }
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
      const page = clients.find(({ app }) => app.board.status.get() !== "live");
      return page && `${page.name} has not subscribed`;
    },
    always({ model, clock }) {
      model.latestMs = Math.max(model.latestMs, clock.envFor("server").nowMs());
      model.notes.judge();
    },
    async after(world) {
      const { model, clients, server } = world;
      const { notes, checker } = model;
      // What was decided while the disk failed may still wait for it, which is tried every 5 s.
      await world.advance("6s");
      const shown = textOf(server.app.board.get());
      for (const { app, name } of clients) {
        if (app.pending) notes.wrong(`${name} waits for ${app.pending} receipts`);
        if (textOf(app.board.get()) !== shown) notes.wrong(`${name} shows ${textOf(app.board.get())}, the server ${shown}`);
      }
      const { first, entries } = await world.stored("board");
      if (first !== 1) notes.wrong(`the log begins at ${first}`);
      const log = readLog(entries);
      const made = textOf(lastWriteWins(initial, log));
      if (made !== shown) notes.wrong(`the server shows ${shown}, the last writes of its log make ${made}`);
      if (textOf(lastWriteWins(initial, [...log].reverse())) !== made) notes.wrong("the order of entries matters");
      const ahead = log.find(({ ms }) => ms > model.latestMs + maxAheadMs);
      if (ahead) notes.wrong(`an entry is stamped ${ahead.ms - model.latestMs} ms after the server's clock`);
      checker.judge(entries.flatMap(tagsOf));
      if (!checker.isDamaged) model.judgeOrder(log);
      server.start();
      await world.settle("30s");
      const loaded = textOf(server.app.board.get());
      if (loaded !== shown) notes.wrong(`after a restart the server shows ${loaded}, before it showed ${shown}`);
      for (const { app, name } of clients)
        if (textOf(app.board.get()) !== shown) notes.wrong(`after a restart ${name} shows ${textOf(app.board.get())}`);
      notes.judge();
    },
  };
}

/** What an entry, or an operation, says under `by`. */
const tagsOf = (entry: unknown): string[] =>
  readLog([entry]).flatMap(({ path, value }) => (path[0] === "by" ? tagsIn(value) : []));
