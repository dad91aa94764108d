/**
 * Credentials that expire: opt-in, for `createClient(url, { auth: renewing(() => token) })`.
 *
 * A token is asked for before each connection is opened, and travels in the first message on it, never in its URL; the server says when it wants
 * another one, and has it over the same connection, while topics, requests and writes go on. Who is not let in tries once more with a
 * fresh token; then the status is `needs-auth` until the application does something about it.
 * Always: nothing is tried in a hot loop; nothing that one user was shown, asked for or wrote reaches the server, or the screen, of the next.
 * Rules: docs/protocol/auth.md AUTH1-AUTH18.
 */
import { type Env, realEnv, type Timer } from "../core/env.ts";
import { isSyncError, SyncError } from "../core/errors.ts";
import type { Events } from "../core/events.ts";
import type { User } from "../core/register.ts";
import type { Writable } from "../core/store.ts";
import { backoffMs } from "../session/backoff.ts";
import { readErrorReply } from "../session/messages/sente.ts";
import type { Connector, ConnectorEvents, Format } from "../transport/transport.ts";
import { websocket } from "../transport/websocket.ts";
import { type Client, coreOf, type KindCore, type SessionPart } from "./client.ts";
import type { SocketEnd } from "./line.ts";
import type { ClientOptions } from "./options.ts";
import { ownerOf } from "./writes.ts";

/** Who this is. Nothing, or a SyncError `unauthenticated`: nobody is signed in; what else it throws is tried again. */
export type GetToken = () => string | null | undefined | Promise<string | null | undefined>;

export interface RenewingOptions {
  /**
   * Sends the token as that parameter of the URL instead, for a server that reads it there, as a real Sente one. It is then in the
   * server's logs, and is renewed by connecting anew.
   */
  readonly parameter?: string;
}

/** How a client shows who it is. */
export interface Auth {
  /** The options with all that showing it needs: called once for each client. */
  complete<E extends Events>(options: ClientOptions<E>): ClientOptions<E>;
}

/** `auth` may take so long, while there is a line. */
const tokenTimeoutMs = 20_000;
/** After a refusal, one try in so long. */
const againAfterMs = 30_000;
/** The server may ask for tokens as often as it likes. */
const renewEveryMs = 1000;
const maxRetryMs = 30_000;

/** What the server answers to a token. */
interface Renewed {
  readonly user: User;
  /** The line ends: what was granted, or who this is, is not the same. */
  readonly anew?: boolean;
}

/** What became of a try to open a line for which there was no token. */
const noToken = "auth";

/** Shows the server a token that `getToken` answers, a fresh one for each connection. Without it: what the browser sends by itself, as cookies. */
export function renewing(getToken?: GetToken, { parameter }: RenewingOptions = {}): Auth {
  return {
    complete(options) {
      const { env = realEnv, connector = websocket({ env }), storage } = options;
      let opener: Opener | undefined;
      return {
        ...options,
        connector: {
          name: connector.name,
          open: (href, events, format) => (opener ?? connector).open(href, events, format),
        },
        storage: {
          attach(client, server, twin) {
            const renewal = new Renewal(client, connector, getToken, parameter);
            if (getToken) opener = renewal;
            storage?.attach(client, server, twin);
          },
        },
      };
    },
  };
}

type Opener = Pick<Connector, "open">;

/** Who waits for the next line. */
interface Waiting {
  resolve(): void;
  reject(error: unknown): void;
}

/** What one client shows, and when. */
class Renewal implements SessionPart, Opener {
  readonly #core: KindCore;
  readonly #user: Writable<User | undefined>;
  readonly #connector: Connector;
  readonly #getToken: GetToken | undefined;
  readonly #parameter: string | undefined;
  /** Shown on the newest line. */
  #token = "";
  /** It is for the next line. */
  #isFresh = false;
  /** Hello was answered on this line. */
  #isReady = false;
  /** Whose session it is. */
  #owner: string | undefined;
  #triedAgainAtMs = Number.NEGATIVE_INFINITY;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #waiting: Waiting[] = [];
  /** On one line, one renewal after the other. */
  #renewals: Promise<unknown> = Promise.resolve();

  constructor(client: Client, connector: Connector, getToken: GetToken | undefined, parameter: string | undefined) {
    this.#core = coreOf(client);
    this.#user = client.user as Writable<User | undefined>;
    this.#connector = connector;
    this.#getToken = getToken;
    this.#parameter = parameter;
    const { facts } = this.#core;
    facts.ended = (end) => this.#ended(end);
    this.#user.listen((user) => this.#heardOf(user));
    (client as { reauthenticate: Client["reauthenticate"] }).reauthenticate = () => {
      const renewed = this.#renew();
      // The status says it, too.
      renewed.catch(() => {});
      return renewed;
    };
    this.#core.join(this);
  }

  open(href: string, events: ConnectorEvents, format?: Format): { cancel(): void } {
    let opening: { cancel(): void } | undefined;
    let isOver = false;
    const url = new URL(href);
    void this.#prepare(url, events, () => isOver).then((isPrepared) => {
      if (isPrepared && !isOver) opening = this.#connector.open(url.href, events, format);
    });
    return {
      cancel() {
        isOver = true;
        opening?.cancel();
      },
    };
  }

  receive(id: string): boolean {
    if (id !== "sync/needs-auth") return false;
    this.#renewIn(Math.max(0, this.#renewedAtMs + renewEveryMs - this.#core.env.monotonicMs()));
    return true;
  }

  welcomed(): void {
    this.#isReady = true;
    this.#core.facts.refusal = undefined;
    this.#settle();
  }

  lost(isOver: boolean): void {
    this.#isReady = false;
    if (this.#timer !== undefined) this.#core.env.clearTimer(this.#timer);
    this.#timer = undefined;
    if (isOver) this.#settle(new SyncError("closed"));
  }

  /** Rejects with a SyncError. */
  async #ask(): Promise<string> {
    let answer: unknown;
    try {
      answer = await this.#getToken?.();
    } catch (error) {
      if (isNobody(error)) throw error;
      throw new SyncError("unauthenticated", `\`auth\` failed: ${error}`, { cause: error, retry: "later" });
    }
    if (typeof answer === "string" && answer) return answer;
    throw new SyncError("unauthenticated", "`auth` gave no token: nobody is signed in.");
  }

  #show(token: string): void {
    this.#token = token;
    if (this.#parameter === undefined) this.#core.facts.hello = { auth: token };
  }

  /** Asks for what the line needs, and puts it where it belongs; false: there is nothing to open. */
  async #prepare(url: URL, events: ConnectorEvents, isOver: () => boolean): Promise<boolean> {
    const { facts, report } = this.#core;
    // A connection beside the line's shows what that one showed.
    if (!this.#isFresh && !url.searchParams.has("move")) {
      try {
        const token = await this.#ask();
        if (isOver()) return false;
        this.#show(token);
      } catch (error) {
        if (isOver()) return false;
        if (isNobody(error)) this.#refuse(error);
        else {
          facts.refusal = error as SyncError;
          events.onFail(noToken);
          report(error, "auth");
        }
        return false;
      }
    }
    this.#isFresh = false;
    if (this.#parameter === undefined) url.searchParams.set("auth", "1");
    else url.searchParams.set(this.#parameter, this.#token);
    return true;
  }

  /** How the line ended: whether it is of use to try again. */
  #ended(end: SocketEnd): void {
    const { env, facts, line } = this.#core;
    const { name } = line.state;
    // It was left before; or the reason is known already.
    if ((name !== "connecting" && name !== "connected") || end.reason === noToken) return;
    const refusal = refusalOf(end);
    facts.refusal = refusal;
    if (!refusal) return;
    const nowMs = env.monotonicMs();
    if (!this.#getToken || nowMs - this.#triedAgainAtMs < againAfterMs) return this.#refuse(refusal);
    this.#triedAgainAtMs = nowMs;
    line.dispatch("reconnect");
  }

  #refuse(error: SyncError): void {
    this.#core.facts.refusal = error;
    this.#core.line.dispatch("refused");
    this.#settle(error);
  }

  #nextLine(): Promise<void> {
    return new Promise((resolve, reject) => void this.#waiting.push({ resolve, reject }));
  }

  #settle(error?: unknown): void {
    const settled = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of settled) {
      if (error) reject(error);
      else resolve();
    }
  }

  /** Told before anybody else is, and before what waits for the line is sent on it. */
  #heardOf(user: User | undefined): void {
    const { facts } = this.#core;
    facts.handshake = facts.welcome?.handshake ?? facts.handshake;
    const next = ownerOf(user);
    if (this.#owner !== undefined && this.#owner !== next) {
      this.#dropWaiting();
      this.#clear();
    }
    this.#owner = next;
  }

  /** What waits for a line was asked for by the user before. */
  #dropWaiting(): void {
    const { queue, callbacks } = this.#core;
    for (const key of [...queue.keys()]) {
      queue.delete(key);
      callbacks.settle(key as string, new SyncError("closed", "Another user is signed in."));
    }
  }

  /** Nothing of what the user before read is here any more. */
  #clear(): void {
    for (const held of this.#core.all.values()) held.forget();
  }

  /** All goes on over another line: with other grants, or for another user. */
  #beginAnew(user: User): Promise<void> {
    const { facts, line, attempt } = this.#core;
    const next = ownerOf(user);
    const isOther = next !== this.#owner;
    this.#isFresh = true;
    this.#owner = next;
    const begun = this.#nextLine();
    line.dispatch("reconnect");
    if (isOther) {
      // What is written from now on is the new user's, whoever the next line turns out to be.
      facts.welcome = { session: "", token: "", user };
      this.#dropWaiting();
      this.#clear();
      attempt(() => this.#user.set(user), "user");
    }
    return begun;
  }

  /** Shows a fresh token on the line that there is; where that cannot be, `begun` is the next line, which shows it. */
  async #renewHere(): Promise<{ readonly begun?: Promise<void> }> {
    const { env, line, send } = this.#core;
    const { name, line: number } = line.state;
    if (name === "closed") throw new SyncError("closed");
    /** Else the line that came meanwhile has shown a token of its own. */
    const isHere = (): boolean => this.#isReady && line.state.line === number;
    const elsewhere = (): { readonly begun?: Promise<void> } => (this.#isReady ? {} : { begun: this.#nextLine() });
    if (!this.#isReady || !this.#getToken || this.#parameter !== undefined) {
      line.dispatch("reconnect");
      return { begun: this.#nextLine() };
    }
    this.#renewedAtMs = env.monotonicMs();
    let token: string;
    try {
      token = await within(env, tokenTimeoutMs, this.#ask());
    } catch (error) {
      if (isHere() && isNobody(error)) this.#refuse(error);
      throw error;
    }
    if (!isHere()) return elsewhere();
    return new Promise((resolve, reject) => {
      // At once: the line may end behind the answer.
      send("sync/auth", { token }, (failed, value) => {
        const error = failed ?? readErrorReply(value);
        if (!isHere()) resolve(elsewhere());
        else if (error) reject(error);
        else resolve(this.#renewed(token, value as Renewed));
      });
    });
  }

  #renewed(token: string, { user, anew }: Renewed): { readonly begun?: Promise<void> } {
    this.#show(token);
    if (anew) return { begun: this.#beginAnew(user) };
    if (JSON.stringify(user) !== JSON.stringify(this.#user.get())) this.#core.attempt(() => this.#user.set(user), "user");
    return {};
  }

  #renew(): Promise<void> {
    const renewed = this.#renewals.then(() => this.#renewHere());
    this.#renewals = renewed.catch(() => {});
    return renewed.then(({ begun }) => begun);
  }

  #renewIn(delayMs: number, attempt = 1): void {
    const { env, report } = this.#core;
    this.#timer ??= env.setTimer(() => {
      this.#timer = undefined;
      this.#renew().catch((error: unknown) => {
        // Else the status says it.
        if (!this.#isReady) return;
        report(error, "auth");
        this.#renewIn(backoffMs(attempt, env.random(), maxRetryMs), attempt + 1);
      });
    }, delayMs);
  }
}

/** Why the server does not let this client in, if that is how its line ended: our close codes, or HTTP's 401 and 403 as transports tell it. */
function refusalOf({ code, reason }: SocketEnd): SyncError | undefined {
  // "4401 …", "0 … HTTP 401 …", and what `ws` says: "0 Unexpected server response: 401".
  const found = /^4(40[13])|(?:HTTP|response:) (40[13])\b/.exec(`${code} ${reason}`);
  return found ? new SyncError((found[1] ?? found[2]) === "401" ? "unauthenticated" : "forbidden", reason) : undefined;
}

/** Trying again is of no use: nobody is signed in, or who is may not come in. */
function isNobody(error: unknown): error is SyncError {
  return (isSyncError(error, "unauthenticated") || isSyncError(error, "forbidden")) && error.retry === "no";
}

function within<T>(env: Env, timeoutMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new SyncError("timeout", `\`auth\` gave no token within ${timeoutMs} ms.`));
    const timer = env.setTimer(fail, timeoutMs);
    promise.finally(() => env.clearTimer(timer)).then(resolve, reject);
  });
}
