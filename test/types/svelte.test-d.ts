/** Types of `sente-sync/svelte`: what must compile, and below `@ts-expect-error` what must not. */
import { defineAtom, defineChannel, defineEvents, type } from "sente-sync";
import { type ClientStatus, createClient, type TopicStatus } from "sente-sync/client";
import * as svelte from "sente-sync/svelte";
import type { Readable } from "svelte/store";
import { expectType } from "./expect.ts";

const stats = defineAtom("stats", { initial: { visitors: 0, last: null as string | null } });
const board = defineAtom("board/:id", { initial: { title: "" } });
const room = defineChannel("room/:id", { events: { said: type<{ text: string }>(), left: type<{ name: string }>() } });
const events = defineEvents({ "user/get": { data: type<{ id: string }>(), reply: type<{ name: string }>() } });
const client = createClient("/chsk", { events, autoConnect: false });

export function topics(id: () => string): void {
  type Stats = { visitors: number; last: string | null };
  expectType<svelte.Live<Stats | undefined>>()(svelte.atom(stats));
  expectType<svelte.Live<Stats | undefined>>()(svelte.atom(client, stats));
  // The selector never sees undefined.
  expectType<svelte.Live<number | undefined>>()(svelte.atom(stats, (value) => value.visitors));
  expectType<svelte.Live<number | undefined>>()(svelte.atom(client, stats, (value) => value.visitors));
  expectType<svelte.Live<string | undefined>>()(
    svelte.atom(
      () => board({ id: id() }),
      ({ title }) => title,
    ),
  );
  expectType<svelte.Live<string | undefined>>()(
    svelte.atom(
      client,
      () => board({ id: id() }),
      ({ title }) => title,
    ),
  );
  expectType<svelte.Live<{ count: number } | undefined>>()(svelte.atom<{ count: number }>("named"));
  // One object: a store of Svelte's, and runes.
  const store: Readable<number | undefined> = svelte.atom(stats, (value) => value.visitors);
  expectType<number | undefined>()(svelte.atom(stats, (value) => value.visitors).current);
  store.subscribe(() => {});
  // @ts-expect-error it is read, not set
  svelte.atom(stats).current = undefined;
  // @ts-expect-error no such field
  svelte.atom(stats, (value) => value.visits);
  // @ts-expect-error a pattern is called first
  svelte.atom(client, board);
  // @ts-expect-error a channel is not an atom
  svelte.atom(client, room({ id: "1" }));
  expectType<svelte.Live<TopicStatus>>()(svelte.topicStatus(stats));
  svelte.topicStatus(client, () => room({ id: "1" }));
}

export function channels(id: () => string): void {
  const talk = svelte.channel(
    () => room({ id: id() }),
    (message) => {
      if (message.event === "said") expectType<{ text: string }>()(message.data);
      else expectType<{ name: string }>()(message.data);
    },
    { from: 1, onGap: ({ to }) => expectType<number>()(to) },
  );
  talk.publish("said", { text: "hi" });
  // @ts-expect-error not its data
  talk.publish("said", { name: "ada" });
  svelte.channel(client, room({ id: "1" })).subscribe(({ offset }) => expectType<number>()(offset));
  // @ts-expect-error an atom is not a channel
  svelte.channel(stats);

  svelte.listen(room({ id: "1" }), "said", ({ data }) => expectType<{ text: string }>()(data));
  svelte.listen(
    client,
    () => room({ id: id() }),
    "left",
    ({ data }) => expectType<{ name: string }>()(data),
  );
  svelte.listen("news/item", ({ data }) => expectType<unknown>()(data));
  svelte.listen(client, "resume", ({ recovered }) => expectType<boolean>()(recovered));
  // @ts-expect-error no such event
  svelte.listen(room({ id: "1" }), "sad", () => {});
}

export function theRest(): void {
  const user = svelte.request("user/get", { timeoutMs: 100 });
  expectType<Promise<unknown>>()(user.run({ id: "7" }));
  expectType<boolean>()(user.pending);
  expectType<string | undefined>()(user.error?.code);
  // @ts-expect-error it is read, not set
  user.pending = false;
  svelte.request(client, "user/get").subscribe(({ data }) => expectType<unknown>()(data));

  expectType<svelte.Live<ClientStatus>>()(svelte.status());
  expectType<svelte.Live<ClientStatus>>()(svelte.status(client));
  expectType<string | undefined>()(svelte.user().current?.id);
  svelte.setClient(client);
  svelte.setClient(() => client);
  // @ts-expect-error not a client
  svelte.setClient({});
  svelte.getClient().send("any/thing");
}
