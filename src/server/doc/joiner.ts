/**
 * Joins the updates of a document to one, and what is large in another thread: the one that serves goes on serving.
 *
 * The thread is begun when it is first needed and ends with the server; it keeps no process alive. Where there is none, as in virtual
 * time, or it has died, the work is done here.
 * Always: until it is closed it is answered, with the same update wherever it was made; what it was given is not changed.
 * Rules: docs/protocol/doc-versions.md VDOC14, VDOC15.
 */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { realEnv } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import type { ServerCore } from "../core.ts";
import { joined } from "./view.ts";

export interface Joiner {
  /** One update that adds up to the same, without what was deleted. */
  join(updates: readonly Uint8Array[]): Promise<Uint8Array>;
  /** Those would be joined in another thread. */
  isAway(updates: readonly Uint8Array[]): boolean;
  close(): void;
  /** Joined in another thread so far. */
  readonly count: number;
}

/** Below, giving it away takes longer than doing it. */
const awayBytes = 64 * 1024;

/** `joined` of view.ts once more: a file of its own would be another one in the source, in the package and in a bundle. */
const source = `
const { parentPort, workerData } = require("node:worker_threads");
const Y = require(workerData);
parentPort.on("message", ({ id, updates }) => {
  const doc = new Y.Doc({ guid: "joined" });
  doc.transact((transaction) => {
    for (const update of updates) Y.applyUpdate(doc, update);
    transaction.local = true;
  });
  parentPort.postMessage({ id, update: Y.encodeStateAsUpdate(doc) });
});`;

interface Asked {
  resolve(update: Uint8Array): void;
  reject(error: unknown): void;
}

export function createJoiner(report: (error: unknown) => void, start: () => Worker = startWorker): Joiner {
  const asked = new Map<number, Asked>();
  let worker: Worker | undefined;
  let isDead = false;
  let isClosed = false;
  let nextId = 1;
  let count = 0;

  const ended = (error?: unknown): void => {
    if (error && !isDead) report(error);
    isDead = true;
    for (const { reject } of asked.values()) reject(error ?? new SyncError("closed"));
    asked.clear();
  };
  const begin = (): Worker => {
    const begun = start();
    begun.on("message", ({ id, update }: { readonly id: number; readonly update: Uint8Array }) => {
      const one = asked.get(id);
      asked.delete(id);
      if (!asked.size) begun.unref();
      one?.resolve(update);
    });
    begun.on("error", ended);
    begun.on("exit", () => ended());
    begun.unref();
    return begun;
  };
  const away = (updates: readonly Uint8Array[]): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      worker ??= begin();
      const id = nextId++;
      asked.set(id, { resolve, reject });
      // While somebody waits for it.
      worker.ref();
      worker.postMessage({ id, updates });
    });
  const isAway = (updates: readonly Uint8Array[]): boolean =>
    !isDead && updates.reduce((sum, { length }) => sum + length, 0) >= awayBytes;

  return {
    isAway,
    async join(updates) {
      if (!isAway(updates)) return joined(updates);
      try {
        const update = await away(updates);
        count++;
        return update;
      } catch (error) {
        if (isClosed) throw error;
        return joined(updates);
      }
    },
    close() {
      isDead = isClosed = true;
      void worker?.terminate();
    },
    get count() {
      return count;
    },
  };
}

function startWorker(): Worker {
  return new Worker(source, { eval: true, workerData: createRequire(import.meta.url).resolve("yjs") });
}

const joiners = new WeakMap<ServerCore, Joiner>();

/** The one of a server. */
export function joinerOf(core: ServerCore): Joiner {
  const known = joiners.get(core);
  if (known) return known;
  const made = createJoiner((error) => core.report(error, "compaction"));
  // Another thread knows nothing of virtual time: as if there were none.
  if (core.env.setTimer !== realEnv.setTimer) made.close();
  core.ends.add(made.close);
  joiners.set(core, made);
  return made;
}
