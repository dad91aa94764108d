/** Types of own kinds: what must compile, and below `@ts-expect-error` what must not. */
import { defineTopic, type } from "sente-sync";
import * as client from "sente-sync/client";
import { fold } from "sente-sync/kinds";
import * as react from "sente-sync/react";
import * as server from "sente-sync/server";
import * as svelte from "sente-sync/svelte";
import * as v from "valibot";
import { expectType } from "./expect.ts";

interface Count {
  readonly n: number;
}
type Step = readonly [by: number, why: string];

const zero: Count = { n: 0 };
const counter = fold({
  initial: zero,
  decide(state, op: Step, context) {
    expectType<Count>()(state);
    expectType<string | null>()(context.replica);
    return op[0];
  },
  evolve(state, by: number) {
    return { n: state.n + by };
  },
});
const counts = defineTopic("counts/:of", counter);
const one = defineTopic("one", counter);
/** What is sent is not what is decided. */
const parsed = defineTopic(
  "parsed",
  fold({
    initial: 0,
    op: v.pipe(v.string(), v.transform(Number)),
    decide(_n, op) {
      expectType<number>()(op);
      return op;
    },
    predict: () => undefined,
    evolve: (n, by: number) => n + by,
    schema: v.number(),
  }),
);

// @ts-expect-error an entry that `evolve` does not take
fold({ initial: 0, decide: (_n, op: string) => op, evolve: (n, by: number) => n + by });
// @ts-expect-error not the state
fold({ initial: 0, decide: (_n, op: number) => op, evolve: (_n, by: number) => String(by) });

export function onClient(): void {
  const own = client.createClient("/chsk");
  const handle = client.topic(own, counts({ of: "sheep" }));
  expectType<Count | undefined>()(handle.get());
  expectType<client.Receipt>()(handle.send([1, "one more"]));
  expectType<client.Receipt>()(client.topic(own, parsed).send("7"));
  // @ts-expect-error what is given, not what comes of it
  client.topic(own, parsed).send(7);
  // @ts-expect-error no operation
  handle.send(1);
  // @ts-expect-error a pattern needs its params
  client.topic(own, counts);
  // @ts-expect-error another kind
  client.store(own, one);

  const live = svelte.topic(own, () => one);
  expectType<Count | undefined>()(live.current);
  // @ts-expect-error no operation
  live.send("1");
}

export function Page(): null {
  const [n, send] = react.useTopic(one, (state) => state.n);
  expectType<number | undefined>()(n);
  send([1, "from React"]);
  return null;
}

export async function onServer(): Promise<void> {
  const sync = server.createServer();
  const family = server.topic(sync, counts, {
    seed: ({ params }) => [params.of.length, "as long as its name"],
    validate({ state, before, params, user }) {
      expectType<Count>()(state);
      expectType<number>()(before.n);
      expectType<string | undefined>()(user?.id);
      expectType<string>()(params.of);
    },
  });
  const handle = await family.open({ of: "sheep" });
  expectType<Count>()(handle.get());
  expectType<Promise<number>>()(handle.send([1, "here"]).stored);
  // @ts-expect-error no operation
  handle.send(["here", 1]);
  // @ts-expect-error no operation
  server.topic(sync, one, { seed: () => ["here", 1] });
  // @ts-expect-error no such param
  await family.open({ sheep: "of" });
  expectType<number>()(
    server
      .topic(
        sync,
        defineTopic("typed", fold({ initial: 0, op: type<1>(), decide: (_n, by) => by, evolve: (n, by: 1) => n + by })),
      )
      .get(),
  );
}
