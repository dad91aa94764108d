/**
 * The server of a simulated world in one of its lives, made through the public API: two atoms and a channel. It writes
 * down what is true.
 *
 * Always: what one turn did to an atom is one entry of the truth, written down after the product's own end of that turn.
 */
import { atom, channel, createServer, type Server } from "sente-sync/server";
import type { Env } from "../../src/core/env.ts";
import type { Transport } from "../../src/transport/transport.ts";
import type { Checker } from "./checker.ts";
import type { Plan } from "./plan.ts";
import { type Board, boardRef, canonical, noBoard, noState, packerOf, roomRef, stateRef } from "./topics.ts";

export interface SimServer {
  readonly sync: Server;
  readonly transports: Set<Transport>;
  accept(transport: Transport, url: string): void;
  update(how: string, count: number, turns: number, pick: number, pad: number): void;
  mark(cell: string): void;
  say(count: number, pad: number): void;
  /** In order: clients are told goodbye. */
  close(): void;
}

/** A server that begins with nothing. */
export function createSimServer(plan: Plan, env: Env, checker: Checker, random: () => number): SimServer {
  const life = checker.beginLife();
  const { keepaliveMs, pingTimeoutMs, stuckMs, maxWaiting, messagesPerSecond, sessionGraceMs } = plan.server;
  const sync = createServer({
    env,
    packer: packerOf(plan),
    keepalive: { keepaliveMs, pingTimeoutMs },
    limits: { stuckMs, maxWaiting, sessionGraceMs, messages: { perSecond: messagesPerSecond, burst: messagesPerSecond * 2 } },
    onError: (error, where) => checker.wrong(`the server reported, at ${where}: ${error}`),
    ...(plan.authorizeMs
      ? {
          authorize: () => new Promise<boolean>((resolve) => void env.setTimer(() => resolve(true), random() * plan.authorizeMs)),
        }
      : {}),
  });
  const state = atom(sync, stateRef, {
    initial: { ...noState, life },
    mode: plan.mode,
    debounceMs: plan.debounceMs,
    retention: { maxEntries: plan.stateTail, maxBytes: plan.tailBytes },
  });
  const board = atom(sync, boardRef, {
    initial: { ...noBoard, life },
    view: { key: (user) => user.id, select: (value: Board, key) => ({ life: value.life, own: value.cells[String(key)] ?? 0 }) },
  });
  const room = channel(sync, roomRef, { retention: { maxEntries: plan.roomTail, maxBytes: plan.tailBytes } });
  let said = 0;

  const record = (isFirst = false): void => checker.committed("state", canonical(state.get()), isFirst);
  const recordBoard = (isFirst = false): void => {
    for (const user of ["ada", "bob"]) {
      checker.committed(`board/${user}`, canonical({ life, own: board.get().cells[user] ?? 0 }), isFirst);
    }
  };
  record(true);
  recordBoard(true);
  room.subscribe(({ data, offset }) => checker.published("room", data.id, offset));

  // What one turn did is one entry: it is written down after the product's own end of that turn.
  let isArmed = false;
  let isClosing = false;
  const commit = (): void => {
    if (isArmed) record();
    isArmed = false;
  };
  const changed = (): void => {
    if (isArmed) return;
    isArmed = true;
    if (plan.debounceMs && !isClosing) env.setTimer(commit, plan.debounceMs);
    else env.endOfTurn(commit);
  };
  const change = (how: string, pick: number, pad: number): void => {
    const item = `${life}.${state.get().n}`;
    switch (how) {
      case "same":
        state.update((draft) => void draft.items.splice(0, draft.items.length, ...draft.items));
        break;
      case "set":
        state.set({
          ...state.get(),
          n: state.get().n + 1,
          items: state.get().items.filter((_, at) => at % 2 === pick % 2),
          by: { set: pick },
        });
        break;
      default:
        state.update((draft) => {
          draft.n++;
          const at = draft.items.length ? pick % draft.items.length : 0;
          if (how === "field") draft.by[`key${pick % 5}`] = pick;
          if (how === "push") draft.items.push(item);
          if (how === "remove") draft.items.splice(at, 1);
          if (how === "splice") draft.items.splice(at, pick % 3, item, `${item}'`);
          if (draft.items.length > 12) draft.items.splice(0, 6);
          draft.pad = pad ? `${pick}`.padEnd(pad, "x") : "";
        });
    }
    changed();
  };

  sync.on("sim/bump", () => {
    change("field", 1, 0);
    return { life, n: state.get().n };
  });

  const server: SimServer = {
    sync,
    transports: new Set(),
    accept(transport, url) {
      server.transports.add(transport);
      void sync.accept(transport, url, { id: new URL(url).searchParams.get("user") ?? "" });
    },
    update(how, count, turns, pick, pad) {
      for (let i = 0; i < count; i++) change(how, pick + i, pad);
      if (turns > 1) env.setTimer(() => server.update(how, count, turns - 1, pick, pad), 2);
    },
    mark(cell) {
      board.update((draft) => {
        draft.cells[cell] = (draft.cells[cell] ?? 0) + 1;
      });
      env.endOfTurn(recordBoard);
    },
    close() {
      // What is gathered is an entry at once.
      isClosing = true;
      commit();
      void sync.close();
    },
    say(count, pad) {
      for (let i = 0; i < count; i++) room.publish("said", { id: `server${life}#${++said}`, pad: "y".repeat(pad) });
    },
  };
  return server;
}
