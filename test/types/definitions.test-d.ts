/**
 * What must compile, and below `@ts-expect-error` what must not: definitions, refs, and what server and client make of them.
 * The compiler runs this; nothing else does.
 */
import { defineAtom, defineChannel, defineEvents, type Ref, SyncError, type } from "sente-sync";
import * as client from "sente-sync/client";
import * as server from "sente-sync/server";
import * as v from "valibot";
import { expectType } from "./expect.ts";

interface Board {
  title: string;
  shapes: { [id: string]: { x: number; y: number } };
}

const empty: Board = { title: "", shapes: {} };
const stats = defineAtom("stats", { initial: { visitors: 0, last: null as string | null } });
const board = defineAtom("org/:org/board/:id", { initial: empty });
const room = defineChannel("room/:id", {
  events: { said: type<{ text: string }>(), counted: v.pipe(v.string(), v.transform(Number)) },
});
const general = defineChannel("general", { events: { said: type<{ text: string }>() } });
const untyped = defineChannel("log");
const events = defineEvents({
  "page/visit": { data: type<{ path: string }>() },
  "user/get": { data: v.object({ id: v.string() }), reply: type<{ name: string }>() },
  "user/count": { reply: type<number>() },
  "count/parse": { data: v.pipe(v.string(), v.transform(Number)) },
  "clock/tick": {},
});
type User = { readonly id: string; readonly anonymous?: boolean; readonly name?: string };

export function definitions(): void {
  // A name without params is its own ref; a pattern is called with exactly its params.
  expectType<Ref<"atom", { visitors: number; last: string | null }>>()(stats);
  expectType<Ref<"atom", Board>>()(board({ org: "acme", id: "7" }));
  // @ts-expect-error a param is missing
  board({ org: "acme" });
  // @ts-expect-error a param is a string
  board({ org: "acme", id: 7 });
  // @ts-expect-error no such param
  board({ org: "acme", id: "7", page: "1" });
  // @ts-expect-error a ref is not called
  stats({});
  // @ts-expect-error an atom has an initial value
  defineAtom("nothing", {});
  // @ts-expect-error an event is a schema
  defineChannel("numbers", { events: { said: 1 } });
  // @ts-expect-error data is a schema
  defineEvents({ "page/visit": { data: "string" } });
  // @ts-expect-error codes of an application have a namespace
  new SyncError("taken");
  new SyncError("app/taken");
}

export function onServer(): void {
  const sync = server.createServer({ events });

  const live = server.atom(sync, stats);
  expectType<{ visitors: number; last: string | null }>()(live.get());
  live.update((draft) => {
    draft.visitors++;
    // @ts-expect-error not a string
    draft.visitors = "one";
    // @ts-expect-error no such field
    draft.nothing = 1;
  });
  // @ts-expect-error a field is missing
  live.set({ visitors: 1 });
  // @ts-expect-error a channel is not an atom
  server.atom(sync, general);

  // A pattern gives a family, whose hooks know its params.
  const boards = server.atom(sync, board, {
    initial: ({ params }) => {
      expectType<{ readonly org: string; readonly id: string }>()(params);
      const made: Board = { title: params.id, shapes: {} };
      return made;
    },
  });
  expectType<Promise<server.ServerAtom<Board>>>()(boards.open({ org: "acme", id: "7" }));
  // @ts-expect-error a param is missing
  void boards.open({ org: "acme" });
  // @ts-expect-error one board is not a family
  server.atom(sync, board({ org: "acme", id: "7" })).open({ org: "acme", id: "7" });
  // @ts-expect-error not a board
  server.atom(sync, board, { initial: { title: 1, shapes: {} } });

  const talk = server.channel(sync, general);
  talk.publish("said", { text: "hi" });
  // @ts-expect-error no such event
  talk.publish("sad", { text: "hi" });
  // @ts-expect-error not its data
  talk.publish("said", { texts: "hi" });

  sync.on("page/visit", ({ data, user, event, peer }) => {
    expectType<{ path: string }>()(data);
    expectType<User>()(user);
    expectType<string>()(event);
    peer.send("any/thing");
  });
  // A handler gets what the schema makes, and returns the reply.
  sync.on("count/parse", ({ data }) => expectType<number>()(data));
  sync.on("user/get", ({ data }) => ({ name: data.id }));
  sync.on("user/get", async ({ data }) => ({ name: data.id }));
  // @ts-expect-error not the reply
  sync.on("user/get", () => ({ names: [] }));
  // @ts-expect-error no such event
  sync.on("user/got", () => {});
  sync.on("clock/tick", ({ data }) => expectType<undefined>()(data));

  sync.send("ada", "page/visit", { path: "/" });
  sync.broadcast("clock/tick");
  // @ts-expect-error data is missing
  sync.broadcast("page/visit");
  // @ts-expect-error no such event
  sync.send("ada", "page/left", { path: "/" });

  // Without declared events every name goes, with anything.
  const open = server.createServer();
  open.on("any/thing", ({ data }) => expectType<unknown>()(data));
  open.broadcast("any/thing", { at: 1 });
}

export function onClient(): void {
  const one = client.createClient("/chsk", { events });

  const live = client.atom(one, stats);
  expectType<{ visitors: number; last: string | null } | undefined>()(live.get());
  expectType<Promise<{ visitors: number; last: string | null }>>()(live.ready);
  live.listen((value, { cause }) => {
    expectType<{ visitors: number; last: string | null } | undefined>()(value);
    expectType<"entries" | "snapshot" | "cleared">()(cause);
  });
  const visitors = client.derived(live, (value) => value?.visitors);
  expectType<number | undefined>()(visitors.get());
  // @ts-expect-error a client does not set an atom
  live.set({ visitors: 1, last: null });
  // @ts-expect-error a pattern is called first
  client.atom(one, board);
  client.atom(one, board({ org: "acme", id: "7" }));
  // @ts-expect-error a channel is not an atom
  client.atom(one, general);
  expectType<client.ClientAtom<Board>>()(client.atom<Board>(one, "org/acme/board/7"));

  const talk = client.channel(one, room({ id: "1" }));
  talk.subscribe((message) => {
    expectType<number>()(message.offset);
    expectType<string | null>()(message.from);
    // The event tells the data.
    if (message.event === "said") expectType<{ text: string }>()(message.data);
    else expectType<number>()(message.data);
    // @ts-expect-error no such event
    if (message.event === "sad") return;
  });
  const receipt = talk.publish("said", { text: "hi" });
  expectType<"local" | "sent" | "stored" | "rejected">()(receipt.status);
  // A publisher gives what the schema takes, and a reader gets what it makes.
  talk.publish("counted", "7");
  // @ts-expect-error that is what a reader gets
  talk.publish("counted", 7);
  // @ts-expect-error no such event
  talk.publish("sad", { text: "hi" });
  talk.subscribe(() => {}, { from: 12, onGap: ({ from, to }) => expectType<number>()(from - to) });
  // @ts-expect-error not an offset
  talk.subscribe(() => {}, { from: "first" });
  client.channel(one, untyped).publish("anything", [1, 2]);
  // @ts-expect-error an atom is not a channel
  client.channel(one, stats);

  expectType<client.SendResult>()(one.send("page/visit", { path: "/" }));
  one.send("clock/tick");
  // @ts-expect-error data is missing
  one.send("page/visit");
  // @ts-expect-error not its data
  one.send("page/visit", { paths: "/" });
  // @ts-expect-error no such event
  one.send("page/left", { path: "/" });
  one.send("count/parse", "7");

  expectType<Promise<{ name: string }>>()(one.request("user/get", { id: "7" }));
  expectType<Promise<number>>()(one.request("user/count", undefined, { timeoutMs: 100 }));
  // @ts-expect-error not its data
  void one.request("user/get", { id: 7 });

  one.on("page/visit", ({ data }) => expectType<{ path: string }>()(data));
  one.on("resume", ({ recovered }) => expectType<boolean>()(recovered));
  // @ts-expect-error no such event
  one.on("page/left", () => {});
  expectType<User | undefined>()(one.user.get());
  // @ts-expect-error no such state
  if (one.status.get().name === "online") return;

  // Without declared events every name goes, with anything.
  const open = client.createClient("/chsk");
  open.send("any/thing", 1);
  expectType<Promise<unknown>>()(open.request("any/thing", 1));
}
