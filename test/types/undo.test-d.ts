/** Types of undo: what must compile, and below `@ts-expect-error` what must not. */
import { defineAtom, defineShared, defineStore } from "sente-sync";
import * as client from "sente-sync/client";
import * as react from "sente-sync/react";
import { expectType } from "./expect.ts";

const shapes = defineStore("shapes", {
  initial: { all: [] as string[], count: 0 },
  mutations: {
    add: (draft, input: { id: string }) => void draft.all.push(input.id),
    remove: (draft, id: string) => void draft.all.splice(draft.all.indexOf(id), 1),
    clear: () => ({ all: [], count: 0 }),
  },
  undo: {
    add({ input, id, before, after, now }) {
      expectType<{ id: string }>()(input);
      expectType<string>()(id);
      for (const state of [before, after, now]) expectType<{ all: string[]; count: number }>()(state);
      return ["remove", input.id];
    },
    remove: ({ input }) => (input ? ["add", { id: input }] : undefined),
  },
});

defineStore("wrong", {
  initial: { n: 0 },
  mutations: { up: (draft) => void draft.n++, to: (draft, n: number) => void (draft.n = n) },
  undo: {
    // @ts-expect-error there is no such mutation
    up: () => ["down"],
    // @ts-expect-error its input is a number
    to: () => ["to", "0"],
  },
});

const tree = defineShared("tree", { initial: { title: "" } });
const stats = defineAtom("stats", { initial: 0 });

export function inOneStack(): void {
  const own = client.createClient("/chsk");
  const history = client.undoHistory(own, [shapes, tree], { limit: 5 });
  expectType<number>()(history.group("drag", () => 5));
  expectType<client.Undone | undefined>()(client.store(own, shapes, { history }).undo());
  expectType<client.Receipt>()(client.batch(own, () => void client.shared(own, tree).set(["title"], "a")));
  // @ts-expect-error an atom is the server's
  client.undoHistory(own, [stats]);
}

export function InReact(): void {
  react.useUndo(tree);
  react.useUndo([tree, shapes]);
  react.useCanUndo(client.createUndoHistory());
  // @ts-expect-error an atom is the server's
  react.useRedo(stats);
}
