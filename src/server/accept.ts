/**
 * The door for transports from elsewhere: a test, a pipe, a worker.
 *
 * Always: nothing of it is read before it is admitted; one that is refused is closed with 4008, or one of ours as AUTH3 says, and the reason,
 * and counted.
 * Rules: docs/protocol.md DOOR8; docs/protocol/auth.md AUTH3.
 */
import type { User } from "../core/register.ts";
import type { Transport } from "../transport/transport.ts";
import type { Door, Doors } from "./http.ts";
import { closeCodeOf, closeText, isOurs } from "./identity.ts";
import { closeCodes } from "./limits.ts";
import type { Refusal } from "./request.ts";

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
  const refuse = (refusal: Refusal, parsed?: URL): void => {
    door.counters.refused++;
    transport.close((parsed && isOurs(parsed) && closeCodeOf(refusal)) || closeCodes.tooMany, closeText(refusal));
  };
  if (!URL.canParse(url, "ws://localhost")) return refuse({ status: 400, body: "Bad request" });
  const parsed = new URL(url, "ws://localhost");
  const known = user ? { user } : await admit(undefined, parsed);
  if (isGone) return;
  transport.resume();
  if ("status" in known) return refuse(known, parsed);
  const full = door.full(known.user);
  if (full) return refuse(full);
  door.enter(transport, parsed, known, door.framerFor(parsed.searchParams.get("packers")?.split(",") ?? []));
}
