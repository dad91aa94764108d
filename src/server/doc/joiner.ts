/**
 * Joins the updates of a document to one, and what is large in another thread: the one that serves goes on serving.
 *
 * The thread is begun when it is first needed and ends with the server; it keeps no process alive. Where there is none, as in virtual
 * time, or it has died, the work is done here. What keeps it for too long, as only a document does that was made for it, is given up.
 * Always: until it is closed it is answered, with the same update wherever it was made; what it was given is not changed; one document
 * holds up no other for longer than `timeoutMs`.
 * Rules: docs/protocol/doc-versions.md VDOC14, VDOC15, VDOC19.
 */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { realEnv, type Timer } from "../../core/env.ts";
import { isSyncError, SyncError } from "../../core/errors.ts";
import type { ServerCore } from "../core.ts";
import { joined } from "./view.ts";

export interface Joiner {
  /** One update that adds up to the same, without what was deleted. Rejects with SyncError `timeout`. */
  join(updates: readonly Uint8Array[]): Promise<Uint8Array>;
  /** Those would be joined in another thread. */
  isAway(updates: readonly Uint8Array[]): boolean;
  close(): void;
  /** Joined in another thread so far. */
  readonly count: number;
}

/** Below, it takes no time here, whatever somebody made of it. */
const awayBytes = 16 * 1024;
/** The largest document takes some seconds. */
const joinTimeoutMs = 30_000;

/** `joined` of view.ts once more: a file of its own would be another one in the source, in the package and in a bundle. */
const source = `
const { parentPort, workerData } = require("node:worker_threads");
const Y = require(workerData);
parentPort.on("message", (updates) => {
  const doc = new Y.Doc({ guid: "joined" });
  doc.transact((transaction) => {
    for (const update of updates) Y.applyUpdate(doc, update);
    transaction.local = true;
  });
  parentPort.postMessage(Y.encodeStateAsUpdate(doc));
});`;

interface Asked {
  readonly updates: readonly Uint8Array[];
  resolve(update: Uint8Array): void;
  reject(error: unknown): void;
}

export function createJoiner(
  report: (error: unknown) => void,
  start: () => Worker = startWorker,
  timeoutMs: number = joinTimeoutMs,
): Joiner {
  const asked: Asked[] = [];
  /** What the thread is at. */
  let current: Asked | undefined;
  let timer: Timer | undefined;
  let worker: Worker | undefined;
  let isDead = false;
  let isClosed = false;
  let count = 0;

  const done = (): Asked | undefined => {
    const was = current;
    current = undefined;
    if (timer !== undefined) realEnv.clearTimer(timer);
    timer = undefined;
    return was;
  };
  const ended = (error?: unknown): void => {
    if (error && !isDead) report(error);
    isDead = true;
    const late = done();
    for (const { reject } of [...(late ? [late] : []), ...asked.splice(0)]) reject(error ?? new SyncError("closed"));
  };
  const begin = (): Worker => {
    const begun = start();
    const isOurs = (): boolean => begun === worker;
    begun.on("message", (update: Uint8Array) => {
      if (!isOurs()) return;
      const was = done();
      next();
      was?.resolve(update);
    });
    begun.on("error", (error) => isOurs() && ended(error));
    begun.on("exit", () => isOurs() && ended());
    return begun;
  };
  const next = (): void => {
    if (current) return;
    current = asked.shift();
    // It keeps the process alive while somebody waits for it.
    if (!current) return worker?.unref();
    try {
      worker ??= begin();
      worker.ref();
      worker.postMessage(current.updates);
      timer = realEnv.setTimer(giveUp, timeoutMs);
    } catch (error) {
      done()?.reject(error);
      next();
    }
  };
  /** Nothing but its end stops a thread. */
  const giveUp = (): void => {
    const late = done();
    const old = worker;
    worker = undefined;
    void old?.terminate();
    next();
    late?.reject(new SyncError("timeout", `A document's updates could not be joined within ${timeoutMs} ms.`));
  };
  const away = (updates: readonly Uint8Array[]): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      asked.push({ updates, resolve, reject });
      next();
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
        if (isClosed || isSyncError(error, "timeout")) throw error;
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
