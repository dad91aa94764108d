/**
 * The chat's server as the gallery runs it, a real process with a folder of its own, which is killed here; and what a window does in
 * its places, over a real WebSocket.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atom, channel, createClient, inbox, relay } from "sente-sync/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { events, life, marks, people, present, room, rooms, type Said } from "../../examples/chat/contract.ts";
import { type Kept, start } from "../../examples/chat/keeper.ts";
import { placeOf } from "../../examples/chat/me.ts";
import {
  dayOf,
  linesOf,
  type Message,
  type Messages,
  noMessages,
  unreadOf,
  withOutcome,
  withPast,
  withSending,
  withStored,
} from "../../examples/chat/messages.ts";
import { type ChatClient, talkInRoom, talkWith } from "../../examples/chat/talk.ts";
import { followLife, talksOf } from "../../examples/chat/talks.ts";
import { readName } from "../../examples/shared/names.ts";

/** A process takes a second to start, more where others are busy. */
const waited = { timeout: 40_000, interval: 25 };

/** The gallery's door, and behind it the process. */
async function open(): Promise<Kept & { come(name: string): ChatClient; url: string }> {
  const folder = mkdtempSync(join(tmpdir(), "sente-sync-chat-test-"));
  const kept = start(folder);
  const door = createServer();
  kept.sync.attach(door, { path: "/chat/chsk" });
  await new Promise<void>((done) => door.listen(0, "127.0.0.1", done));
  onTestFinished(async () => {
    await kept.close();
    door.closeAllConnections();
    door.close();
    rmSync(folder, { recursive: true });
  });
  const url = `ws://127.0.0.1:${(door.address() as AddressInfo).port}/chat/chsk`;
  return {
    ...kept,
    url,
    come(name) {
      const client = createClient(`${url}?name=${encodeURIComponent(name)}`, { events });
      onTestFinished(() => client.close());
      return client;
    },
  };
}

const textsOf = ({ list }: Messages): string[] => list.map(({ text }) => text);

test("what was told as stored is there after the process was killed, and nothing is there twice", async () => {
  const chat = await open();
  const ada = chat.come("Ada");
  const served = atom(ada, life);
  served.subscribe(() => {});
  await vi.waitFor(() => expect(served.get()?.starts).toBe(1), waited);
  const first = served.get()?.pid;

  const heard: string[] = [];
  const kitchen = channel(ada, room({ room: "Kitchen" }));
  kitchen.subscribe(({ data }) => void heard.push(data.text), { from: 1 });
  const said = (text: string): Said => ({ id: text, by: "Ada", text, atMs: 0 });
  const texts = Array.from({ length: 60 }, (_, index) => `message ${index}`);
  const before = texts.slice(0, 20).map((text) => kitchen.publish("said", said(text)));
  await Promise.all(before.map(({ stored }) => stored));
  // Some are under way when it dies, some are written while nobody is there.
  const during = texts.slice(20, 40).map((text) => kitchen.publish("said", said(text)));
  chat.kill();
  const after = texts.slice(40).map((text) => kitchen.publish("said", said(text)));
  await Promise.all([...during, ...after].map(({ stored }) => stored));
  await vi.waitFor(() => expect(served.get()?.starts).toBe(2), waited);
  expect(served.get()?.pid).not.toBe(first);
  expect(served.get()?.downMs).toBeGreaterThan(0);
  await vi.waitFor(() => expect(heard).toEqual(texts), waited);

  // One who comes only now is given the same.
  const { messages, more } = await channel(chat.come("Grace"), room({ room: "Kitchen" })).history({ limit: 100 });
  expect(messages.map(({ data }) => data.text)).toEqual(texts);
  expect(messages.map(({ offset }) => offset)).toEqual(texts.map((_, index) => index + 1));
  expect(more).toBe(false);
});

test("a message to somebody who is away waits, also through a death, and is delivered once", async () => {
  const chat = await open();
  const once = chat.come("Grace");
  await vi.waitFor(() => expect(once.user.get()?.id).toBe("Grace"), waited);
  once.close();
  const ada = chat.come("Ada");
  const here = atom(ada, present);
  here.subscribe(() => {});
  await vi.waitFor(() => expect(here.get()).toEqual(["Ada"]), waited);
  const mine = talkWith(ada, "Grace", "Ada");
  mine.say("Are you there?");
  expect(mine.messages.get().list).toMatchObject([{ text: "Are you there?", state: "sending", offset: 0 }]);
  await vi.waitFor(() => expect(mine.messages.get().list).toMatchObject([{ state: "stored", offset: 1 }]), waited);
  chat.kill();
  mine.say("I wrote this while nobody served.");
  await vi.waitFor(() => expect(mine.messages.get().list).toMatchObject([{}, { state: "stored", offset: 2 }]), waited);
  expect(await mine.check()).toEqual({ lost: 0, of: 2 });

  const grace = chat.come("Grace");
  const hers = talkWith(grace, "Ada", "Grace");
  await vi.waitFor(() => expect(hers.messages.get().isLoaded).toBe(true), waited);
  expect(textsOf(hers.messages.get())).toEqual(["Are you there?", "I wrote this while nobody served."]);
  expect(unreadOf(hers.messages.get(), undefined, "Grace")).toBe(2);
  const mail = inbox(grace).items.get();
  expect(mail.map(({ from }) => from?.user)).toEqual(["Ada", "Ada"]);
  // Another window of the writer has it, too.
  const other = talkWith(chat.come("Ada"), "Grace", "Ada");
  await vi.waitFor(() => expect(textsOf(other.messages.get())).toEqual(textsOf(hers.messages.get())), waited);
});

test("rooms, people and marks outlive the process; a room that nobody made takes nothing", async () => {
  const chat = await open();
  const ada = chat.come("Ada");
  // The first has to wait for the process.
  expect(await ada.request("chat/create", "  The   attic ", { timeoutMs: waited.timeout })).toBe("The attic");
  expect(await ada.request("chat/create", "the ATTIC")).toBe("The attic");
  expect(await ada.request("chat/create", "#!")).toBeNull();
  ada.send("chat/read", { place: "room/Kitchen", offset: 7 });
  ada.send("chat/read", { place: "room/Kitchen", offset: 3 });
  const mine = atom(ada, marks({ user: "Ada" }));
  mine.subscribe(() => {});
  await vi.waitFor(() => expect(mine.get()).toEqual({ "room/Kitchen": 7 }), waited);
  chat.kill();

  const grace = chat.come("Grace");
  const [all, names] = [atom(grace, rooms), atom(grace, people)];
  for (const store of [all, names]) store.subscribe(() => {});
  await vi.waitFor(() => expect(all.get()).toEqual(["Kitchen", "Garden", "Workshop", "The attic"]), waited);
  await vi.waitFor(() => expect(names.get()).toEqual(["Ada", "Grace"]), waited);
  await vi.waitFor(() => expect(mine.status.get()).toBe("live"), waited);
  expect(mine.get()).toEqual({ "room/Kitchen": 7 });

  const theirs = atom(grace, marks({ user: "Ada" }));
  theirs.subscribe(() => {});
  await vi.waitFor(() => expect(theirs.status.get()).toBe("refused"), waited);
  const said = { id: "1", by: "Grace", text: "?", atMs: 0 };
  await expect(channel(grace, room({ room: "Cellar" })).publish("said", said).stored).rejects.toMatchObject({
    code: "forbidden",
  });
  const toNobody = relay(grace).send({ user: "Nobody" }, "chat/direct", { ...said, to: "Nobody" });
  await expect(toNobody.stored).rejects.toMatchObject({ code: "forbidden" });
});

test("a window loads a room page by page, and after a death finds all that it had", async () => {
  const chat = await open();
  const ada = chat.come("Ada");
  const mine = talkInRoom(ada, "Garden", "Ada");
  const texts = Array.from({ length: 70 }, (_, index) => `${index}`);
  for (const text of texts) mine.say(text);
  await vi.waitFor(() => expect(mine.messages.get().list.every(({ offset }) => offset > 0)).toBe(true), waited);
  expect(textsOf(mine.messages.get())).toEqual(texts);

  const grace = chat.come("Grace");
  const garden = talksOf(grace, "Grace").at(placeOf("room/Garden"));
  await vi.waitFor(() => expect(garden.messages.get().isLoaded).toBe(true), waited);
  expect(textsOf(garden.messages.get())).toEqual(texts.slice(40));
  // What was said before she came is not new to her; what comes now is.
  expect(unreadOf(garden.messages.get(), undefined, "Grace")).toBe(0);
  mine.say("new");
  await vi.waitFor(() => expect(unreadOf(garden.messages.get(), undefined, "Grace")).toBe(1), waited);
  await garden.older();
  expect(textsOf(garden.messages.get())).toEqual([...texts.slice(10), "new"]);
  expect(garden.messages.get().hasOlder).toBe(true);
  await garden.older();
  expect(textsOf(garden.messages.get())).toEqual([...texts, "new"]);
  expect(garden.messages.get().hasOlder).toBe(false);

  let told = "";
  onTestFinished(
    followLife(grace, "Grace", (text) => {
      told = text;
    }),
  );
  await vi.waitFor(() => expect(told).toMatch(/^Served by process \d+\.$/), waited);
  chat.kill();
  await vi.waitFor(
    () => expect(told).toMatch(/^Process \d+ was killed, \d+ took over after [\d,]+\sms: 0 of 71 messages lost\.$/),
    waited,
  );
});

test("names", () => {
  expect(["Ada", " Ada  L. ", "Łukasz", "7"].map(readName)).toEqual(["Ada", "Ada L.", "Łukasz", "7"]);
  expect(["", null, "/x", "a/b", "x".repeat(25), "<b>"].map(readName)).toEqual([null, null, null, null, null, null]);
});

const at = (offset: number, by = "Ada", atMs = offset): Message => ({
  id: `id ${offset}`,
  by,
  text: `${offset}`,
  atMs,
  offset,
  state: "stored",
});

test("messages stand in their order and once each, those on their way behind them", () => {
  const first = withPast(withStored(noMessages, [at(3), at(4, "Grace")]), true);
  const sending = withSending(first, { id: "id 6", by: "Ada", text: "6", atMs: 6 });
  const more = withStored(sending, [at(5, "Grace"), at(2), at(3)]);
  expect(more.list.map(({ id, state }) => `${id} ${state}`)).toEqual([
    "id 2 stored",
    "id 3 stored",
    "id 4 stored",
    "id 5 stored",
    "id 6 sending",
  ]);
  expect(withOutcome(more, "id 6").list.at(-1)).toMatchObject({ state: "stored", offset: 0 });
  expect(withOutcome(more, "id 6", "No").list.at(-1)).toMatchObject({ state: "refused", why: "No" });
  expect(withStored(more, [at(6)]).list.map(({ offset }) => offset)).toEqual([2, 3, 4, 5, 6]);
  expect([undefined, 0, 4, 5].map((mark) => unreadOf(more, mark, "Ada"))).toEqual([1, 2, 1, 0]);
});

test("a day and a person are named once, as long as nothing comes between", () => {
  const noon = new Date(2026, 2, 12, 12).getTime();
  const day = 24 * 3_600_000;
  const list = [at(1, "Ada", noon - 9 * day), at(2, "Ada", noon - day), at(3, "Ada", noon), at(4, "Ada", noon + 1000)];
  list.push(at(5, "Grace", noon + 2000), at(6, "Ada", noon + 3000), at(7, "Ada", noon + 600_000));
  const lines = linesOf(withStored(noMessages, list), noon);
  expect(lines.map((line) => ("day" in line ? line.day : `${line.message.offset}${line.isFirst ? " first" : ""}`))).toEqual([
    "Tuesday, March 3, 2026",
    "1 first",
    "Yesterday",
    "2 first",
    "Today",
    "3 first",
    "4",
    "5 first",
    "6 first",
    "7 first",
  ]);
  expect(dayOf(noon - 12 * 3_600_000 - 1, noon)).toBe("Yesterday");
});
