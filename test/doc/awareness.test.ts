/** Who is at a document: what others show, under whose numbers, and when they are gone. */
import { isSyncError, SyncError } from "sente-sync";
import { presence } from "sente-sync/client";
import { doc as clientDoc, remote } from "sente-sync/doc";
import { expect, onTestFinished, test, vi } from "vitest";
import * as Y from "yjs";
import { createWorld, notes, type Page } from "./world.ts";

type State = { readonly [key: string]: unknown };

/** What a page shows of the others. */
const others = ({ note: { awareness } }: Page): State[] =>
  [...awareness.getStates()].flatMap(([client, state]) => (client === awareness.clientID ? [] : [state]));

const named = (page: Page, name: string): Page => {
  page.note.awareness.setLocalStateField("user", { name });
  return page;
};

test("AWARE1 who may read the document looks, and who may be present is seen", async () => {
  const asked: string[] = [];
  const world = createWorld({
    authorize({ action, kind, topic, user }) {
      asked.push(`${kind} ${topic} ${action}`);
      return action !== "presence" || user.id !== "bob";
    },
  });
  const [ada, bob] = [named(await world.page("ada"), "Ada"), named(await world.page("bob"), "Bob")];
  await world.advance(200);
  expect([others(ada), others(bob)]).toEqual([[], [{ user: { name: "Ada" } }]]);
  expect(new Set(asked)).toEqual(new Set(["doc notes/1 read", "doc notes/1 presence"]));
  world.family.delete({ id: "1" });
  await world.advance(200);
  expect(others(bob)).toEqual([]);
});

test("AWARE2 cursors as editors put them there arrive, and only what changed is said", async () => {
  const world = createWorld();
  const [ada, bob] = [named(await world.page("ada"), "Ada"), named(await world.page("bob"), "Bob")];
  ada.type(0, "hello");
  const text = ada.note.doc.getText("text");
  await world.advance(200);
  const said: unknown[] = [];
  const room = presence(bob.client, `${bob.note.topic}/@awareness`);
  const stop = room.others.listen((members) => said.push(members[0]?.data));
  for (const at of [1, 2, 3]) {
    ada.note.awareness.setLocalStateField("cursor", { anchor: Y.createRelativePositionFromTypeIndex(text, at), head: null });
  }
  await world.advance(500);
  const [state] = others(bob) as [{ readonly user: object; readonly cursor: { readonly anchor: Y.RelativePosition } }];
  expect(state.user).toEqual({ name: "Ada" });
  expect(Y.createAbsolutePositionFromRelativePosition(state.cursor.anchor, bob.note.doc)?.index).toBe(3);
  // The three of one turn: what was said first, and the newest.
  expect(said.length).toBeLessThanOrEqual(2);
  ada.note.awareness.setLocalState({ user: { name: "Ada" } });
  await world.advance(500);
  expect(others(bob)).toEqual([{ user: { name: "Ada" } }]);
  stop();
});

test("AWARE3 a number is made of what the server issued, and a client id in the data means nothing", async () => {
  const world = createWorld();
  const [ada, bob, mallory] = [await world.page("ada"), await world.page("bob"), await world.page("mallory")];
  named(ada, "Ada");
  const forged = presence(mallory.client, `${mallory.note.topic}/@awareness`, {
    clientID: ada.note.doc.clientID,
    clock: 1e9,
    user: { name: "not Ada" },
  });
  expect(others(bob)).toEqual([]);
  await world.advance(200);
  const { awareness } = bob.note;
  expect(others(bob).map(({ user }) => user)).toEqual([{ name: "Ada" }, { name: "not Ada" }]);
  expect(awareness.getStates().has(ada.note.doc.clientID)).toBe(false);
  const clientsOf = (page: Page): number[] => [...page.note.awareness.getStates().keys()].slice(1);
  expect(new Set([...clientsOf(bob), bob.note.doc.clientID]).size).toBe(3);
  expect(clientsOf(bob)[1]).toBe(Number.parseInt(forged.self.get().id as string, 16));
  // Where somebody has that number already, it is the next.
  const carol = await world.page("carol");
  carol.note.doc.clientID = clientsOf(bob)[0] as number;
  expect(carol.note.awareness.clientID).toBe(clientsOf(bob)[0]);
  await world.advance(200);
  expect(clientsOf(carol)[0]).toBe((clientsOf(bob)[0] as number) + 1);
});

test("AWARE4 changes are told with their numbers and the origin `remote`, once an entry", async () => {
  const world = createWorld();
  const [ada, bob] = [await world.page("ada"), await world.page("bob")];
  const told: unknown[] = [];
  const { awareness } = bob.note;
  awareness.setLocalState({ user: "bob" });
  awareness.on("change", ({ added, updated, removed }: Record<string, number[]>, origin: unknown) =>
    told.push([origin, added?.length, updated?.length, removed?.length]),
  );
  named(ada, "Ada");
  await world.advance(200);
  ada.note.awareness.setLocalStateField("cursor", 4);
  await world.advance(200);
  ada.note.awareness.setLocalState(null);
  await world.advance(200);
  expect(told).toEqual([
    [remote, 1, 0, 0],
    [remote, 0, 1, 0],
    [remote, 0, 0, 1],
  ]);
  expect(awareness.getLocalState()).toEqual({ user: "bob" });
  expect(awareness.clientID).toBe(bob.note.doc.clientID);
});

test("AWARE5 who is silent stays, whose line is lost is gone with the grace, and who closes is gone at once", async () => {
  // What y-protocols would forget people by.
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const world = createWorld();
  const [ada, bob, carol] = [
    named(await world.page("ada"), "Ada"),
    named(await world.page("bob"), "Bob"),
    named(await world.page("carol"), "Carol"),
  ];
  await world.advance(120_000);
  expect(vi.getTimerCount()).toBe(0);
  expect(others(ada)).toEqual([{ user: { name: "Bob" } }, { user: { name: "Carol" } }]);
  bob.offline();
  await world.advance(4000);
  expect(others(ada)).toHaveLength(2);
  await world.advance(1500);
  expect(others(ada)).toEqual([{ user: { name: "Carol" } }]);
  carol.client.close();
  await world.advance(600);
  expect(others(ada)).toEqual([]);
  bob.online();
  await world.advance(2000);
  expect([others(ada), others(bob)]).toEqual([[{ user: { name: "Bob" } }], [{ user: { name: "Ada" } }]]);
});

test("AWARE6 a page whose line is down shows nobody after a while, and who is there when it is back", async () => {
  const world = createWorld();
  const [ada, bob] = [named(await world.page("ada"), "Ada"), named(await world.page("bob"), "Bob")];
  await world.advance(200);
  bob.offline();
  await world.advance(4000);
  expect(others(bob)).toHaveLength(1);
  await world.advance(2000);
  expect(others(bob)).toEqual([]);
  named(ada, "Ada L.");
  named(bob, "Bob B.");
  bob.online();
  await world.advance(2000);
  expect([others(bob), others(ada)]).toEqual([[{ user: { name: "Ada L." } }], [{ user: { name: "Bob B." } }]]);
});

test("AWARE7 a page is seen from its first look at the awareness, while it reads the document and has something to show", async () => {
  const world = createWorld();
  const [ada, bob] = [named(await world.page("ada"), "Ada"), await world.page("bob", { lingerMs: 0 })];
  await world.advance(200);
  expect(others(ada)).toEqual([]);
  named(bob, "Bob");
  await world.advance(200);
  expect(others(ada)).toEqual([{ user: { name: "Bob" } }]);
  bob.note.awareness.setLocalState(null);
  await world.advance(200);
  expect([others(ada), others(bob)]).toEqual([[], [{ user: { name: "Ada" } }]]);
  bob.note.awareness.setLocalState({ user: { name: "Bob" } });
  await world.advance(200);
  expect(others(ada)).toHaveLength(1);
  bob.note.close();
  await world.advance(200);
  expect([others(ada), others(bob)]).toEqual([[], []]);
  const again = clientDoc(bob.client, notes({ id: "1" }));
  await world.advance(200);
  expect(again.awareness).toBe(bob.note.awareness);
  expect([others(ada), others(bob)]).toEqual([[{ user: { name: "Bob" } }], [{ user: { name: "Ada" } }]]);
  again.awareness.destroy();
  await world.advance(200);
  expect(others(ada)).toEqual([]);
});

test("AWARE8 what the server makes of it is what all see, and what it refuses is taken back", async () => {
  const befores: unknown[] = [];
  const world = createWorld({
    onAwarenessUpdate({ topic, params, user, state, before }) {
      befores.push(before);
      if (state["cursor"] === "bad") throw new SyncError("invalid", "No such place.");
      return { ...state, user: { name: user.id }, seen: [topic, params.id] };
    },
  });
  const [ada, bob] = [named(await world.page("ada"), "Eve"), await world.page("bob")];
  expect(others(bob)).toEqual([]);
  await world.advance(200);
  const shown = { user: { name: "ada" }, seen: ["notes/1", "1"] };
  expect([ada.note.awareness.getLocalState(), others(bob)]).toEqual([shown, [shown]]);
  for (const cursor of ["bad", "x".repeat(5000)]) {
    ada.note.awareness.setLocalStateField("cursor", cursor);
    await world.advance(200);
    expect([ada.note.awareness.getLocalState(), others(bob)]).toEqual([shown, [shown]]);
  }
  expect([befores[0], befores.at(-1)]).toEqual([undefined, shown]);
  expect(world.errors.map(({ error }) => isSyncError(error) && error.code)).toEqual(["invalid", "too-large"]);
});

test("AWARE9 where the document is replaced, so is its awareness, and to others it is the same member", async () => {
  const world = createWorld({ authorize: ({ action, user }) => action !== "write" || user.id !== "bob" });
  const [ada, bob] = [named(await world.page("ada"), "Ada"), named(await world.page("bob"), "Bob")];
  await world.advance(200);
  const told: unknown[] = [];
  ada.note.awareness.on("change", (changes: unknown) => told.push(changes));
  const before = bob.note.awareness;
  bob.type(0, "no");
  await world.advance(2000);
  expect(bob.note.awareness).not.toBe(before);
  expect([bob.note.awareness.doc, bob.note.awareness.getLocalState()]).toEqual([bob.note.doc, { user: { name: "Bob" } }]);
  expect(before.getLocalState()).toBe(null);
  expect([others(bob), others(ada), told]).toEqual([[{ user: { name: "Ada" } }], [{ user: { name: "Bob" } }], []]);
});
