/**
 * Who is on the way into a topic, or to what a request asks for: `authorize` has not answered yet, or the topic is still being opened.
 *
 * Always: what is taken back meanwhile is refused at the end of the way, whatever was answered at its beginning.
 * Rules: docs/protocol.md GRANT5, GRANT13.
 */
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";

export interface WayIn {
  readonly user: User;
  readonly name: string;
  isRevoked: boolean;
}

export interface WaysIn {
  /** Runs with a way that is known for as long as it takes. */
  walk<T>(user: User, name: string, run: (way: WayIn) => Promise<T>): Promise<T>;
  revoke(isMeant: (way: WayIn) => boolean): void;
}

export function createWaysIn(): WaysIn {
  const open = new Set<WayIn>();
  return {
    async walk(user, name, run) {
      const way: WayIn = { user, name, isRevoked: false };
      open.add(way);
      try {
        return await run(way);
      } finally {
        open.delete(way);
      }
    },
    revoke(isMeant) {
      for (const way of open) if (isMeant(way)) way.isRevoked = true;
    },
  };
}

export function forbidden(name: string): SyncError {
  return new SyncError("forbidden", `Not allowed: "${name}".`);
}

/** Throws SyncError `forbidden`; asked in the step that lets somebody in. */
export function checkWay({ isRevoked, name }: WayIn): void {
  if (isRevoked) throw forbidden(name);
}
