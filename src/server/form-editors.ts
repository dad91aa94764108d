/**
 * Who has which field of a form open, and who asks the others to leave it alone.
 *
 * Always: none of it is logged; who is gone edits nothing; a lock without a sign of life ends after `lockMs`; of two who ask for one field
 * the first has it.
 * Rules: docs/protocol/form.md EDIT1-EDIT5.
 */
import type { Env, Timer } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { Editor } from "../kind/form.ts";
import { keysOf, overlaps } from "../kind/form-path.ts";
import type { Connection } from "./connection.ts";

/** Of one form at a time. */
const maxEditors = 256;

interface Entry {
  readonly editor: Editor;
  readonly connection: Connection;
  readonly timer: Timer | undefined;
}

export interface Editors {
  /** That connection edits this field, or none; whether it has the lock that it asks for. */
  edit(connection: Connection, field: string | null, lock: boolean): boolean;
  /** Forgets who is gone. */
  tidy(): void;
  close(): void;
}

export function createEditors(env: Env, lockMs: number, tell: (id: string, editor: Editor | undefined) => void): Editors {
  const entries = new Map<string, Entry>();

  let looking: Timer | undefined;
  /** Who went before it read the form is not missed by anybody: now and then all are looked at. */
  const look = (): void => {
    looking = undefined;
    tidy();
    if (entries.size) looking ??= env.setTimer(look, lockMs);
  };
  const enter = (id: string, entry: Entry): void => {
    entries.set(id, entry);
    looking ??= env.setTimer(look, lockMs);
    tell(id, entry.editor);
  };
  const quiet = (id: string): boolean => {
    const { timer } = entries.get(id) ?? {};
    if (timer !== undefined) env.clearTimer(timer);
    return entries.delete(id);
  };
  const leave = (id: string): void => {
    if (quiet(id)) tell(id, undefined);
  };
  const isGone = ({ connection }: Entry): boolean => connection.current.closed;
  const tidy = (): void => {
    for (const [id, entry] of [...entries]) if (isGone(entry)) leave(id);
  };

  return {
    edit(connection, field, lock) {
      const { session, user } = connection;
      if (!session) throw new SyncError("invalid", "Say hello first.");
      // It went while the form was being opened.
      if (connection.current.closed) return false;
      const id = session.replica;
      if (field === null) {
        leave(id);
        return false;
      }
      const keys = keysOf(field);
      tidy();
      if (!entries.has(id) && entries.size >= maxEditors)
        throw new SyncError("limit", `${maxEditors} people edit this form already.`, { retry: "later" });
      const others = [...entries].filter(([other]) => other !== id);
      const isTaken = others.some(([, { editor }]) => editor.locked && overlaps(keysOf(editor.field), keys));
      const locked = lock && !isTaken;
      const { name } = user as { readonly name?: unknown };
      const editor: Editor = { id, user: user.id, ...(typeof name === "string" && { name }), field, locked };
      const expire = (): void => enter(id, { editor: { ...editor, locked: false }, connection, timer: undefined });
      quiet(id);
      enter(id, { editor, connection, timer: locked ? env.setTimer(expire, lockMs) : undefined });
      return locked;
    },
    tidy,
    close() {
      for (const id of [...entries.keys()]) quiet(id);
      if (looking !== undefined) env.clearTimer(looking);
    },
  };
}
