/** What a client keeps, and what becomes of what a dead one kept. Rules: docs/protocol/writes.md OUTBOX9-OUTBOX16. */
import { signOut } from "sente-sync/client";
import { expect, test } from "vitest";
import { codeOf, createOutboxWorld, MemoryDisk } from "./outbox-world.ts";

test("OUTBOX9 a write is kept, number and all, before it is sent, and forgotten once it is answered", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const tab = world.tab(disk);
  await world.advance(10);
  expect([disk.records.size, tab.lies.said.length > 0]).toEqual([0, true]);
  let atSending = "";
  tab.lies.hear = (text) => text;
  const { said } = tab.lies;
  const before = said.length;
  const push = said.push.bind(said);
  said.push = (...texts) => {
    if (texts.some((text) => text.includes(":sync/write"))) atSending = disk.text;
    return push(...texts);
  };
  const receipts = [1, 2].map((n) => tab.room.publish("said", `word ${n}`));
  await world.advance(10);
  expect(await Promise.all(receipts.map(codeOf))).toEqual(["stored", "stored"]);
  expect(said.slice(before).filter((text) => text.includes(":sync/write"))).toHaveLength(1);
  // Session and numbers, in what was on the disk when the message left.
  expect(atSending).toMatch(/"word 1"\] false "\w+" 1\]/);
  expect(atSending).toMatch(/"word 2"\] false "\w+" 2\]/);
  expect(disk.text).toBe("");
  expect([tab.pending, tab.errors]).toEqual([0, []]);
});

test("OUTBOX10 what a closed tab had not sent is sent by the next, in order, with nothing opened", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const first = world.tab(disk);
  await world.advance(10);
  first.offline();
  for (const n of [1, 2, 3]) first.room.publish("said", n);
  await world.advance(100);
  first.client.close();
  await world.advance(10);
  const second = world.tab(disk, "ada", { autoConnect: false });
  await world.advance(10);
  expect([second.pending, world.stored]).toEqual([3, []]);
  second.client.connect();
  await world.advance(1000);
  expect([world.stored, second.pending, disk.records.size, second.errors]).toEqual([[1, 2, 3], 0, 0, []]);
});

test("OUTBOX10 what a killed tab had sent is answered as it was: it is there once", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const first = world.tab(disk);
  await world.advance(10);
  first.deaf();
  for (const n of [1, 2]) first.room.publish("said", n);
  await world.advance(10);
  first.offline();
  first.room.publish("said", 3);
  await world.advance(10);
  first.kill();
  expect(world.stored).toEqual([1, 2]);
  const second = world.tab(disk);
  await world.advance(1000);
  expect([world.stored, second.pending, disk.records.size, second.errors]).toEqual([[1, 2, 3], 0, 0, []]);
  // Never two lines for long: the one that finished it is closed.
  expect(world.sync.stats().connections).toBe(1);
  expect(world.sync.stats().repeatedWrites).toBe(2);
});

test("OUTBOX10 where the server has forgotten the session, what was sent is told as session-lost, the rest is sent", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const first = world.tab(disk);
  await world.advance(10);
  first.deaf();
  first.room.publish("said", "sent");
  await world.advance(10);
  first.offline();
  first.room.publish("said", "not sent");
  await world.advance(10);
  first.kill();
  world.replaceServer();
  const second = world.tab(disk);
  await world.advance(1000);
  expect([world.stored, second.pending, disk.text]).toEqual([["sent", "not sent"], 0, ""]);
  const [lost, ...others] = second.rejected.get();
  expect([lost?.code, lost?.topic, lost?.kind, lost?.op, others]).toEqual([
    "session-lost",
    "room",
    "channel",
    ["said", "sent"],
    [],
  ]);
  // To be written again, if a person says so.
  const again = lost?.retry();
  await world.advance(100);
  expect([again?.status, world.stored, second.rejected.get()]).toEqual(["stored", ["sent", "not sent", "sent"], []]);
  second.room.subscribe(() => {});
  await world.advance(100);
  expect([second.room.status.get(), second.errors]).toEqual(["live", []]);
});

test("OUTBOX10 a tab that is killed while it finishes what another left leaves it to the next", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  let tab = world.tab(disk);
  await world.advance(10);
  tab.offline();
  for (const n of [1, 2, 3]) tab.room.publish("said", n);
  await world.advance(10);
  tab.kill();
  for (let afterMs = 0; afterMs < 12; afterMs++) {
    tab = world.tab(disk);
    tab.deaf();
    await world.advance(afterMs);
    tab.kill();
  }
  tab = world.tab(disk);
  await world.advance(1000);
  expect([world.stored, tab.pending, disk.text, tab.errors]).toEqual([[1, 2, 3], 0, "", []]);
});

test("OUTBOX11 what is written meanwhile comes behind what was left for its topic", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const first = world.tab(disk);
  await world.advance(10);
  first.deaf();
  first.room.publish("said", 1);
  await world.advance(10);
  first.offline();
  first.room.publish("said", 2);
  await world.advance(10);
  first.kill();
  const second = world.tab(disk);
  const receipt = second.room.publish("said", 3);
  await world.advance(1000);
  expect([world.stored, receipt.status, second.errors]).toEqual([[1, 2, 3], "stored", []]);
});

test("OUTBOX11 of what several dead tabs left, what is older is sent first, whatever their records are called", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const tabs = Array.from({ length: 4 }, () => world.tab(disk));
  await world.advance(10);
  for (const tab of tabs) tab.offline();
  for (const [index, tab] of tabs.entries()) {
    tab.room.publish("said", `first of ${index}`);
    await world.advance(10);
  }
  // One of them had nothing left for a while, and is the newest then.
  const [late] = tabs;
  if (late) {
    late.lies.refuse = false;
    late.client.reconnect();
    await world.advance(1000);
    late.offline();
    late.room.publish("said", "last of 0");
  }
  await world.advance(10);
  for (const tab of tabs) tab.kill();
  // The store lists them in another order.
  const shuffled = [...disk.records].reverse();
  disk.records.clear();
  for (const [id, rows] of shuffled) disk.records.set(id, rows);
  const next = world.tab(disk);
  await world.advance(1000);
  expect([world.stored, next.pending, next.errors]).toEqual([
    ["first of 0", "first of 1", "first of 2", "first of 3", "last of 0"],
    0,
    [],
  ]);
});

test("OUTBOX12 tabs that live keep their own; what is left by one that dies later is found by another", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const [one, two] = [world.tab(disk), world.tab(disk)];
  await world.advance(10);
  one.offline();
  one.room.publish("said", "of one");
  await world.advance(10);
  two.room.publish("said", "of two");
  const three = world.tab(disk);
  await world.advance(120_000);
  expect([world.stored, one.pending, two.pending, three.pending, disk.records.size]).toEqual([["of two"], 1, 0, 0, 1]);
  one.kill();
  await world.advance(61_000);
  expect([world.stored, two.pending, three.pending, disk.records.size]).toEqual([["of two", "of one"], 0, 0, 0]);
  expect([...two.errors, ...three.errors]).toEqual([]);
});

test("OUTBOX13 what one user wrote is not sent as another, and waits for the one who wrote it", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const ada = world.tab(disk, "ada");
  await world.advance(10);
  ada.deaf();
  ada.room.publish("said", "ada's, sent");
  await world.advance(10);
  ada.offline();
  ada.room.publish("said", "ada's");
  await world.advance(10);
  ada.client.close();
  const kept = disk.text;
  const bob = world.tab(disk, "bob");
  bob.room.publish("said", "bob's");
  await world.advance(130_000);
  expect([world.stored, bob.pending, bob.rejected.get(), disk.text]).toEqual([["ada's, sent", "bob's"], 0, [], kept]);
  bob.client.close();
  const back = world.tab(disk, "ada");
  await world.advance(1000);
  expect([world.stored, back.pending, disk.text]).toEqual([["ada's, sent", "bob's", "ada's"], 0, ""]);
});

test("OUTBOX13 what is written before the server has said who it is belongs to the user that the options name", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const ada = world.tab(disk, "ada", { outbox: { user: "ada" }, autoConnect: false });
  ada.room.publish("said", "ada's");
  await world.advance(10);
  ada.client.close();
  await world.advance(10);
  const bob = world.tab(disk, "bob", { outbox: { user: "bob" } });
  await world.advance(1000);
  expect([world.stored, bob.pending]).toEqual([[], 0]);
  const back = world.tab(disk, "ada", { outbox: { user: "ada" } });
  await world.advance(1000);
  expect([world.stored, back.pending]).toEqual([["ada's"], 0]);
});

test("OUTBOX13 two servers' writes are kept apart", async () => {
  const [here, there] = [createOutboxWorld(), createOutboxWorld()];
  const disk = new MemoryDisk();
  const first = here.tab(disk);
  await here.advance(10);
  first.offline();
  first.room.publish("said", "here");
  await here.advance(10);
  first.kill();
  const text = disk.text;
  // The same store, another path.
  disk.records.set(
    [...disk.records.keys()][0] as string,
    new Map(
      [...([...disk.records.values()][0] as Map<string, string>)].map(([key, value]) => [key, value.replace("/chsk", "/other")]),
    ),
  );
  const second = here.tab(disk);
  await here.advance(1000);
  expect([here.stored, second.pending, text === disk.text, disk.records.size]).toEqual([[], 0, false, 1]);
  await there.advance(0);
});

test("OUTBOX14 a copy of a store sends what was numbered under its number, and gives none to anything else", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const live = world.tab(disk);
  await world.advance(10);
  live.deaf();
  live.room.publish("said", "numbered");
  await world.advance(10);
  const copy = disk.copy();
  const other = world.tab(copy);
  other.room.publish("said", "of the copy");
  await world.advance(1000);
  live.lies.hear = (text) => text;
  // Under the number that a shared session would have given to the copy's.
  const receipts = [1, 2, 3].map((n) => live.room.publish("said", `live ${n}`));
  await world.advance(1000);
  expect(receipts.map(({ status }) => status)).toEqual(["stored", "stored", "stored"]);
  expect(world.stored).toHaveLength(5);
  expect(new Set(world.stored)).toEqual(new Set(["numbered", "of the copy", "live 1", "live 2", "live 3"]));
  expect([live.pending, other.pending, copy.text, disk.text]).toEqual([0, 0, "", ""]);
});

test("OUTBOX15 signOut keeps what was not stored for when the user is back; with discard it is gone", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  for (const discard of [false, true]) {
    const tab = world.tab(disk);
    await world.advance(10);
    tab.offline();
    const receipt = tab.room.publish("said", `discard ${discard}`);
    await world.advance(10);
    const out = signOut(tab.client, { discard });
    await world.advance(10);
    await out;
    expect([await codeOf(receipt), tab.client.status.get().name]).toEqual(["closed", "closed"]);
    const back = world.tab(disk);
    await world.advance(1000);
    back.client.close();
    await world.advance(10);
  }
  expect([world.stored, disk.records.size, disk.holders.size]).toEqual([["discard false"], 0, 0]);
});

test("OUTBOX15 discard takes what a dead tab of the same user left along, and no other user's", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  for (const user of ["ada", "bob"]) {
    const tab = world.tab(disk, user);
    await world.advance(10);
    tab.offline();
    tab.room.publish("said", `${user}'s`);
    await world.advance(10);
    tab.kill();
  }
  const tab = world.tab(disk, "ada", { outbox: { user: "ada" }, autoConnect: false });
  await world.advance(100);
  const out = signOut(tab.client, { discard: true });
  await world.advance(100);
  await out;
  expect([world.stored, disk.text.includes("ada's"), disk.text.includes("bob's")]).toEqual([[], false, true]);
});

test("OUTBOX16 a store that does not open is told, and writes go on without it", async () => {
  for (const opening of [Promise.reject(new Error("denied")), new Promise<void>(() => {})]) {
    const world = createOutboxWorld();
    const disk = new MemoryDisk();
    opening.catch(() => {});
    disk.opening = opening;
    const tab = world.tab(disk);
    const receipt = tab.room.publish("said", 1);
    await world.advance(6000);
    expect([receipt.status, tab.pending, tab.errors.length]).toEqual(["stored", 0, 1]);
    expect(tab.errors[0]).toMatch(/storage: (denied|The storage did not open)/);
  }
});

test("OUTBOX16 while the disk fails, what is not on it is sent; what is on it without its number waits for the disk", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const tab = world.tab(disk);
  await world.advance(10);
  tab.offline();
  tab.room.publish("said", "on the disk");
  await world.advance(10);
  disk.fault = new Error("full");
  tab.lies.refuse = false;
  await world.advance(20_000);
  expect([world.stored, tab.errors]).toEqual([[], ["storage: full"]]);
  disk.fault = undefined;
  await world.advance(6000);
  expect(world.stored).toEqual(["on the disk"]);
  disk.fault = new Error("full again");
  const receipt = tab.room.publish("said", "not on the disk");
  await world.advance(100);
  expect([receipt.status, tab.errors]).toEqual(["stored", ["storage: full", "storage: full again"]]);
  disk.fault = undefined;
  tab.room.publish("said", "healed");
  await world.advance(6000);
  expect([world.stored, disk.text, tab.pending]).toEqual([["on the disk", "not on the disk", "healed"], "", 0]);
});

test("OUTBOX16 a tab whose record was taken over is told, sends nothing of it, and goes on with a new one", async () => {
  const world = createOutboxWorld();
  const disk = new MemoryDisk();
  const asleep = world.tab(disk);
  await world.advance(10);
  asleep.offline();
  const receipt = asleep.room.publish("said", "once");
  await world.advance(10);
  // As after a sleep that was longer than a lease.
  disk.holders.clear();
  const other = world.tab(disk);
  await world.advance(1000);
  expect([world.stored, other.pending]).toEqual([["once"], 0]);
  asleep.lies.refuse = false;
  await world.advance(60_000);
  expect([world.stored, await codeOf(receipt), asleep.pending]).toEqual([["once"], "session-lost", 0]);
  asleep.room.publish("said", "and on");
  await world.advance(100);
  expect(world.stored).toEqual(["once", "and on"]);
});
