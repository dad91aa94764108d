/** A process that writes to SQLite is killed at any moment, again and again: nothing that it was answered is lost. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createRng } from "../../../src/testing/rng.ts";
import { drivers, everything, newPath, openLog, openTopic, words } from "./sqlite-world.ts";

const script = fileURLToPath(new URL("sqlite-child.ts", import.meta.url));
const rounds = 4;
const topics = ["relaxed", "strict/0", "strict/1"];

interface Answered {
  readonly offset: number;
  readonly epoch: string;
}

/** Kills the child so many answers after the first of each topic; what it was answered last, by topic. */
async function live(path: string, driver: string, more: number): Promise<Map<string, Answered>> {
  const child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", script, path, driver], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = once(child, "close");
  // Where others are busy, a topic may come long after another.
  const until = async (done: () => boolean): Promise<void> => {
    while (!done() && child.exitCode === null && child.signalCode === null) await sleep(1);
  };
  await until(() => topics.every((name) => output.includes(`${name} `)));
  await expect(openLog(path)).rejects.toMatchObject({ code: "conflict" });
  const lines = (): number => output.split("\n").length;
  const before = lines();
  await until(() => lines() >= before + more);
  child.kill("SIGKILL");
  const [, signal] = await ended;
  expect([signal, errors]).toEqual(["SIGKILL", ""]);
  const answered = new Map<string, Answered>();
  // The last line may be cut.
  for (const line of output.split("\n").slice(0, -1)) {
    const [topic, offset, epoch] = line.split(" ") as [string, string, string];
    answered.set(topic, { offset: Number(offset), epoch });
  }
  return answered;
}

test.for(drivers)("kill -9 of a process that writes by %s", async (driver) => {
  const path = newPath();
  const rng = createRng("sqlite kill");
  const epochs = new Map<string, string>();
  let total = 0;
  for (let round = 1; round <= rounds; round++) {
    const answered = await live(path, driver, rng.int(150));
    expect(answered.size).toBe(3);
    const log = await openLog(path, { driver });
    expect(await log.list("")).toEqual(topics);
    for (const [name, { offset, epoch }] of answered) {
      const isStrict = name !== "relaxed";
      const topic = await openTopic(log, name, isStrict ? "strict" : "relaxed", everything);
      const { position } = topic;
      if (isStrict) {
        expect(position.offset).toBeGreaterThanOrEqual(offset);
        expect([position.epoch, epoch]).toEqual([epoch, epochs.get(name) ?? epoch]);
      } else {
        expect(position.epoch).not.toBe(epoch);
        expect(epoch).not.toBe(epochs.get(name));
      }
      epochs.set(name, epoch);
      const records = await topic.read(1, everything);
      expect(words(records)).toEqual(Array.from({ length: position.offset }, (_, index) => `${name} ${index + 1}`));
      const origins = records.map(({ origin }) => new TextDecoder().decode(origin));
      expect(origins).toEqual(words(records).map((word) => `by ${word}`));
      const snapshot = await topic.loadSnapshot();
      expect(snapshot && new TextDecoder().decode(snapshot.state)).toBe(snapshot && `${name} ${snapshot.offset}`);
      expect(snapshot?.offset ?? 0).toBeLessThanOrEqual(position.offset);
      total += position.offset;
    }
    await log.close();
  }
  expect(total).toBeGreaterThan(100);
});
