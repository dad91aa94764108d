/**
 * Who edits what: what this client tells of itself, and the lock that it asks for.
 *
 * What one turn changes, a focus that goes from one field to the next, is told once. After a break all of it is told again.
 * Always: one field at a time; a lock is asked for again while somebody types, so that it does not end under his hands.
 * Rules: docs/protocol/form.md EDIT1-EDIT4.
 */
import { askEvent, type FormAsk } from "../kind/form.ts";
import type { Client, KindCore } from "./client.ts";

export interface Edits {
  /** This field is edited here. */
  edit(name: string): void;
  /** Or is not any more. */
  leave(name: string): void;
  /** A keystroke. */
  typed(name: string): void;
  /** Asks others to leave the field alone; false: somebody else has it, or nobody answers. */
  lock(name: string): Promise<boolean>;
  unlock(name: string): void;
}

export function createEdits(client: Client, { env, join }: KindCore, topic: string, lockMs: () => number): Edits {
  let editing: string | undefined;
  let locking: string | undefined;
  let lockedAtMs = 0;
  /** What the server was told. */
  let told: string | undefined;

  const asked = (): FormAsk => {
    const lock = editing !== undefined && locking === editing;
    told = editing;
    if (lock) lockedAtMs = env.monotonicMs();
    return { topic, what: "edit", field: editing ?? null, lock };
  };
  // What waits for a line would be told when it is no longer so.
  const isConnected = (): boolean => client.status.get().name === "connected";
  const tell = (): void => {
    if (isConnected()) client.send(askEvent, asked());
  };
  const tellLater = (): void => env.endOfTurn(() => told !== editing && tell());
  join({
    receive: () => false,
    welcomed() {
      if (editing !== undefined) tell();
    },
    lost() {
      // The server forgets it.
      told = undefined;
    },
  });

  return {
    edit(name) {
      if (locking !== name) locking = undefined;
      editing = name;
      tellLater();
    },
    leave(name) {
      if (editing !== name) return;
      editing = locking = undefined;
      tellLater();
    },
    typed(name) {
      if (locking === name && env.monotonicMs() - lockedAtMs > lockMs() / 3) tell();
    },
    async lock(name) {
      editing = name;
      if (!isConnected()) return false;
      locking = name;
      const answer = await client.request(askEvent, asked()).catch(() => undefined);
      const isOurs = (answer as { readonly locked?: unknown } | null | undefined)?.locked === true;
      if (!isOurs && locking === name) locking = undefined;
      return isOurs;
    },
    unlock(name) {
      if (locking !== name) return;
      locking = undefined;
      tell();
    },
  };
}
