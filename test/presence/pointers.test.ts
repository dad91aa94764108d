/** Pointers, and whether somebody is at the page. Rules: docs/protocol/presence.md POINTER1-POINTER4, PRESENCE25. */
import { pointers, presence } from "sente-sync/client";
import { expect, test, vi } from "vitest";
import { type Answer, text } from "../server/world.ts";
import { createRoomWorld, roomRef, seen } from "./world.ts";

function start() {
  const world = createRoomWorld();
  const [ada, bob] = [world.enter("ada"), world.enter("bob")];
  const mine = pointers(ada.client, roomRef);
  const theirs = pointers(bob.client, roomRef);
  const shown = (): unknown[] => theirs.get().map(({ member, x, y }) => [member.data.name, Math.round(x), Math.round(y)]);
  return { world, ada, bob, mine, theirs, shown };
}

test("POINTER1 an event of the library's own is lossy and some numbers, else it is refused", async () => {
  const { world } = start();
  const peer = await world.ours("client-id=raw&as=raw");
  const [answer] = await peer.subscribe({ topic: "room", kind: "presence" });
  const { id } = answer as Answer;
  const ask = async (...request: unknown[]): Promise<string> => text(await peer.ask(`[:sync/member ${text([id, ...request])}]`));
  await ask("join", {}, false);
  expect(await ask("tell", "@pointer/cursor", [1, 2], true)).toBe("true");
  for (const bad of [["1", 2], "x", Array.from({ length: 9 }, () => 1)])
    expect(await ask("tell", "@pointer/cursor", bad, true)).toContain("invalid");
  expect(world.room.counters.invalid).toBe(3);
});

test("POINTER2, POINTER3 a moving pointer is told every 50 ms, glides, and rests in the member's data", async () => {
  const { world, mine, theirs, shown, ada } = start();
  let told = 0;
  theirs.listen(() => told++);
  await world.advance(300);
  expect(shown()).toEqual([]);
  for (let x = 0; x <= 100; x++) {
    mine.move(x, 10);
    await world.advance(10);
  }
  expect(told).toBeGreaterThan(15);
  expect(told).toBeLessThan(26);
  expect(theirs.isMoving).toBe(true);
  const [[, x]] = shown() as [[string, number, number]];
  expect(x).toBeGreaterThan(90);
  expect(x).toBeLessThan(100);
  await world.advance(500);
  expect(shown()).toEqual([["ada", 100, 10]]);
  expect(theirs.isMoving).toBe(false);
  expect(ada.room.self.get().data.cursor).toEqual({ x: 100, y: 10 });
  // Who comes later sees where it rests.
  const cid = world.enter("cid");
  await world.advance(300);
  expect(pointers(cid.client, roomRef).get()[0]).toMatchObject({ x: 100, y: 10 });
});

test("POINTER4 it is nowhere when it left, or its member did", async () => {
  const { world, mine, theirs, shown, ada } = start();
  const stop = theirs.listen(() => {});
  await world.advance(300);
  mine.move(5, 5);
  await world.advance(500);
  expect(shown()).toHaveLength(1);
  mine.leave();
  await world.advance(300);
  expect(shown()).toEqual([]);
  mine.move(6, 6);
  await world.advance(500);
  ada.room.close();
  await world.advance(100);
  expect(shown()).toEqual([]);
  stop();
});

test("PRESENCE25 a client is away while its page is hidden or nobody touches it", async () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  vi.stubGlobal("document", document);
  const window = new EventTarget();
  vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
  try {
    const world = createRoomWorld();
    const client = world.client();
    const room = presence(client, roomRef, { name: "ada" }, { idleMs: 1000 });
    vi.unstubAllGlobals();
    const bob = world.enter("bob");
    await world.advance(500);
    expect(seen(bob.room)).toEqual(["ada online"]);
    await world.advance(1000);
    expect(seen(bob.room)).toEqual(["ada away"]);
    window.dispatchEvent(new Event("pointermove"));
    await world.advance(300);
    expect(seen(bob.room)).toEqual(["ada online"]);
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    await world.advance(300);
    expect(seen(bob.room)).toEqual(["ada away"]);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await world.advance(300);
    expect(seen(bob.room)).toEqual(["ada online"]);
    room.close();
    window.dispatchEvent(new Event("keydown"));
    await world.advance(5000);
    expect(seen(bob.room)).toEqual([]);
  } finally {
    vi.unstubAllGlobals();
  }
});
