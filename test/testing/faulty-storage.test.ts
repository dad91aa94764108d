/** A storage on a simulated disk: lives follow one another, and what one was answered the next one has. */
import { expect, test } from "vitest";
import { type DiskFault, faultAt } from "../../src/testing/disk-faults.ts";
import { faultyStorage } from "../../src/testing/faulty-storage.ts";
import { createRng } from "../../src/testing/rng.ts";
import { type VirtualClock, virtualClock } from "../../src/testing/virtual-clock.ts";
import { defaultRetention, type Log } from "../../src/topic/log.ts";

const options = { retention: defaultRetention, durability: "strict" } as const;

/** Runs `script` as a process with the storage until nothing is left to do. */
async function live(
  clock: VirtualClock,
  storage: ReturnType<typeof faultyStorage>,
  script: (log: Log) => Promise<void>,
): Promise<unknown> {
  const env = clock.envFor("server");
  let failure: unknown;
  clock.schedule("server", 0, "life", () => {
    const run = async (): Promise<void> => script(await storage.open({ env, report() {} }));
    run().catch((error: unknown) => (failure = error));
  });
  await clock.run();
  return failure;
}

/** Three topics, twenty appends, a snapshot in between; `answered`: the newest offset that was stored, by topic. */
const script =
  (answered: Map<string, number>) =>
  async (log: Log): Promise<void> => {
    const topics = await Promise.all(["a", "b", "c"].map(async (name) => ({ name, topic: await log.open(name, options) })));
    for (let i = 0; i < 20; i++) {
      await Promise.all(
        topics.map(async ({ name, topic }) => {
          const { epoch } = topic.position;
          const entry = new TextEncoder().encode(`${name} ${topic.decided + 1}`);
          const answer = await topic.append([{ entry, atMs: i }], { epoch, offset: topic.decided });
          if (answer === "stored") answered.set(name, topic.position.offset);
        }),
      );
      if (i === 10) await topics[0]?.topic.saveSnapshot({ offset: 5, state: new Uint8Array(5000) });
    }
    await log.close();
  };

test.for(["crash-before", "crash-after"] satisfies DiskFault[])(
  "what a strict topic answered is there after a %s of any call and a loss of power",
  async (fault) => {
    let crashes = 0;
    for (let index = 1; ; index++) {
      const clock = virtualClock({ seed: index });
      const storage = faultyStorage({ rng: createRng(index), plan: faultAt(index, fault) });
      const { disk } = storage;
      const answered = new Map<string, number>();
      expect(await live(clock, storage, script(answered))).toBe(undefined);
      if (disk.faults === 0) break;
      crashes++;
      clock.crash("server");
      disk.crash(createRng(index).fork("power"));
      disk.plan = undefined;
      const found = new Map<string, number>();
      const failure = await live(clock, storage, async (log) => {
        for (const name of ["a", "b", "c"]) {
          const topic = await log.open(name, options);
          const records = await topic.read(1, { maxEntries: 1000, maxBytes: 1e6 });
          for (const [at, { entry }] of records.entries()) expect(new TextDecoder().decode(entry)).toBe(`${name} ${at + 1}`);
          found.set(name, records.length);
        }
        await log.close();
      });
      expect([index, failure]).toEqual([index, undefined]);
      for (const [name, offset] of answered)
        expect([index, name, found.get(name) ?? 0]).toEqual([index, name, expect.toSatisfy((n: number) => n >= offset)]);
    }
    expect(crashes).toBeGreaterThan(40);
  },
);
