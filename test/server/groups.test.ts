/** Consumer groups, as raw peers see them. */
import { defineChannel, type } from "sente-sync";
import { type AuthorizeRequest, channel, type DeadJob, type GroupOptions, type ServerOptions } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { type HandStorage, handStorage } from "../support/hand-log.ts";
import { createWorld, pushed, type RawPeer, type World } from "./world.ts";

const events = { work: type<unknown>() };
const jobsRef = defineChannel("jobs", { events });

function storing(): HandStorage {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  return storage;
}

/** A log may answer in promises: they have to be let run. */
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.settle();
  }
}

async function open(
  workers: GroupOptions<typeof events> = {},
  options: ServerOptions & { retention?: object; seed?: number } = {},
) {
  const { retention = {}, seed = 1, ...rest } = options;
  const world = createWorld(rest, seed);
  const jobs = channel(world.sync, jobsRef, { groups: { workers, "a_2-b": {} }, retention });
  await settle(world);
  return { world, jobs, work: (...all: unknown[]) => all.map((data) => jobs.publish("work", data)) };
}

/** A peer that is a member, or wants to be. */
class Worker {
  readonly peer: RawPeer;
  readonly world: World;
  id = 0;
  seq = 1;
  private asked = 0;
  constructor(world: World, peer: RawPeer) {
    this.world = world;
    this.peer = peer;
  }
  /** What it was given since it was last asked: [offset, attempt, data]. */
  given(): unknown[] {
    return (pushed(this.peer.take(), "sync/job") as [number, number, number, [string, unknown]][]).map(
      ([, offset, attempt, [, data]]) => [offset, attempt, data],
    );
  }
  async subscribe(read = false, topic = "jobs/@workers"): Promise<unknown> {
    const callback = `s${this.asked++}`;
    await this.peer.say(`[[:sync/subscribe [{:topic "${topic}" :kind "group" :read ${read}}]] "${callback}"]`);
    await settle(this.world);
    const [answer] = this.peer.reply(callback) as [{ id?: number; error?: { code: string } }];
    this.id = answer.id ?? 0;
    return answer.error?.code;
  }
  async consume(concurrency: number, ackMs = 0): Promise<unknown> {
    const answer = await this.peer.ask(`[:sync/consume [${this.id} ${concurrency} ${ackMs}]]`);
    await settle(this.world);
    return answer;
  }
  /** Says what became of events; the codes of those that were rejected. */
  async say(...ops: string[]): Promise<string[]> {
    await this.peer.say(`[[:sync/write [${this.id} ${this.seq} [${ops.join(" ")}]]] nil]`);
    this.seq += ops.length;
    await settle(this.world);
    return (pushed(this.peer.frames, "sync/reject") as [number, number, { code: string }][])
      .filter(([, seq]) => seq >= this.seq - ops.length)
      .map(([, , { code }]) => code);
  }
}

async function join(world: World, concurrency = 1, ackMs = 0): Promise<Worker> {
  const worker = new Worker(world, await world.ours());
  await worker.subscribe();
  await worker.consume(concurrency, ackMs);
  return worker;
}

test("GROUP1 consuming is asked for as `consume`, and a group is not read", async () => {
  const asked: AuthorizeRequest[] = [];
  const authorize = (request: AuthorizeRequest): boolean => {
    asked.push(request);
    return request.user.id === "ada" && request.action !== "publish";
  };
  const world = createWorld({ authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "" }), authorize });
  channel(world.sync, defineChannel("jobs/:kind", { events }), { groups: { workers: {} } });
  const topic = "jobs/big%2Fones/@workers";
  const ada = new Worker(world, await world.ours("client-id=a&user=ada"));
  expect(await ada.subscribe(false, topic)).toBe(undefined);
  expect(asked).toMatchObject([{ action: "consume", kind: "group", topic, params: { kind: "big/ones" } }]);
  expect(await ada.subscribe(true, topic)).toBe("unsupported");
  const bob = new Worker(world, await world.ours("client-id=b&user=bob"));
  expect(await bob.subscribe(false, topic)).toBe("forbidden");
  expect(await ada.subscribe(false, "jobs/big/@others")).toBe("not-declared");
  expect(() => channel(world.sync, "other", { groups: { "no/name": {} } })).toThrow("no name for a group");
});

test("GROUP2 a member is one that said hello and subscribed; what it asks for may change", async () => {
  const { world, work } = await open();
  work(1, 2, 3, 4);
  const stranger = await world.peer("client-id=x&sync=1");
  const [answer] = await stranger.subscribe({ topic: "jobs/@workers", kind: "group", read: false });
  const refused = JSON.stringify(await stranger.ask(`[:sync/consume [${answer?.id} 1 0]]`));
  expect(refused).toContain("invalid");
  const worker = new Worker(world, await world.ours());
  worker.id = 1;
  expect(JSON.stringify(await worker.consume(1))).toContain("invalid");
  await worker.subscribe();
  expect(await worker.consume(1)).toBe(true);
  expect(worker.given()).toEqual([[1, 1, 1]]);
  await worker.consume(3);
  expect(worker.given()).toEqual([
    [2, 1, 2],
    [3, 1, 3],
  ]);
  await worker.consume(0);
  await worker.say('["done" 1]', '["done" 2]');
  expect(worker.given()).toEqual([]);
  expect(world.sync.stats().malformed).toBe(0);
  await worker.peer.say('[[:sync/consume [1]] "x"]');
  expect(world.sync.stats().malformed).toBe(1);
});

test("GROUP3 each event goes to one member, to the one that waits longest; nobody has more than it asked for", async () => {
  const { world, work } = await open();
  const [one, two] = [await join(world, 2), await join(world, 1)];
  work("a", "b", "c", "d", "e");
  await settle(world);
  expect([one.given(), two.given()]).toEqual([
    [
      [1, 1, "a"],
      [3, 1, "c"],
    ],
    [[2, 1, "b"]],
  ]);
  await two.say('["done" 2]');
  await one.say('["done" 1]', '["done" 3]');
  expect([one.given(), two.given()]).toEqual([[[5, 1, "e"]], [[4, 1, "d"]]]);
});

test("GROUP3 what is not stored is not given out", async () => {
  const storage = storing();
  const { world, work } = await open({}, { storage });
  const worker = await join(world);
  storage.auto = false;
  work("a");
  await settle(world);
  expect(worker.given()).toEqual([]);
  await storage.store();
  await settle(world);
  expect(worker.given()).toEqual([[1, 1, "a"]]);
});

test("GROUP4 only the session that has an event says what became of it, once", async () => {
  const { world, work, jobs } = await open();
  const [one, two] = [await join(world), await join(world)];
  work("a");
  await settle(world);
  expect(await two.say('["done" 1]')).toEqual(["conflict"]);
  expect(await one.say('["done" 2]', '["failed" 1.5 "x"]', "[]")).toEqual(["conflict", "invalid", "invalid"]);
  expect(await one.say('["done" 1]', '["done" 1]', '["failed" 1 "x"]')).toEqual(["conflict", "conflict"]);
  expect(jobs.group("workers")).toMatchObject({ done: 1, failed: 0, waiting: 0, running: 0 });
});

test("GROUP5 what failed is given out again after a while, to another one if there is one, with its attempt", async () => {
  const { world, work, jobs } = await open({ retryMs: 500 });
  const [one, two] = [await join(world), await join(world)];
  work("a");
  await settle(world);
  expect(await one.say('["failed" 1 "no"]')).toEqual([]);
  await world.advance(499);
  expect([one, two].flatMap((each) => each.given())).toEqual([[1, 1, "a"]]);
  await world.advance(2);
  expect([one.given(), two.given()]).toEqual([[], [[1, 2, "a"]]]);
  expect(await one.say('["done" 1]')).toEqual(["conflict"]);
  await two.say('["failed" 1 "no"]');
  two.peer.transport.terminate();
  await world.advance(600);
  expect(one.given()).toEqual([[1, 3, "a"]]);
  expect(jobs.group("workers")).toMatchObject({ failed: 2, redelivered: 2, members: 1, running: 1 });
});

test("GROUP6 what takes too long is given to another; until then, it may still be done", async () => {
  const { world, work, jobs } = await open({ ackMs: 1000, retryMs: 500 });
  const slow = await join(world);
  work("a", "b");
  await settle(world);
  await world.advance(1200);
  // Given up, and waiting for its next attempt: it may be done, but fails no second time.
  expect(await slow.say('["failed" 1 "late"]', '["done" 1]')).toEqual(["conflict"]);
  expect(jobs.group("workers")).toMatchObject({ failed: 1, done: 1 });
  slow.given();
  await world.advance(1000);
  const other = await join(world, 2, 60_000);
  await world.advance(600);
  expect(other.given()).toEqual([[2, 2, "b"]]);
  expect(await slow.say('["done" 2]')).toEqual(["conflict"]);
  // This one asked for more time.
  await world.advance(5000);
  expect(await other.say('["done" 2]')).toEqual([]);
  expect(jobs.group("workers")).toMatchObject({ done: 2, waiting: 0 });
});

test.each([
  ["its line broke", (worker: Worker): void => worker.peer.transport.terminate()],
  ["it unsubscribed", (worker: Worker): void => void worker.peer.say(`[[:sync/unsubscribe [${worker.id}]] nil]`)],
  ["its grant was taken back", (_: Worker, world: World): void => world.sync.revoke({ topic: "jobs/@workers", user: "ada" })],
])("GROUP7 what a member had is given out again at once when %s", async (_, leave) => {
  const { world, work, jobs } = await open({}, { authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "bob" }) });
  const one = new Worker(world, await world.ours("client-id=a&user=ada"));
  await one.subscribe();
  await one.consume(2);
  const two = await join(world, 2);
  work("a", "b", "c");
  await settle(world);
  expect(two.given()).toEqual([[2, 1, "b"]]);
  leave(one, world);
  await settle(world);
  expect(two.given()).toEqual([[1, 2, "a"]]);
  await two.say('["done" 2]', '["done" 1]');
  expect(two.given()).toEqual([[3, 2, "c"]]);
  expect(jobs.group("workers")).toMatchObject({ members: 1, running: 1, done: 2 });
});

test("GROUP8 what failed too often is dead: told once, and not given out again", async () => {
  const dead: DeadJob<typeof events>[] = [];
  const onDead = (job: DeadJob<typeof events>): void => void dead.push(job);
  const { world, work, jobs } = await open({ maxAttempts: 2, retryMs: 0, ackMs: 1000, onDead });
  const worker = await join(world, 2);
  work("a", "b");
  await settle(world);
  await worker.say('["failed" 1 "first"]');
  await world.advance(1);
  await worker.say('["failed" 1 "second"]');
  expect(dead).toEqual([{ topic: "jobs", event: "work", data: "a", from: null, offset: 1, attempts: 2, reason: "second" }]);
  await worker.say('["failed" 2 "no"]');
  await world.advance(1100);
  expect(dead[1]).toMatchObject({ offset: 2, reason: "timeout" });
  expect(jobs.group("workers")).toMatchObject({ dead: 2, failed: 2, waiting: 0 });
  worker.given();
  await world.advance(10_000);
  expect(worker.given()).toEqual([]);
});

test("GROUP8 a hook that throws is reported, and harms no other event", async () => {
  const { world, work } = await open({
    maxAttempts: 1,
    onDead() {
      throw new Error("hook");
    },
  });
  const worker = await join(world);
  work("a", "b");
  await settle(world);
  await worker.say('["failed" 1 "no"]');
  expect(worker.given()).toEqual([
    [1, 1, "a"],
    [2, 1, "b"],
  ]);
  expect(world.errors).toMatchObject([{ error: { message: "hook" }, where: "jobs/@workers" }]);
});

test("GROUP9 after a restart what is done is never given out again, all else is, with its attempts", async () => {
  const storage = storing();
  const first = await open({ retryMs: 0 }, { storage, seed: 1 });
  const worker = await join(first.world, 3);
  first.work("a", "b", "c", "d");
  await settle(first.world);
  await worker.say('["failed" 2 "no"]', '["done" 1]', '["done" 3]');
  await first.world.sync.close();
  await settle(first.world);

  const second = await open({ retryMs: 0 }, { storage, seed: 2 });
  second.work("e");
  await settle(second.world);
  const next = await join(second.world, 9);
  const given = next.given() as [number, number][];
  expect(given.map(([offset]) => offset)).toEqual([2, 4, 5]);
  // The server that closed was nobody's failure.
  expect(given.map(([, attempt]) => attempt)).toEqual([2, 1, 1]);
  expect(first.world.errors).toEqual([]);
  await next.say('["done" 2]', '["done" 4]', '["done" 5]');
  expect(second.jobs.group("workers")).toMatchObject({ waiting: 0, done: 3 });
});

test("GROUP10 where the log cannot store that it is done, that is rejected, and it is given out again", async () => {
  const storage = storing();
  const { world, work, jobs } = await open({ retryMs: 100 }, { storage });
  const worker = await join(world);
  work("a");
  await settle(world);
  expect(worker.given()).toEqual([[1, 1, "a"]]);
  storage.auto = false;
  const saying = worker.say('["done" 1]');
  await saying;
  await storage.fail();
  await settle(world);
  expect(pushed(worker.peer.frames, "sync/reject")).toMatchObject([[worker.id, 1, { code: "read-only" }]]);
  worker.given();
  storage.heal();
  storage.auto = true;
  await world.advance(150);
  await settle(world);
  expect(worker.given()).toEqual([[1, 1, "a"]]);
  expect(await worker.say('["done" 1]')).toEqual([]);
  expect(jobs.group("workers")).toMatchObject({ done: 1, waiting: 0 });
});

test("GROUP11 what retention took before it was done is told, and passed", async () => {
  const gaps: unknown[] = [];
  const { world, work, jobs } = await open({ onGap: (gap) => void gaps.push(gap) }, { retention: { maxEntries: 3 } });
  const worker = await join(world);
  work("a", "b", "c", "d", "e", "f");
  await settle(world);
  expect(worker.given()).toEqual([[1, 1, "a"]]);
  expect(await worker.say('["done" 1]')).toEqual([]);
  expect(worker.given()).toEqual([[4, 1, "d"]]);
  expect(gaps).toEqual([{ topic: "jobs", from: 2, to: 3 }]);
  expect(jobs.group("workers")).toMatchObject({ lost: 2, done: 1, waiting: 2 });
  // What is worked on meanwhile is nobody's any more.
  work("g", "h", "i", "j");
  await settle(world);
  const other = await join(world);
  expect([worker.given(), other.given()]).toEqual([[[8, 1, "h"]], [[9, 1, "i"]]]);
  expect(await worker.say('["done" 4]')).toEqual(["conflict"]);
  expect(jobs.group("workers")).toMatchObject({ lost: 6, running: 2 });
});

test("GROUP12 a new group begins with the oldest kept, or with the next; a channel's new epoch is told", async () => {
  const { world, work } = await open({ from: "latest" });
  work("before");
  const late = await join(world);
  const all = new Worker(world, await world.ours());
  await all.subscribe(false, "jobs/@a_2-b");
  await all.consume(1);
  expect([late.given(), all.given()]).toEqual([[], [[1, 1, "before"]]]);
  work("after");
  await settle(world);
  expect(late.given()).toEqual([[2, 1, "after"]]);

  // The group is stored, and its channel is not.
  const storage = storing();
  const gaps: unknown[] = [];
  const life = async (seed: number, forgets: boolean): Promise<Worker> => {
    const inner = storage.open.bind(storage);
    const forgetful = {
      ...storage,
      name: "forgetful",
      async open(host: Parameters<typeof inner>[0]) {
        const log = await inner(host);
        if (forgets) await log.delete("jobs");
        return log;
      },
    };
    storage.auto = true;
    const opened = await open({ onGap: (gap) => void gaps.push(gap) }, { storage: forgetful, seed });
    opened.work(`life ${seed}`);
    await settle(opened.world);
    return join(opened.world);
  };
  const first = await life(1, false);
  await first.say('["done" 1]');
  const second = await life(2, true);
  expect(second.given()).toEqual([[1, 1, "life 2"]]);
  expect(gaps).toEqual([{ topic: "jobs", from: 0, to: 0 }]);
});

test("GROUP13 nothing is given out further than 10,000 events from the oldest that is not settled", async () => {
  const { world, work } = await open({ ackMs: 3_000_000 }, { retention: { maxEntries: 20_000, maxBytes: 1 << 26 } });
  const [stuck, quick] = [await join(world), await join(world, 256)];
  work(...Array.from({ length: 10_300 }, (_, n) => n));
  await settle(world);
  expect(stuck.given()).toEqual([[1, 1, 0]]);
  let last = 0;
  for (let given = quick.given() as number[][]; given.length; given = quick.given() as number[][]) {
    last = given.at(-1)?.[0] as number;
    await quick.peer.say(
      `[[:sync/write [${quick.id} ${quick.seq} [${given.map(([offset]) => `["done" ${offset}]`).join(" ")}]]] nil]`,
    );
    quick.seq += given.length;
  }
  expect(last).toBe(10_000);
  await stuck.say('["done" 1]');
  expect([stuck, quick].map((each) => (each.given() as number[][])[0]?.[0])).toEqual([10_001, 10_002]);
});

test("GROUP14 a group that nobody came to has no counters, and one that was deleted with its channel begins anew", async () => {
  const world = createWorld();
  const family = channel(world.sync, defineChannel("jobs/:kind", { events }), { groups: { workers: {} } });
  const jobs = await family.open({ kind: "x" });
  expect(jobs.group("workers")).toBe(undefined);
  expect(jobs.group("others")).toBe(undefined);
  jobs.publish("work", 1);
  jobs.publish("work", 2);
  const worker = new Worker(world, await world.ours());
  await worker.subscribe(false, "jobs/x/@workers");
  await worker.consume(1);
  await worker.say('["done" 1]');
  expect(jobs.group("workers")).toEqual({
    members: 1,
    running: 1,
    waiting: 0,
    done: 1,
    failed: 0,
    dead: 0,
    redelivered: 0,
    lost: 0,
  });
  worker.given();
  family.delete({ kind: "x" });
  await settle(world);
  expect(pushed(worker.peer.take(), "sync/end")).toEqual([[worker.id, "deleted"]]);
  (await family.open({ kind: "x" })).publish("work", "anew");
  await worker.subscribe(false, "jobs/x/@workers");
  await worker.consume(1);
  expect(worker.given()).toEqual([[1, 1, "anew"]]);
  expect(world.errors).toEqual([]);
});
