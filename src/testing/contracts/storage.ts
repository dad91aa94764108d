/**
 * The contract of storages, what `createServer({ storage })` takes: the contract of logs, in worlds that are made of the storage alone.
 *
 * Always: a restart closes the log and opens the same storage again. What needs more of the machine, a process that dies or a
 * disk that fails, is tested by logContractSuite in a world that can do that.
 * Rules: docs/protocol/storage.md LOG1-LOG16.
 */
import { realEnv } from "../../core/env.ts";
import type { Storage } from "../../topic/log.ts";
import { logContractSuite } from "./log.ts";
import type { LogWorld } from "./log-world.ts";
import { ContractFailure, type ContractTest } from "./suite.ts";

/** A storage on an empty place of its own. */
export interface StorageWorld {
  readonly storage: Storage;
  /** Removes the place; the log is closed by then. */
  dispose?(): void | Promise<void>;
}

export interface StorageTraits {
  /** What is stored is there when the storage is opened again. Default true. */
  readonly durable?: boolean;
}

const startMs = 1_900_000_000_000;

/** Tests of a `Storage`. `create` makes one, which one test has for itself. */
export function storageContractSuite(
  create: () => StorageWorld | Promise<StorageWorld>,
  { durable = true }: StorageTraits = {},
): readonly ContractTest[] {
  return logContractSuite(async () => openWorld(disposedOnce(await create()), durable, startMs), { durable });
}

/** A test disposes of the world before a restart as well as of the one after it. */
function disposedOnce({ storage, dispose }: StorageWorld): StorageWorld {
  let left = dispose;
  return {
    storage,
    async dispose() {
      const last = left;
      left = undefined;
      await last?.();
    },
  };
}

async function openWorld(world: StorageWorld, durable: boolean, openedMs: number): Promise<LogWorld> {
  let nowMs = openedMs;
  let isOpen = true;
  const report = (cause: unknown, where: string): void => {
    throw new ContractFailure(`nothing is damaged, and yet it is reported at ${where}: ${String(cause)}`, { cause });
  };
  const log = await world.storage.open({ env: { ...realEnv, nowMs: () => nowMs }, report });
  const close = async (): Promise<void> => {
    if (isOpen) await log.close();
    isOpen = false;
  };
  return {
    log,
    nowMs: () => nowMs,
    advance: (ms) => void (nowMs += ms),
    ...(durable && {
      async restart() {
        await close();
        return openWorld(world, durable, nowMs);
      },
    }),
    async dispose() {
      await close();
      await world.dispose?.();
    },
  };
}
