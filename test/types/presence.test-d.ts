/** What must compile, and below `@ts-expect-error` what must not: rooms, their members and events, on both sides and as hooks. */
import { defineRoom, type Ref, type RoomShape, type } from "sente-sync";
import * as client from "sente-sync/client";
import * as react from "sente-sync/react/presence";
import * as server from "sente-sync/server";
import * as svelte from "sente-sync/svelte/presence";
import * as v from "valibot";
import { expectType } from "./expect.ts";

interface Guest {
  name: string;
  cursor: { x: number; y: number } | null;
}
const events = { ping: type<{ x: number }>() };
const cursors = defineRoom("cursors/:room", { schema: type<Guest>(), events, stage: type<{ slide: number }>() });
const plain = defineRoom("plain");
const parsed = defineRoom("parsed", { schema: v.object({ age: v.pipe(v.string(), v.transform(Number)) }) });
const ref = cursors({ room: "1" });
declare const owner: client.Client;

export function definitions(): void {
  expectType<Ref<"presence", RoomShape<Guest, Guest, typeof events, { slide: number }>>>()(ref);
  // @ts-expect-error a param is missing
  cursors({});
}

export function onClient(): void {
  const room = client.presence(owner, ref, { name: "Ada", cursor: null });
  expectType<readonly client.Member<Guest>[]>()(room.others.get());
  expectType<client.Self<Guest>>()(room.self.get());
  room.set({ cursor: { x: 1, y: 2 } });
  // @ts-expect-error no such field
  room.set({ curser: null });
  // @ts-expect-error a name is missing
  client.presence(owner, ref, { cursor: null });
  // @ts-expect-error a pattern is called first
  client.presence(owner, cursors);
  room.broadcast("ping", { x: 1 }, { lossy: true });
  // @ts-expect-error no such event
  room.broadcast("pong", 1);
  // @ts-expect-error its data is another
  room.broadcast("ping", { y: 1 });
  room.on("ping", ({ data, from }) => {
    expectType<{ x: number }>()(data);
    expectType<Guest | undefined>()(from?.data);
  });
  const stage = client.presenter(owner, ref);
  expectType<{ slide: number } | undefined>()(stage.shown.get());
  // @ts-expect-error another stage
  void stage.show({ page: 1 });
  client.presence(owner, plain, { anything: 1 }).broadcast("whatever", 1);
  const strings = client.presence(owner, parsed, { age: "7" });
  expectType<number | undefined>()(strings.others.get()[0]?.data.age);
  // @ts-expect-error what goes in is text
  strings.set({ age: 7 });
  expectType<readonly client.Member<Guest>[]>()(client.near(owner, ref).members.get());
}

export function onServer(sync: server.Server): void {
  const rooms = server.presence(sync, cursors, {
    onUpdate({ data, before, params }) {
      expectType<Guest>()(data);
      expectType<Guest | undefined>()(before);
      expectType<string>()(params.room);
      return { ...data, name: data.name.trim() };
    },
    near: { cell: 100, position: ({ cursor }) => cursor },
  });
  void rooms.open({ room: "1" }).then((room) => {
    expectType<Guest | undefined>()(room.members.get()[0]?.data);
    room.broadcast("ping", { x: 1 });
    room.show({ slide: 1 });
    // @ts-expect-error no such event
    room.broadcast("pong", 1);
  });
  server.presence(sync, plain);
  // @ts-expect-error not a guest
  server.presence(sync, cursors, { onUpdate: () => ({ nobody: true }) });
}

export function useHooks(): void {
  const [data, set] = react.useMyPresence(ref, { name: "Ada", cursor: null });
  expectType<Guest>()(data);
  set({ cursor: null });
  // @ts-expect-error no such field
  set({ curser: null });
  expectType<number>()(react.useOthers(ref, (others) => others.length));
  expectType<string | undefined>()(react.useOther(ref, "id", (member) => member.data.name));
  expectType<readonly (readonly [string, string])[]>()(react.useOthersMapped(ref, ({ data: { name } }) => name));
  react.useEventListener(ref, "ping", ({ data: { x } }) => expectType<number>()(x));
  // @ts-expect-error no such event
  react.useEventListener(ref, "pong", () => {});
  expectType<{ slide: number } | undefined>()(react.usePresenter(ref).shown);
}

export function inSvelte(): void {
  const room = svelte.presence(ref, { name: "Ada", cursor: null });
  expectType<string>()(room.select((others) => others.map(({ data }) => data.name).join()).current);
  expectType<readonly client.Pointer<Guest>[]>()(svelte.pointer(owner, ref).current);
  expectType<{ slide: number } | undefined>()(svelte.presenter(ref).shown.current);
}
