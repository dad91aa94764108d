/** Every call to the disk fails once, or is the last one before the power goes. */
import { describe, expect, test } from "vitest";
import { type DiskFault, faultAt } from "../../src/testing/disk-faults.ts";
import { createRng } from "../../src/testing/rng.ts";
import type { AppendResult, OpenLog } from "../../src/topic/log.ts";
import { awaited, judge, newMachine, nextOf, openLog, openTopic, record, runScript } from "./segment-script.ts";

async function callsOfScript(): Promise<number> {
  const machine = newMachine();
  const story = await runScript(machine);
  expect(story.isClosed).toBe(true);
  const { calls } = machine.disk;
  await judge(machine, story);
  return calls;
}

describe("SEG10 a call to the disk that fails", () => {
  test.each<DiskFault>(["EIO", "ENOSPC", "lie"])(
    "as %s, each one in turn: nothing acknowledged is lost, nothing refused turns up",
    async (fault) => {
      const calls = await callsOfScript();
      expect(calls).toBeGreaterThan(100);
      for (let index = 1; index <= calls; index++) {
        const machine = newMachine(faultAt(index, fault));
        const story = await runScript(machine);
        // What only the cache holds is gone.
        machine.disk.crash(createRng(index));
        try {
          await judge(machine, story);
        } catch (cause) {
          throw new Error(`${fault} at call ${index}`, { cause });
        }
      }
    },
  );
});

describe("SEG9 the power goes", () => {
  test.each<DiskFault>(["crash-before", "crash-after"])(
    "at each call to the disk (%s): nothing acknowledged is lost",
    async (fault) => {
      const calls = await callsOfScript();
      for (let index = 1; index <= calls; index++) {
        for (const seed of [1, 2]) {
          const machine = newMachine(faultAt(index, fault));
          const story = await runScript(machine);
          machine.disk.crash(createRng(index * 10 + seed));
          try {
            await judge(machine, story);
          } catch (cause) {
            throw new Error(`${fault} at call ${index}, seed ${seed}`, { cause });
          }
        }
      }
    },
  );
});

test("LOG11 while the disk keeps something waiting for longer than the window, relaxed appends wait as well", async () => {
  const machine = newMachine();
  const log = await awaited(machine, openLog(machine));
  if (log === "crashed") throw new Error("It has not crashed.");
  const topic = (await awaited(machine, openTopic(log, "a", "relaxed"))) as OpenLog;
  const append = (text: string): AppendResult | Promise<AppendResult> => topic.append([record(text)], nextOf(topic));
  machine.disk.plan = (call) => (call.operation === "sync" ? { slowMs: 500 } : undefined);
  expect(append("1")).toBe("stored");
  machine.env.advance(40);
  await settledTurns();
  // It is on its way, and not yet late.
  expect(append("2")).toBe("stored");
  machine.env.advance(100);
  const late = append("3");
  expect(late).toBeInstanceOf(Promise);
  expect(topic.position.offset).toBe(2);
  machine.disk.plan = undefined;
  expect(await awaited(machine, late as Promise<AppendResult>)).toBe("stored");
  expect(append("4")).toBe("stored");
  await awaited(machine, log.close() as Promise<void>);
});

const settledTurns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};
