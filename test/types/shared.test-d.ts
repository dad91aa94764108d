/** What must compile, and below `@ts-expect-error` what must not: shared trees, their paths, and what both sides make of them. */
import { defineShared, type Ref } from "sente-sync";
import * as client from "sente-sync/client";
import * as server from "sente-sync/server";
import * as v from "valibot";
import { expectType } from "./expect.ts";

interface Board {
  title: string;
  due?: number;
  tags: readonly string[];
  shapes: { [id: string]: { x: number; label?: { text: string } } };
}
const initial: Board = { title: "", tags: [], shapes: {} };
const board = defineShared("org/:org/board/:id", { initial });
const settings = defineShared("settings", { initial: { dark: false }, schema: v.object({ dark: v.boolean() }) });
const ref = board({ org: "acme", id: "7" });

export function definitions(): void {
  expectType<Ref<"shared", Board>>()(ref);
  expectType<Ref<"shared", { dark: boolean }>>()(settings);
  // @ts-expect-error a param is missing
  board({ org: "acme" });
  // @ts-expect-error a tree has an initial value
  defineShared("nothing", {});
  // @ts-expect-error which is an object
  defineShared("number", { initial: 7 });
  // @ts-expect-error the schema is of another value
  defineShared("other", { initial: { dark: false }, schema: v.object({ dark: v.string() }) });
}

export function onClient(some: object, id: string, anything: readonly string[]): void {
  const b = client.shared(some, ref);
  expectType<Board | undefined>()(b.get());
  expectType<Promise<Board>>()(b.ready);
  expectType<client.Receipt>()(b.set(["title"], "Plan"));
  b.set([], initial);
  b.set(["shapes", id], { x: 1 });
  b.set(["shapes", id, "x"], 1);
  b.set(["shapes", "s", "label", "text"], "through what may be missing");
  b.set(["due"], undefined);
  b.set(["tags"], ["a"]);
  b.set(anything, 1);
  // @ts-expect-error not a string
  b.set(["title"], 1);
  // @ts-expect-error no such key
  b.set(["titel"], "Plan");
  // @ts-expect-error an array is one value
  b.set(["tags", "0"], "a");
  // @ts-expect-error nothing is beneath a string
  b.set(["title", "length"], 1);
  // @ts-expect-error not a shape
  b.set(["shapes", id], { y: 1 });
  b.delete(["shapes", id]);
  b.update((draft) => {
    draft.title = "Plan";
    // @ts-expect-error no such key
    draft.titel = "Plan";
  });
  b.update((draft) => ({ ...draft, due: 7 }), { group: "dates" });
  b.listen((value, { cause }) => expectType<"entries" | "snapshot" | "cleared" | "local">()(cause) ?? value);
  b.onConflict(({ by }) => expectType<string | null>()(by));
  expectType<client.Undone | undefined>()(b.undo());
  client.shared(some, settings, { history: client.createUndoHistory(), coalesceMs: 50 });
  // @ts-expect-error an atom is another kind
  client.atom(some, ref);
}

export function onServer(): void {
  const sync = server.createServer();
  const boards = server.shared(sync, board, {
    seed: ({ params }) => ({ ...initial, title: params.id }),
    validate({ next, value, params, user }) {
      expectType<Board>()(next);
      expectType<Board>()(value);
      expectType<string>()(params.org);
      expectType<string>()(user.id);
    },
    onChange: ({ value, params, from }) => {
      expectType<Board>()(value);
      expectType<string | null>()(from);
      // @ts-expect-error no such param
      expectType<unknown>()(params.page);
    },
  });
  expectType<Promise<server.ServerShared<Board>>>()(boards.open({ org: "acme", id: "7" }));
  // @ts-expect-error a param is missing
  void boards.clear({ org: "acme" });
  const live = server.shared(sync, settings);
  expectType<{ dark: boolean }>()(live.get());
  live.set(["dark"], true);
  // @ts-expect-error not a boolean
  live.set(["dark"], 1);
  expectType<Promise<void>>()(live.update((draft) => void (draft.dark = true)).stored);
  // @ts-expect-error not a seed
  server.shared(sync, settings, { seed: () => ({ dark: 1 }) });
}
