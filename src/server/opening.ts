/**
 * What a server must have before it can know a session: its storage, and the secret that tokens are signed with.
 *
 * Always: the secret is kept in the storage before the first token is signed with it, so that a server that restarts knows its
 * sessions; a server without storage has both at once.
 * Rules: docs/protocol.md HELLO1-HELLO8.
 */
import type { Env } from "../core/env.ts";
import type { Log, Storage } from "../topic/log.ts";
import { createTokens, type Tokens } from "./tokens.ts";

/** Under what the storage keeps what tokens are signed with. */
const secretKey = "session-secret";

export interface Opening {
  /** Until the storage is open; rejects where it cannot be opened. Absent: there is none. */
  readonly done: Promise<void> | undefined;
  /** A promise while it opens; nothing where there is none. */
  log(): Log | Promise<Log> | undefined;
  /** Only once it is done. */
  tokens(): Tokens;
}

interface OpeningHost {
  readonly env: Env;
  readonly storage: Storage | undefined;
  readonly sessionMaxAgeMs: number;
  report(error: unknown, where: string): void;
}

export function startOpening({ env, storage, sessionMaxAgeMs, report }: OpeningHost): Opening {
  let log: Log | Promise<Log> | undefined = storage?.open({ env, report });
  let tokens: Tokens | undefined;
  const sign = (secret: Uint8Array): void => {
    tokens = createTokens(env, secret, sessionMaxAgeMs);
  };
  const open = async (opening: Log | Promise<Log>): Promise<void> => {
    const opened = await opening;
    log = opened;
    let secret = await opened.kept(secretKey);
    if (!secret) {
      secret = env.randomBytes(32);
      await opened.keep(secretKey, secret);
    }
    sign(secret);
  };
  if (!log) sign(env.randomBytes(32));
  return {
    done: log && open(log),
    log: () => log,
    tokens: () => tokens as Tokens,
  };
}
