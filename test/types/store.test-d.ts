/** Types of stores: what must compile, and below `@ts-expect-error` what must not. */
import { defineStore, type } from "sente-sync";
import * as client from "sente-sync/client";
import * as react from "sente-sync/react";
import * as server from "sente-sync/server";
import { expectType } from "./expect.ts";

interface Todo {
  id: string;
  text: string;
}

const todos = defineStore("todos/:list", {
  initial: { items: [] as Todo[] },
  mutations: {
    add(draft, text: string, ctx) {
      expectType<Todo[]>()(draft.items);
      expectType<string>()(ctx.id());
      draft.items.push({ id: ctx.id(), text });
    },
    move(draft, input: { readonly id: string; readonly to: number }) {
      if (input.to < 0) draft.items.reverse();
    },
    note(_draft, _text?: string) {},
    clear: () => ({ items: [] }),
    stop(_draft, _input: string, ctx) {
      ctx.reject("forbidden");
    },
  },
  inputs: { add: type<string>() },
});
const one = defineStore("one", { initial: 0, mutations: { up: (n) => n + 1 } });

export function onClient(): void {
  const own = client.createClient("/chsk");
  const list = client.store(own, todos({ list: "home" }));
  expectType<{ items: Todo[] } | undefined>()(list.get());
  expectType<client.Receipt>()(list.do.add("milk"));
  list.do.move({ id: "a", to: 1 });
  list.do.note();
  list.do.note("x");
  list.do.clear();
  expectType<number | undefined>()(client.store(own, one).get());
  client.store(own, one).do.up();
  // @ts-expect-error the input is a string
  list.do.add(5);
  // @ts-expect-error it wants its input
  list.do.add();
  // @ts-expect-error there is no such mutation
  list.do.remove("a");
  // @ts-expect-error it takes no input
  list.do.clear("now");
  // @ts-expect-error a pattern is called first
  client.store(own, todos);
  // @ts-expect-error a store is not an atom
  client.atom(own, one);
}

export function onServer(): void {
  const sync = server.createServer();
  const lists = server.store(sync, todos, {
    validate({ state, params, user }) {
      expectType<Todo[]>()(state.items);
      expectType<string>()(params.list);
      void user?.id;
    },
    seed: ({ params }) => ({ items: [{ id: "1", text: params.list }] }),
  });
  void lists.open({ list: "home" }).then((list) => {
    expectType<{ items: Todo[] }>()(list.get());
    expectType<Promise<number>>()(list.do.add("x").stored);
  });
  server.store(sync, one).do.up();
  // @ts-expect-error the seed is a state
  server.store(sync, todos, { seed: () => 5 });
}

export function useHooks(): void {
  const [value, run] = react.useStore(todos({ list: "a" }));
  expectType<{ items: Todo[] } | undefined>()(value);
  run.add("x");
  const [count] = react.useStore(todos({ list: "a" }), ({ items }) => items.length);
  expectType<number | undefined>()(count);
  expectType<client.SyncStatus>()(react.useSyncStatus());
  // @ts-expect-error no such field
  react.useStore(todos({ list: "a" }), ({ nothing }) => nothing);
}
