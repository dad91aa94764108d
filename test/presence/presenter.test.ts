/** Who presents. Rules: docs/protocol/presence.md PRESENTER1-PRESENTER8. */
import { defineRoom, isSyncError, type } from "sente-sync";
import { presence, presenter } from "sente-sync/client";
import { presence as rooms, type ServerRoomOptions } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld } from "../server/world.ts";

interface Slide {
  readonly slide: number;
}
const slides = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) =>
      Number.isInteger((value as Slide).slide) ? { value: value as Slide } : { issues: [{ message: "no slide" }] },
  },
} as ReturnType<typeof type<Slide>>;
const ref = defineRoom("talk", { schema: type<{ readonly name: string }>(), stage: slides });

function start(options: ServerRoomOptions<{ readonly name: string }> = {}) {
  const world = createWorld();
  const room = rooms(world.sync, ref, options);
  const join = (name: string) => {
    const client = world.client();
    return { client, room: presence(client, ref, { name }), talk: presenter(client, ref) };
  };
  const code = async (promise: Promise<void>): Promise<string> => {
    let result = "under way";
    promise.then(
      () => (result = "done"),
      (error: unknown) => (result = isSyncError(error) ? error.code : String(error)),
    );
    await world.advance(50);
    return result;
  };
  const who = ({ talk }: ReturnType<typeof join>): string | undefined => talk.presenter.get()?.data.name;
  return { world, room, join, code, who };
}

test("PRESENTER1, PRESENTER2 one presents; who may not take the stage does not, nor show something", async () => {
  const { world, room, join, code, who } = start();
  const [ada, bob] = [join("ada"), join("bob")];
  expect(await code(ada.talk.take())).toBe("closed");
  await world.advance(300);
  expect(await code(bob.talk.show({ slide: 1 }))).toBe("forbidden");
  expect(await code(ada.talk.take())).toBe("done");
  expect(await code(ada.talk.take())).toBe("done");
  expect(await code(bob.talk.take())).toBe("forbidden");
  expect(await code(ada.talk.show({ slide: 3 }))).toBe("done");
  expect([who(bob), bob.talk.shown.get(), ada.talk.isPresenter.get(), bob.talk.isPresenter.get()]).toEqual([
    "ada",
    { slide: 3 },
    true,
    false,
  ]);
  expect(room.stage).toEqual({ presenter: ada.room.self.get().id, value: { slide: 3 } });
});

test("PRESENTER2 while the presenter is reconnecting others may take it; mayTake decides where it is there", async () => {
  const { world, join, code, who } = start({ graceMs: 3_600_000 });
  const [ada, bob] = [join("ada"), join("bob")];
  await world.advance(300);
  await code(ada.talk.take());
  const peer = ada.client;
  void peer;
  expect(await code(bob.talk.take())).toBe("forbidden");
  const asked: unknown[] = [];
  const other = start({
    presenter: {
      mayTake({ member, presenter: now }) {
        asked.push([member.data, now?.data]);
        return (member.data as { name: string }).name === "bob";
      },
    },
  });
  const [eve, dan] = [other.join("eve"), other.join("bob")];
  await other.world.advance(300);
  expect(await other.code(eve.talk.take())).toBe("forbidden");
  other.room.setPresenter(eve.room.self.get().id as string);
  expect(await other.code(dan.talk.take())).toBe("done");
  expect(other.who(eve)).toBe("bob");
  expect(asked).toEqual([
    [{ name: "eve" }, undefined],
    [{ name: "bob" }, { name: "eve" }],
  ]);
  expect(who(bob)).toBe("ada");
});

test("PRESENTER3 the stage is handed over, or given to nobody", async () => {
  const { world, join, code, who } = start();
  const [ada, bob] = [join("ada"), join("bob")];
  await world.advance(300);
  await code(ada.talk.take());
  expect(await code(ada.talk.hand("nobody"))).toBe("not-found");
  expect(await code(bob.talk.hand(bob.room.self.get().id as string))).toBe("forbidden");
  expect(await code(ada.talk.hand(bob.room.self.get().id as string))).toBe("done");
  expect([who(ada), bob.talk.isPresenter.get()]).toEqual(["bob", true]);
  expect(await code(bob.talk.give())).toBe("done");
  expect(who(ada)).toBeUndefined();
});

test.each([
  ["next", "bob"],
  ["none", undefined],
] as const)("PRESENTER4, PRESENTER5 the presenter is gone: %s; what was shown stays", async (onGone, expected) => {
  const { world, join, code, who } = start({ presenter: { onGone } });
  const ada = join("ada");
  await world.advance(100);
  const bob = join("bob");
  await world.advance(100);
  const cid = join("cid");
  await world.advance(300);
  await code(ada.talk.take());
  await code(ada.talk.show({ slide: 7 }));
  ada.client.close();
  await world.advance(100);
  expect(who(cid)).toBe("ada");
  await world.advance(1000);
  expect(who(cid)).toBe(expected);
  expect([bob.talk.shown.get(), cid.talk.shown.get()]).toEqual([{ slide: 7 }, { slide: 7 }]);
  const dan = join("dan");
  dan.talk.shown.listen(() => {});
  await world.advance(300);
  expect([who(dan), dan.talk.shown.get()]).toEqual([expected, { slide: 7 }]);
});

test("PRESENTER6, PRESENTER7 what is shown is checked; of what is shown meanwhile only the newest is sent", async () => {
  const { world, join, code } = start();
  const [ada, bob] = [join("ada"), join("bob")];
  await world.advance(300);
  await code(ada.talk.take());
  expect(await code(ada.talk.show({ slide: 0.5 }))).toBe("invalid");
  expect(await code(ada.talk.show({ slide: 1, notes: "x".repeat(5000) } as Slide))).toBe("too-large");
  const shown: unknown[] = [];
  bob.talk.shown.listen((value) => void shown.push(value?.slide));
  const sent = [1, 2, 3, 4].map((slide) => ada.talk.show({ slide }));
  expect(sent[1]).toBe(sent[3]);
  expect(await code(Promise.all(sent).then(() => {}))).toBe("done");
  await world.advance(50);
  expect(shown.at(-1)).toBe(4);
  expect(shown).not.toContain(2);
});

test("PRESENTER8 the server gives the stage to anybody, and shows something itself", async () => {
  const { world, room, join, who } = start();
  const ada = join("ada");
  ada.talk.shown.listen(() => {});
  await world.advance(300);
  room.setPresenter(ada.room.self.get().id as string);
  room.show({ slide: 9 });
  await world.advance(50);
  expect([who(ada), ada.talk.shown.get()]).toEqual(["ada", { slide: 9 }]);
  room.setPresenter(null);
  await world.advance(50);
  expect(who(ada)).toBeUndefined();
  expect(() => room.setPresenter("nobody")).toThrow("Nobody");
});
