import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realEnv } from "../../src/core/env.ts";
import { folder } from "../../src/storage/folder.ts";
import { type SimulatedDisk, simulatedDisk } from "../../src/testing/disk.ts";
import { createRng } from "../../src/testing/rng.ts";
import { openSegmentLog } from "../../src/topic/segment/segment-log.ts";
import { type LogWorld, logContract } from "../contracts/log.ts";
import { createVirtualEnv, type VirtualEnv } from "../support/virtual-env.ts";

const unreported = (error: unknown): void => {
  throw new Error("Nothing is to be reported.", { cause: error });
};

async function folderWorld(path: string, startMs = 1_900_000_000_000): Promise<LogWorld> {
  let nowMs = startMs;
  const env = { ...realEnv, nowMs: () => nowMs };
  const log = await folder(path, { segmentBytes: 4096 }).open({ env, report: unreported });
  return {
    log,
    nowMs: env.nowMs,
    advance: (ms) => void (nowMs += ms),
    async restart() {
      await log.close();
      return folderWorld(path, nowMs);
    },
    async dispose() {
      await log.close();
      await rm(path, { recursive: true, force: true });
    },
  };
}

logContract("folder", async () => folderWorld(await mkdtemp(join(tmpdir(), "segments-"))), { durable: true });

/** `isFailing`: its disk takes nothing. */
interface Machine {
  readonly disk: SimulatedDisk;
  readonly env: VirtualEnv;
  isFailing: boolean;
}

async function simulatedWorld(machine: Machine = newMachine()): Promise<LogWorld> {
  const { disk, env } = machine;
  const report = (error: unknown): void => {
    if (!machine.isFailing) unreported(error);
  };
  const log = await openSegmentLog({ env, disk: disk.mount(env), report }, { segmentBytes: 2048 });
  return {
    log,
    nowMs: env.nowMs,
    advance: env.advance,
    async restart() {
      await log.close();
      return simulatedWorld(machine);
    },
    kill() {
      disk.crash(createRng(2));
      return simulatedWorld(machine);
    },
    setFailing: (isFailing) => void (machine.isFailing = isFailing),
  };
}

function newMachine(): Machine {
  const machine: Machine = {
    disk: simulatedDisk({
      rng: createRng(1),
      plan: ({ operation }) => (machine.isFailing && /write|sync|open/.test(operation) ? "EIO" : undefined),
    }),
    env: createVirtualEnv(),
    isFailing: false,
  };
  return machine;
}

logContract("segment", () => simulatedWorld(), { durable: true, relaxed: true, faults: true });
