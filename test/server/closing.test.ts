/** What a server does with what is gathered when it closes, and what it refuses afterwards or from the start. */
import { createServer as createHttpServer } from "node:http";
import { defineAtom, defineForm } from "sente-sync";
import { doc } from "sente-sync/doc/server";
import { form } from "sente-sync/form/server";
import { atom, channel, createServer, inbox, shared, store } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { handStorage } from "../support/hand-log.ts";
import { createWorld, pushed } from "./world.ts";

const count = defineAtom("count", { initial: { n: 0 } });

test.each([false, true])("ATOM13 what is gathered is stored, and told, when the server closes (drain: %s)", async (drain) => {
  const clock = virtualClock({ seed: 3 });
  const storage = handStorage(clock.envFor("disk"));
  storage.auto = true;
  const world = createWorld({ storage });
  const options = { durability: "strict", debounceMs: 500 } as const;
  const value = atom(world.sync, count, options);
  const brief = atom(world.sync, "brief", { initial: 0, debounceMs: 500 });
  await world.settle();
  const peer = await world.ours();
  await peer.subscribe({ topic: "brief", kind: "atom", since: null });
  peer.take();
  value.update((draft) => {
    draft.n = 5;
  });
  brief.set(1);
  const closing = world.sync.close({ drain });
  await world.advance(5000);
  await closing;
  expect(pushed(peer.take(), "sync/entries")).toHaveLength(1);
  const next = createWorld({ storage });
  const again = atom(next.sync, count, options);
  await next.settle();
  await again.ready;
  expect(again.get()).toEqual({ n: 5 });
});

test("DOOR14 a server that was closed listens to nobody any more", async () => {
  const sync = createServer();
  await sync.close();
  await expect(sync.listen(0)).rejects.toMatchObject({ code: "closed" });
  const http = createHttpServer();
  expect(() => sync.attach(http)).toThrow(expect.objectContaining({ code: "closed" }));
});

test.each(["strict", "relaxed"] as const)(
  "LOG17 what is to be %s needs a storage, and says so where it is declared",
  (durability) => {
    const sync = createServer();
    const schema = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const;
    const refused = expect.objectContaining({ code: "unsupported", message: expect.stringContaining("`storage`") });
    expect(() => atom(sync, "a", { initial: 1, durability })).toThrow(refused);
    expect(() => shared(sync, "b", { durability })).toThrow(refused);
    expect(() => channel(sync, "c", { durability })).toThrow(refused);
    expect(() => doc(sync, "d", { durability })).toThrow(refused);
    expect(() => inbox(sync, { durability })).toThrow(refused);
    expect(() => form(sync, defineForm("e", { schema }) as never, { durability, onSubmit() {} })).toThrow(refused);
    expect(() =>
      store(
        sync,
        { kind: "store", topic: "f", pattern: "f", params: {}, options: { initial: 1, mutations: {} } },
        { durability },
      ),
    ).toThrow(refused);
    expect(() => createServer({ durability })).toThrow(refused);
    expect(atom(sync, "a", { initial: 1, durability: "memory" }).get()).toBe(1);
    createServer({ durability: "memory" });
  },
);
