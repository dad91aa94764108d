/** Topics that come and go while others ask for them: whatever the order, there is one of a name, and who has it keeps it. */
import { type Rng, virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import type { Hosted, Resolved } from "../../src/server/hosted.ts";
import { createLoaded, type Loaded } from "../../src/server/loaded.ts";
import type { Topic } from "../../src/server/topic.ts";

const names = ["t/1", "t/2"] as const;

/** A topic of a kind that takes its time: to open, and for what is due, which may fail or never end. */
interface Fake extends Hosted {
  readonly name: string;
  isClosed: boolean;
  /** On the way to the disk. */
  writes: number;
  due: boolean;
}

class Story {
  readonly clock;
  readonly env;
  readonly rng: Rng;
  readonly loaded: Loaded;
  readonly counters = { topicsLoaded: 0, topicsUnloaded: 0 };
  /** Those that are open, by name. */
  readonly live = new Map<string, Fake>();
  readonly seen = new Set<string>();
  readonly wrong: string[] = [];
  reported = 0;

  constructor(seed: number) {
    this.clock = virtualClock({ seed });
    this.env = this.clock.envFor("server");
    this.rng = this.clock.rng.fork("story");
    this.loaded = createLoaded({
      env: this.env,
      resolve: () =>
        ({ declaration: { pattern: "t/:id", host: (name: string) => this.host(name) }, params: {} }) as unknown as Resolved,
      maxTopics: 100,
      idleTopicMs: 20,
      counters: this.counters,
      letGo: () => {},
      came: () => {},
      report: () => void this.reported++,
    });
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.env.setTimer(() => resolve(), ms));
  }

  host(name: string): Hosted | Promise<Hosted> {
    const begin = (): Fake => {
      if (this.live.has(name)) this.wrong.push(`two of ${name}`);
      const fake: Fake = this.fake(name);
      this.live.set(name, fake);
      return fake;
    };
    if (this.rng.chance(0.3)) return begin();
    const opened = this.wait(this.rng.int(30)).then(() => {
      if (this.rng.chance(0.1)) throw new Error("cannot be read");
      return begin();
    });
    return opened;
  }

  fake(name: string): Fake {
    const topic = {
      name,
      log: { durability: "strict" },
      writers: { hasUnrecorded: this.rng.chance(0.3) },
      get isQuiet() {
        return fake.writes === 0;
      },
      keepAnswers: () => this.wait(this.rng.int(10)),
      close() {},
    } as unknown as Topic;
    const fake: Fake = {
      name,
      topic,
      isClosed: false,
      writes: 0,
      due: false,
      isDue: () => fake.due,
      runDue: async () => {
        this.seen.add("due");
        fake.due = false;
        const how = this.rng.pick(["soon", "throws", "hangs"]);
        if (how === "hangs") await new Promise(() => {});
        await this.wait(this.rng.int(40));
        if (how === "throws") throw new Error("a hook's");
      },
      close: () => {
        fake.isClosed = true;
        this.live.delete(name);
        if (this.rng.chance(0.2)) throw new Error("a kind's");
      },
    };
    return fake;
  }

  /** Somebody who keeps it for a while: a subscription, a program. */
  async keep(name: string): Promise<void> {
    const opening = this.loaded.open(name);
    const release = this.loaded.keep(name);
    try {
      const fake = (await opening) as Fake;
      for (let n = this.rng.int(4); n >= 0; n--) {
        this.check(fake, "is kept");
        if (this.rng.chance(0.5)) void this.write(fake);
        await this.wait(this.rng.int(30));
      }
      this.check(fake, "is kept");
    } catch {
      this.seen.add("not opened");
    } finally {
      release();
    }
  }

  /** Somebody who asks for it and is done with it in the same breath. */
  async touch(name: string): Promise<void> {
    try {
      const fake = (await this.loaded.open(name)) as Fake;
      this.check(fake, "was just asked for");
      if (this.rng.chance(0.3)) void this.write(fake);
    } catch {
      this.seen.add("not opened");
    }
  }

  async write(fake: Fake): Promise<void> {
    fake.writes++;
    await this.wait(this.rng.int(30));
    this.check(fake, "writes");
    fake.writes--;
    fake.due ||= this.rng.chance(0.5);
  }

  check(fake: Fake, why: string): void {
    if (fake.isClosed) this.wrong.push(`${fake.name} is closed, and ${why}`);
    else if (this.live.get(fake.name) !== fake) this.wrong.push(`another ${fake.name} is there, and this one ${why}`);
  }
}

async function tell(seed: number): Promise<Story> {
  const story = new Story(seed);
  const { rng, clock } = story;
  for (let step = 0; step < 80; step++) {
    const name = rng.pick(names);
    void (rng.chance(0.5) ? story.touch(name) : story.keep(name));
    await clock.advance(rng.pick([0, 1, 10, 40, 100]));
  }
  // The longest that anything due is waited for, and what a look takes.
  await clock.advance(20_000);
  if (story.live.size) story.wrong.push(`${[...story.live.keys()]} stayed`);
  if (story.loaded.size) story.wrong.push(`${story.loaded.size} are counted`);
  return story;
}

test("IDLE6 whoever asks, at whatever moment, there is one topic of a name, and it stays for who has it", async () => {
  const seen = new Set<string>();
  let unloaded = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const { wrong, counters, seen: own } = await tell(seed);
    expect([seed, wrong]).toEqual([seed, []]);
    for (const state of own) seen.add(state);
    unloaded += counters.topicsUnloaded;
  }
  expect([...seen].sort()).toEqual(["due", "not opened"]);
  expect(unloaded).toBeGreaterThan(1000);
});

test("IDLE6 who asks while it leaves has it stay, and what is due then is run once", async () => {
  const story = new Story(1);
  story.rng.chance = () => true;
  const hosted = (await story.loaded.open("t/1")) as Fake;
  let runs = 0;
  let end = (): void => {};
  hosted.due = true;
  hosted.runDue = () => {
    runs++;
    hosted.due = false;
    return new Promise((resolve) => (end = resolve));
  };
  await story.clock.advance(40);
  expect(runs).toBe(1);
  expect(story.loaded.open("t/1")).toBe(hosted);
  end();
  await story.clock.advance(10);
  expect([hosted.isClosed, story.loaded.opened("t/1")]).toEqual([false, hosted]);
  await story.clock.advance(60);
  expect([hosted.isClosed, runs, story.loaded.opened("t/1")]).toEqual([true, 1, undefined]);
});

test("IDLE6 many that leave at once leave in turns", async () => {
  const story = new Story(1);
  story.rng.chance = (of: number) => of === 0.3;
  const loaded = createLoaded({
    env: story.env,
    resolve: () =>
      ({ declaration: { pattern: "t/:id", host: (name: string) => story.fake(name) }, params: {} }) as unknown as Resolved,
    maxTopics: 10_000,
    idleTopicMs: 1000,
    counters: story.counters,
    letGo: () => {},
    came: () => {},
    report: () => {},
  });
  for (let n = 0; n < 2500; n++) {
    const { topic } = (await loaded.open(`t/${n}`)) as { topic: { writers: object } };
    topic.writers = { hasUnrecorded: false };
  }
  await story.clock.advance(1500);
  expect(loaded.size).toBe(1500);
  await story.clock.advance(10);
  expect(loaded.size).toBe(500);
  await story.clock.advance(10);
  expect(loaded.size).toBe(0);
});
