/**
 * Who a connection is, as far as the server knows, how long that holds, and what it is told where it may not come in.
 *
 * Always: a refusal of one of ours says by its close code what HTTP says by its status, since a browser hides that of an upgrade.
 * Rules: docs/protocol/auth.md AUTH1-AUTH7.
 */
import type { Env } from "../core/env.ts";
import { isSyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { Refusal } from "./request.ts";

/** What `authenticate` answers where what it believed expires. */
export interface Expiring {
  readonly user: User;
  /** Wall clock, ms; a JWT's `exp` is in seconds. Undefined: never. */
  readonly expiresAtMs: number | undefined;
}

export interface Identity {
  readonly user: User;
  /** Wall clock. */
  readonly expiresAtMs?: number | undefined;
  /** Says who it is by a token: there where it can do so again. */
  readonly prove?: ((token: string | undefined) => Promise<Identity | Refusal>) | undefined;
  /** It has not said so yet, and is nobody. */
  readonly isAwaited?: boolean;
}

/** Until it has said who it is. */
export const nobody: User = { id: "", anonymous: true };

export const expired: Refusal = { status: 401, body: "The credentials have expired", reason: "unauthorized" };

/** What `authenticate` answered, in one form. */
export function identityOf(answer: User | Expiring | null): Identity | null {
  if (answer === null || !("expiresAtMs" in answer && "user" in answer)) return answer && { user: answer };
  return answer;
}

export function isExpired({ expiresAtMs }: Identity, env: Env): boolean {
  return expiresAtMs !== undefined && expiresAtMs <= env.nowMs();
}

/** What an error of `authenticate` says, where it is an answer. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (isSyncError(error, "unauthenticated")) return { status: 401, body: error.message, reason: "unauthorized" };
  if (isSyncError(error, "forbidden")) return { status: 403, body: error.message, reason: "unauthorized" };
  return undefined;
}

/** The code that stands for it, where that says that credentials are missing; others may be let in as they are, later. */
export function closeCodeOf({ status }: Refusal): number | undefined {
  return status === 401 || status === 403 ? 4000 + status : undefined;
}

/** What fits into a close frame: 123 bytes. */
export function closeText({ body }: Refusal): string {
  return new TextDecoder().decode(new TextEncoder().encode(body).subarray(0, 120)).replace(/\ufffd$/, "");
}

export function isOurs({ searchParams }: URL): boolean {
  return searchParams.get("sync") === "1";
}

/** It says with its hello who it is. */
export function saysLater(url: URL): boolean {
  return isOurs(url) && url.searchParams.get("auth") === "1";
}
