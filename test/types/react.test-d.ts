/** Types of `sente-sync/react`: what must compile, and below `@ts-expect-error` what must not. */
import { createElement } from "react";
import { defineAtom, defineChannel, defineEvents, type } from "sente-sync";
import { type ClientChannel, type ClientStatus, createClient, type TopicStatus } from "sente-sync/client";
import * as react from "sente-sync/react";
import { expectType } from "./expect.ts";

const stats = defineAtom("stats", { initial: { visitors: 0, last: null as string | null } });
const board = defineAtom("board/:id", { initial: { title: "" } });
const roomEvents = { said: type<{ text: string }>(), left: type<{ name: string }>() };
const room = defineChannel("room/:id", { events: roomEvents });
const events = defineEvents({ "user/get": { data: type<{ id: string }>(), reply: type<{ name: string }>() } });

export function useHooks(): void {
  expectType<{ visitors: number; last: string | null } | undefined>()(react.useAtom(stats));
  // The selector never sees undefined.
  expectType<number | undefined>()(react.useAtom(stats, (value) => value.visitors));
  expectType<string | undefined>()(
    react.useAtom(
      board({ id: "7" }),
      ({ title }) => title,
      (one, other) => one.length === other.length,
    ),
  );
  expectType<{ count: number } | undefined>()(react.useAtom<{ count: number }>("named"));
  expectType<number | undefined>()(react.useAtom("named", (value: { count: number }) => value.count));
  // @ts-expect-error no such field
  react.useAtom(stats, (value) => value.visits);
  // @ts-expect-error a pattern is called first
  react.useAtom(board);
  // @ts-expect-error a channel is not an atom
  react.useAtom(room({ id: "1" }));
  const isSameText = (one: string, other: string): boolean => one === other;
  // @ts-expect-error the equality is of what is selected
  react.useAtom(stats, (value) => value.visitors, isSameText);

  const talk = react.useChannel(room({ id: "1" }), (message) => {
    if (message.event === "said") expectType<{ text: string }>()(message.data);
    else expectType<{ name: string }>()(message.data);
  });
  expectType<ClientChannel<typeof roomEvents>>()(talk);
  talk.publish("said", { text: "hi" });
  // @ts-expect-error not its data
  talk.publish("said", { name: "ada" });
  react.useChannel(room({ id: "1" }), () => {}, { from: 1, onGap: ({ from }) => expectType<number>()(from) });
  // @ts-expect-error an atom is not a channel
  react.useChannel(stats);

  react.useEventListener(room({ id: "1" }), "said", ({ data, event }) => {
    expectType<{ text: string }>()(data);
    expectType<"said">()(event);
  });
  // @ts-expect-error no such event
  react.useEventListener(room({ id: "1" }), "sad", () => {});
  react.useEventListener("room/1", "said", ({ data }) => expectType<unknown>()(data));
  react.useEventListener("news/item", ({ data }) => expectType<unknown>()(data));
  react.useEventListener("resume", ({ recovered }) => expectType<boolean>()(recovered));
  // @ts-expect-error a callback is needed
  react.useEventListener("news/item");

  // Nothing is registered here (see register.test.ts): every name goes, with anything.
  const { run, data, error, pending } = react.useRequest("user/get", { timeoutMs: 100 });
  expectType<Promise<unknown>>()(run({ id: "7" }));
  expectType<unknown>()(data);
  expectType<string | undefined>()(error?.code);
  expectType<boolean>()(pending);
  // @ts-expect-error a time is a number
  react.useRequest("user/get", { timeoutMs: "soon" });

  expectType<ClientStatus>()(react.useStatus());
  expectType<TopicStatus>()(react.useTopicStatus(stats));
  react.useTopicStatus(room({ id: "1" }));
  // @ts-expect-error a pattern is called first
  react.useTopicStatus(room);
  expectType<string | undefined>()(react.useUser()?.id);
  react.useClient().send("any/thing");
}

export function provider(): unknown[] {
  // A client of any events will do.
  const client = createClient("/chsk", { events });
  return [
    createElement(react.SyncProvider, { client }),
    createElement(react.SyncProvider, { client: createClient("/chsk") }),
    createElement(react.SyncProvider, { create: () => client }, "children"),
    // @ts-expect-error one or the other
    createElement(react.SyncProvider, { client, create: () => client }),
    // @ts-expect-error one of the two
    createElement(react.SyncProvider, {}),
    // @ts-expect-error not a client
    createElement(react.SyncProvider, { client: {} }),
  ];
}
