/**
 * Whether everything that was written here is stored there; and what keeps a page from closing while it is not.
 *
 * Always: one store per client; it tells when `pending` changes, and only then.
 * Rules: docs/protocol/writes.md OUTBOX5, OUTBOX6.
 */
import { derived, type Readable } from "../core/store.ts";
import { coreOf } from "./client.ts";
import { writesOf } from "./writes.ts";

export interface SyncStatus {
  readonly status: "synchronized" | "synchronizing";
  /** Writes that have no answer yet. */
  readonly pending: number;
}

const known = new WeakMap<object, Readable<SyncStatus>>();

/** A store: is anything on its way? */
export function syncStatus(client: object): Readable<SyncStatus> {
  let status = known.get(client);
  if (!status) {
    status = derived(writesOf(coreOf(client)).pending, (pending) => ({
      status: pending ? "synchronizing" : "synchronized",
      pending,
    }));
    known.set(client, status);
  }
  return status;
}

/** Asks a person who leaves the page whether to, while something is on its way that no storage keeps. Returns how to stop. */
export function preventUnload(client: object): () => void {
  const writes = writesOf(coreOf(client));
  // Where there is no page, nothing is left.
  const page = globalThis as Partial<Pick<Window, "addEventListener" | "removeEventListener">>;
  const ask = (event: BeforeUnloadEvent): void => {
    if (!writes.keeper?.isKeeping) event.preventDefault();
  };
  // A page that listens for it is not kept in the browser's cache: only while it must.
  let listens = false;
  const listen = (should: boolean): void => {
    if (should === listens) return;
    listens = should;
    if (should) page.addEventListener?.("beforeunload", ask);
    else page.removeEventListener?.("beforeunload", ask);
  };
  const stop = writes.pending.subscribe((pending) => listen(pending > 0));
  return () => {
    stop();
    listen(false);
  };
}
