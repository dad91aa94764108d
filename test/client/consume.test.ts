/** Our client as a member of a consumer group. */
import { defineChannel, type } from "sente-sync";
import { type Consumer, channel as channelOn, type Job } from "sente-sync/client";
import { json } from "sente-sync/packers/json";
import { channel, type GroupOptions } from "sente-sync/server";
import { virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { createWorld, type World } from "../server/world.ts";
import { handStorage } from "../support/hand-log.ts";
import { createLies } from "./lying-connector.ts";
import { createMoving } from "./moving.ts";

const events = { work: type<string>() };
const jobsRef = defineChannel("jobs", { events });

/** A log may answer in promises: they have to be let run. */
async function settle(world: World, ms = 10): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(i ? 0 : ms);
  }
}

function serve(workers: GroupOptions<typeof events> = {}, options: Parameters<typeof createWorld>[0] = {}, seed = 1) {
  const world = createWorld(options, seed);
  const jobs = channel(world.sync, jobsRef, { groups: { workers } });
  return { world, jobs, work: (...all: string[]) => all.map((data) => jobs.publish("work", data)) };
}

/** A worker whose work ends when the test says so. */
function employ(client: object, options: { concurrency?: number; ackMs?: number } = {}) {
  const begun: string[] = [];
  const ends = new Map<string, { done(): void; fail(reason: unknown): void }>();
  let most = 0;
  const work = ({ data, attempt }: Job<typeof events>): Promise<void> =>
    new Promise<void>((done, fail) => {
      begun.push(`${data}${attempt > 1 ? ` (${attempt})` : ""}`);
      const end =
        (run: (reason?: unknown) => void) =>
        (reason?: unknown): void => {
          ends.delete(data);
          run(reason);
        };
      ends.set(data, { done: end(() => done()), fail: end(fail) });
      most = Math.max(most, ends.size);
    });
  const consumer: Consumer = channelOn(client, jobsRef).consume("workers", work, options);
  return { consumer, begun, ends, most: () => most };
}

test("GROUP15 as many events as it wants are worked on at once, and each is told as done or failed", async () => {
  const { world, jobs, work } = serve({ retryMs: 0 });
  const { consumer, begun, ends, most } = employ(world.client(), { concurrency: 2 });
  work("a", "b", "c");
  await settle(world);
  expect(begun).toEqual(["a", "b"]);
  expect([consumer.topic, consumer.status.get(), consumer.error]).toEqual(["jobs/@workers", "idle", undefined]);
  ends.get("b")?.done();
  await settle(world);
  ends.get("a")?.fail(new Error("not today"));
  await settle(world);
  expect(begun).toEqual(["a", "b", "c", "a (2)"]);
  ends.get("c")?.done();
  ends.get("a")?.done();
  await settle(world);
  expect(most()).toBe(2);
  expect(consumer.counters).toEqual({ done: 3, failed: 1, late: 0 });
  expect(jobs.group("workers")).toMatchObject({ done: 3, failed: 1, waiting: 0, running: 0 });
});

test("GROUP15 work that throws at once, or throws what is no error, has failed", async () => {
  const dead: unknown[] = [];
  const { world, work } = serve({ maxAttempts: 1, onDead: ({ reason }) => void dead.push(reason) });
  const talk = channelOn(world.client(), jobsRef);
  talk.consume("workers", ({ data }) => {
    if (data === "a") throw new Error("at once");
    const reason: unknown = "no error";
    return Promise.reject(reason);
  });
  work("a", "b");
  await settle(world);
  expect(dead).toEqual(["at once", "no error"]);
});

test("GROUP15 across a broken line what is under way is not begun twice here, and its end is told on the next one", async () => {
  const { world, jobs, work } = serve({ retryMs: 0 });
  const lies = createLies(world.connector);
  const { consumer, begun, ends } = employ(world.client({ connector: lies.connector }), { concurrency: 2 });
  work("a", "b", "c");
  await settle(world);
  lies.cut();
  await settle(world);
  ends.get("a")?.done();
  await settle(world, 5000);
  expect(begun).toEqual(["a", "b", "c"]);
  ends.get("b")?.done();
  ends.get("c")?.done();
  await settle(world);
  expect(begun).toEqual(["a", "b", "c"]);
  expect(consumer.counters).toMatchObject({ failed: 0, done: 3 });
  expect(jobs.group("workers")).toMatchObject({ done: 3, waiting: 0 });
});

test("GROUP15 what was given but not begun when the line broke is left to others", async () => {
  const { world, work } = serve();
  const lies = createLies(world.connector);
  const one = employ(world.client({ connector: lies.connector }), { concurrency: 1 });
  work("a");
  await settle(world);
  const two = employ(world.client(), { concurrency: 5 });
  await settle(world);
  lies.cut();
  work("b");
  await settle(world, 5000);
  expect([one.begun, two.begun]).toEqual([["a"], ["b", "a (2)"]]);
  two.ends.get("a")?.done();
  await settle(world);
  // It is somebody else's: too late.
  one.ends.get("a")?.done();
  await settle(world);
  expect([one.consumer.counters.late, two.consumer.counters.done]).toEqual([1, 1]);
});

test("GROUP15 closing takes no more, waits for what is worked on, and gives the rest to others", async () => {
  const { world, jobs, work } = serve();
  const client = world.client();
  const { consumer, begun, ends } = employ(client, { concurrency: 1 });
  work("a", "b");
  await settle(world);
  let isClosed = false;
  const closing = consumer.close().then(() => {
    isClosed = true;
  });
  expect(consumer.close()).toBe(consumer.close());
  await settle(world);
  expect([isClosed, jobs.group("workers")?.members]).toEqual([false, 1]);
  ends.get("a")?.done();
  await settle(world, 2000);
  expect([isClosed, begun]).toEqual([true, ["a"]]);
  await closing;
  expect(jobs.group("workers")).toMatchObject({ done: 1, members: 0, waiting: 1 });
  // The client may be a member again.
  const again = employ(client);
  await settle(world);
  expect(again.begun).toEqual(["b"]);
  const idle = channelOn(world.client(), jobsRef).consume("workers", () => {});
  await idle.close();
});

test("GROUP16 a client is once in a group; a consumer that is refused says why", async () => {
  const world = createWorld();
  channel(world.sync, jobsRef, { groups: { workers: {} }, authorize: ({ action }) => action !== "consume" });
  const client = world.client();
  const { consumer } = employ(client);
  expect(() => employ(client)).toThrow(expect.objectContaining({ code: "conflict" }));
  const nobody = channelOn(client, jobsRef).consume("others", () => {});
  await settle(world);
  expect([consumer.status.get(), consumer.error?.code]).toEqual(["refused", "forbidden"]);
  expect([nobody.status.get(), nobody.error?.code]).toEqual(["refused", "not-declared"]);
  expect(world.errors).toEqual([]);
});

test("GROUP9, GROUP15 through a restart of the server each event is done, and none that was acknowledged is done again", async () => {
  const storage = handStorage(virtualClock({ seed: 7 }).envFor("disk"));
  storage.auto = true;
  const done: string[] = [];
  let attempts = 0;
  const life = async (seed: number, until: number): Promise<World> => {
    const { world, work } = serve({ retryMs: 10 }, { storage }, seed);
    await settle(world);
    if (seed === 1) {
      work(...Array.from({ length: 40 }, (_, n) => `job ${n}`));
      await settle(world);
    }
    for (const name of ["one", "two"]) {
      let here = 0;
      channelOn(world.client(), jobsRef).consume(
        "workers",
        async ({ data }) => {
          attempts++;
          if (attempts % 7 === 0) throw new Error("every seventh");
          // The rest of this life's work never ends.
          if (++here > until) await new Promise(() => {});
          done.push(data);
        },
        { concurrency: name === "one" ? 1 : 3 },
      );
    }
    for (let n = 0; n < 30; n++) await settle(world, 20);
    await world.sync.close();
    await settle(world);
    return world;
  };
  await life(1, 8);
  const before = [...done];
  expect(before.length).toBeGreaterThan(10);
  expect(before.length).toBeLessThan(40);
  await life(2, 100);
  expect(new Set(done).size).toBe(40);
  expect(done.length).toBe(40);
});

test("GROUP7 a session that moves to another connection keeps what it works on", async () => {
  const { sync, client, tap, advance, close, errors } = createMoving({ packers: [json()] });
  const jobs = channel(sync, jobsRef, { groups: { workers: {} } });
  const { begun, ends, consumer } = employ(client, { concurrency: 2 });
  await advance(1000);
  jobs.publish("work", "a");
  await advance(1000);
  const before = client.status.get();
  tap.climb();
  await advance(3000);
  // To the better packer, to the better transport, and there to the better packer again.
  expect([before.name, client.status.get().name]).toEqual(["connected", "connected"]);
  expect(tap.links.map(({ isOver }) => isOver)).toEqual([true, true, true, false]);
  jobs.publish("work", "b");
  await advance(1000);
  ends.get("a")?.done();
  ends.get("b")?.done();
  await advance(1000);
  expect([begun, consumer.counters]).toEqual([["a", "b"], { done: 2, failed: 0, late: 0 }]);
  expect(jobs.group("workers")).toMatchObject({ members: 1, failed: 0, done: 2, redelivered: 0 });
  // Its new connection is what ends it.
  tap.links[3]?.cut();
  await advance(50);
  expect(jobs.group("workers")?.members).toBe(0);
  expect(errors).toEqual([]);
  await close();
});
