/**
 * `signOut`: the end of a client, and of what this device keeps of its user.
 * Rules: docs/protocol/writes.md OUTBOX15.
 */
import { type Client, coreOf } from "./client.ts";
import { writesOf } from "./writes.ts";

export interface SignOutOptions {
  /** Deletes what is kept and was not stored. Default false: it waits for when this user is back. */
  readonly discard?: boolean;
}

/** Ends the client. Resolves once its storage is as it stays. */
export async function signOut(client: Client, { discard = false }: SignOutOptions = {}): Promise<void> {
  const ended = writesOf(coreOf(client)).keeper?.end(discard, true);
  client.close();
  await ended;
}
