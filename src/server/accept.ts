/**
 * The door for transports from elsewhere: a test, a pipe, a worker.
 *
 * Always: nothing of it is read before it is admitted; one that is refused is closed with 4008 and the reason, and counted.
 * Rules: docs/protocol.md DOOR8.
 */
import type { User } from "../core/register.ts";
import type { Transport } from "../transport/transport.ts";
import type { Door, Doors } from "./http.ts";
import { closeCodes } from "./limits.ts";

export async function accept(
  door: Door,
  admit: Doors["admit"],
  transport: Transport,
  url: string,
  user: User | undefined,
): Promise<void> {
  let isGone = false;
  transport.handlers = { onFrame() {}, onClose: () => void (isGone = true) };
  transport.pause();
  const refuse = (body: string): void => {
    door.counters.refused++;
    transport.close(closeCodes.tooMany, body);
  };
  if (!URL.canParse(url, "ws://localhost")) return refuse("Bad request");
  const parsed = new URL(url, "ws://localhost");
  const known = user ? { user } : await admit(undefined, parsed);
  if (isGone) return;
  transport.resume();
  if ("status" in known) return refuse(known.body);
  const full = door.full(known.user);
  if (full) return refuse(full.body);
  door.enter(transport, parsed, known.user, door.framerFor(parsed.searchParams.get("packers")?.split(",") ?? []));
}
