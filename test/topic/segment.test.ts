import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { folder } from "../../src/storage/folder.ts";
import { logContractSuite } from "../../src/testing/contracts/log.ts";
import type { LogWorld } from "../../src/testing/contracts/log-world.ts";
import { storageContractSuite } from "../../src/testing/contracts/storage.ts";
import { type SimulatedDisk, simulatedDisk } from "../../src/testing/disk.ts";
import { createRng } from "../../src/testing/rng.ts";
import { openSegmentLog } from "../../src/topic/segment/segment-log.ts";
import { createVirtualEnv, type VirtualEnv } from "../support/virtual-env.ts";

const unreported = (error: unknown): void => {
  throw new Error("Nothing is to be reported.", { cause: error });
};

describe("folder log", () => {
  const suite = storageContractSuite(async () => {
    const path = await mkdtemp(join(tmpdir(), "segments-"));
    return { storage: folder(path, { segmentBytes: 4096 }), dispose: () => rm(path, { recursive: true }) };
  });
  for (const { name, run } of suite) test(name, run);
});

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

describe("segment log", () => {
  for (const { name, run } of logContractSuite(() => simulatedWorld(), { durable: true, relaxed: true, faults: true }))
    test(name, run);
});
