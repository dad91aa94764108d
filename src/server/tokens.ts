/**
 * Session tokens: signed and dated, so that a server that restarted knows a session that it has no memory of.
 *
 * A token names its session's replica, user and times; whoever holds the server's secret can tell that it said so.
 * Always: a token is believed for the session, and the user, that it was made for, until it is `maxAgeMs` old.
 * Rules: docs/protocol.md HELLO1-HELLO8.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Env } from "../core/env.ts";

export interface SessionFacts {
  readonly id: string;
  /** How others know the writer. */
  readonly replica: string;
  readonly userId: string;
  readonly anonymous: boolean;
  /** When the session began; wall clock. */
  readonly createdMs: number;
}

export interface Tokens {
  issue(facts: SessionFacts): string;
  /** What it proves of that session, or nothing. */
  read(id: string, token: string): SessionFacts | undefined;
}

/** Half of a SHA-256. */
const macBytes = 16;

export function createTokens(env: Env, secret: Uint8Array, maxAgeMs: number): Tokens {
  const sign = (id: string, said: string): string =>
    createHmac("sha256", secret).update(`${id}~${said}`).digest().subarray(0, macBytes).toString("hex");
  return {
    issue({ id, replica, userId, anonymous, createdMs }) {
      const times = [Math.floor(env.nowMs()).toString(36), createdMs.toString(36)];
      const said = [...times, replica, anonymous ? "a" : "u", encodeURIComponent(userId)].join("~");
      return `${said}~${sign(id, said)}`;
    },
    read(id, token) {
      const end = token.lastIndexOf("~");
      const said = token.slice(0, Math.max(end, 0));
      const [mac, own] = [Buffer.from(token.slice(end + 1)), Buffer.from(sign(id, said))];
      if (mac.length !== own.length || !timingSafeEqual(mac, own)) return undefined;
      const [issued = "", created = "", replica = "", kind, user = ""] = said.split("~");
      const ageMs = env.nowMs() - Number.parseInt(issued, 36);
      if (!(ageMs <= maxAgeMs)) return undefined;
      const userId = decodeURIComponent(user);
      return { id, replica, userId, anonymous: kind === "a", createdMs: Number.parseInt(created, 36) };
    },
  };
}
