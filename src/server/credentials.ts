/**
 * Credentials of connections: said with hello, good for a time, renewed while the connection goes on.
 *
 * Always: nothing that a connection says is handled before it is known who it is; a connection whose time is over is closed; one that turns out
 * to be another user's is closed, and begins anew.
 * Rules: docs/protocol/auth.md AUTH1-AUTH15.
 */
import type { Env, Timer } from "../core/env.ts";
import { SyncError, toWireError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { errorEvent, event } from "../session/messages/sente.ts";
import { readToken, sync } from "../session/messages/sync.ts";
import type { Connection } from "./connection.ts";
import { pauseReasons } from "./connection-record.ts";
import type { Counters } from "./counters.ts";
import { closeCodeOf, closeText, expired, type Identity } from "./identity.ts";
import { closeCodes } from "./limits.ts";
import type { Refusal } from "./request.ts";
import { isAnonymous } from "./sessions.ts";

/** Timers cannot count further than 24 days; and the wall clock may jump. */
const maxLookMs = 3_600_000;

/** What one connection has shown. */
export interface Credential {
  identity: Identity;
  timer: Timer | undefined;
  /** The next one is being judged. */
  isRenewing: boolean;
  /** Its time is over, grace and all. */
  isOver: boolean;
  /** What the handshake could not say yet. */
  greet: (() => readonly [uid: unknown, data: unknown]) | undefined;
}

export interface Credentials {
  /** From now on it is held to that. `greet`: makes what the handshake says, for one that is still nobody. */
  hold(connection: Connection, identity: Identity, greet: Credential["greet"]): void;
  /** True: its hello says who it is, so that is found out first; then `begin`, and what came meanwhile. */
  awaits(connection: Connection, token: unknown, begin: () => void): boolean;
  /** Another token, on an open connection. False: unreadable. */
  renew(connection: Connection, data: unknown, callback: unknown): boolean;
  forget(connection: Connection): void;
}

interface CredentialsHost {
  readonly env: Env;
  readonly graceMs: number;
  /** To say who it is. */
  readonly handshakeMs: number;
  readonly counters: Counters;
  /** Until the storage is open. */
  opening(): Promise<void> | undefined;
  /** Asks anew what its user may do. False: it has to subscribe anew. */
  reask(connection: Connection): Promise<boolean>;
  report(error: unknown, where: string): void;
}

export function createCredentials(host: CredentialsHost): Credentials {
  const { env, graceMs, handshakeMs, counters, report } = host;

  const clear = (credential: Credential): void => {
    if (credential.timer !== undefined) env.clearTimer(credential.timer);
    credential.timer = undefined;
  };

  const refuse = (connection: Connection, refusal: Refusal): void => {
    counters.refused++;
    connection.close(closeCodeOf(refusal) ?? closeCodes.tooMany, closeText(refusal));
  };

  const end = (connection: Connection, credential: Credential): void => {
    credential.isOver = true;
    // What is being judged may yet be good.
    if (!credential.isRenewing) refuse(connection, expired);
  };

  const watch = (connection: Connection, credential: Credential): void => {
    clear(credential);
    credential.isOver = false;
    const { expiresAtMs, prove } = credential.identity;
    // A plain client that polls shows with each request who it is.
    if (expiresAtMs === undefined || (connection.polled && !connection.offersSync)) return;
    const leftMs = expiresAtMs - env.nowMs();
    const look = (): void => {
      credential.timer = undefined;
      if (expiresAtMs > env.nowMs()) return watch(connection, credential);
      if (!prove) return end(connection, credential);
      connection.control(connection.framer.event(sync.needsAuth, { graceMs }));
      credential.timer = env.setTimer(() => end(connection, credential), graceMs);
    };
    credential.timer = env.setTimer(look, Math.min(Math.max(leftMs, 0), maxLookMs));
  };

  const judge = async (connection: Connection, credential: Credential, data: unknown): Promise<void> => {
    const found = await (credential.identity.prove as NonNullable<Identity["prove"]>)(readToken(data));
    if (connection.closed) return;
    if ("status" in found) {
      refuse(connection, found);
      // Only its goodbye is heard of what it still says.
      return connection.resumeReading(pauseReasons.auth);
    }
    connection.user = found.user;
    credential.identity = { ...found, prove: credential.identity.prove };
    watch(connection, credential);
  };

  /** The answer to a renewal. */
  const renewed = async (connection: Connection, credential: Credential, found: Identity): Promise<unknown> => {
    const before = connection.user;
    const user = isAnonymous(found.user) && isAnonymous(before) ? { ...found.user, id: before.id } : found.user;
    if (user.id !== before.id || isAnonymous(user) !== isAnonymous(before)) return { user, anew: true };
    credential.identity = { ...found, user, prove: credential.identity.prove };
    watch(connection, credential);
    connection.user = user;
    if (connection.session) connection.session.user = user;
    if (JSON.stringify(user) === JSON.stringify(before) || (await host.reask(connection))) return { user };
    return { user, anew: true };
  };

  return {
    hold(connection, identity, greet) {
      if (!identity.prove && identity.expiresAtMs === undefined) return;
      connection.credential = { identity, timer: undefined, isRenewing: false, isOver: false, greet };
      if (!identity.isAwaited) return watch(connection, connection.credential);
      const late = { status: 408, body: "It was not said who this is" };
      connection.credential.timer = env.setTimer(() => refuse(connection, late), handshakeMs);
    },
    awaits(connection, token, begin) {
      const { credential } = connection;
      if (!credential?.identity.isAwaited) return false;
      clear(credential);
      credential.identity = { ...credential.identity, isAwaited: false };
      connection.awaitsMove = [];
      connection.pauseReading(pauseReasons.auth);
      const known = async (): Promise<void> => {
        await host.opening();
        await judge(connection, credential, token);
        if (connection.closed || connection.closing) return;
        const early = connection.awaitsMove ?? [];
        connection.awaitsMove = undefined;
        connection.resumeReading(pauseReasons.auth);
        begin();
        for (const data of early) connection.onFrame(data);
      };
      known().catch((error: unknown) => report(error, "authenticate"));
      return true;
    },
    renew(connection, data, callback) {
      const token = readToken((data as { readonly token?: unknown } | null)?.token);
      if (token === undefined || callback === null) return false;
      const say = (to: Connection, value: unknown): void => to.control(to.framer.message(value, callback));
      const fail = (to: Connection, error: SyncError): void => say(to, event(errorEvent, toWireError(error)));
      const { credential } = connection;
      if (!credential?.identity.prove) {
        fail(connection, new SyncError("unsupported", "Only who said with hello who it is can say so again."));
        return true;
      }
      if (credential.isRenewing) {
        fail(connection, new SyncError("conflict", "Another token is being judged."));
        return true;
      }
      credential.isRenewing = true;
      const judged = async (): Promise<void> => {
        const found = await (credential.identity.prove as NonNullable<Identity["prove"]>)(token);
        // Its session may have moved.
        const { current } = connection;
        credential.isRenewing = false;
        if (current.closed || current.closing) return;
        if ("status" in found) {
          counters.refused++;
          const code = found.status === 401 ? "unauthenticated" : found.status === 403 ? "forbidden" : "handler-failed";
          fail(current, new SyncError(code, found.body));
          if (credential.isOver) refuse(current, expired);
          return;
        }
        const answer = await renewed(current, current.credential ?? credential, found);
        if (current.closed) return;
        say(current, answer);
        if (!(answer as { readonly anew?: boolean }).anew) return;
        current.flush();
        const isSame = (answer as { readonly user: User }).user === current.user;
        current.close(isSame ? closeCodes.normal : closeCodes.ended, isSame ? "other grants" : "another user");
      };
      judged().catch((error: unknown) => report(error, "authenticate"));
      return true;
    },
    forget(connection) {
      if (connection.credential) clear(connection.credential);
    },
  };
}
