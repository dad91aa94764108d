/**
 * The client's long polling, where a WebSocket cannot be had: a poll is always under way, posts carry what is sent.
 *
 * A server of ours numbers the frames of both directions, so an exchange that is lost is repeated and nothing is lost or comes twice. A plain
 * Sente server takes one message per post and gives its reply with the answer: the callback id stays here.
 * Always: posts are sent one after the other; a poll that fails is repeated for `retryMs`, then the connection is over.
 * Rules: docs/protocol/ajax.md AJAX17-AJAX24. Source of the plain half: sente-wire section 6.
 */
import { type Env, realEnv, type Timer } from "../core/env.ts";
import { Keyword } from "../core/values.ts";
import { pollBodyType, readPollBody, writePollBody } from "./poll-body.ts";
import type { Connector, Format, Frame, Transport, TransportHandlers } from "./transport.ts";

export interface LongPollClientOptions {
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
  /** Shown to the server as `x-csrf-token`. */
  readonly csrfToken?: string;
  /** More headers for every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A request without an answer is given up after so long. Default 60 000. */
  readonly requestTimeoutMs?: number;
  /** How long failing requests are repeated; less than the server's grace. Default 4 000. */
  readonly retryMs?: number;
  readonly env?: Env;
}

const highWaterBytes = 65_536;
/** Bytes of one post. */
const maxPostBytes = 262_144;
const closeTimeoutMs = 2000;

interface Exchange {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Opens connections that poll. */
export function longPoll(options: LongPollClientOptions = {}): Connector {
  return {
    name: "ajax",
    open(url, { onOpen, onFail }, format) {
      const http = createHttp(url, options);
      let cancelled = false;
      const open = async (): Promise<void> => {
        const { status, type, body } = await http.get({ "handshake?": "1" });
        if (cancelled) return http.abort();
        const text = (): string => new TextDecoder().decode(body);
        if (status !== 200) return onFail(`HTTP ${status} ${text().slice(0, 200)}`);
        if (!type.startsWith(pollBodyType)) {
          if (!format) return onFail("A plain Sente server, and no format to speak to it in");
          const transport = new PlainPolling(http, format);
          onOpen(transport);
          return transport.start(format.binary ? body : text());
        }
        const { name = "", frames } = readPollBody(body);
        const transport = new NumberedPolling(http, name);
        onOpen(transport);
        transport.start(frames);
      };
      open().catch((error: unknown) => cancelled || onFail(String(error)));
      return {
        cancel() {
          cancelled = true;
          http.abort();
        },
      };
    },
  };
}

/** Requests to one URL. */
interface Http {
  readonly env: Env;
  readonly retryMs: number;
  get(parameters: Readonly<Record<string, string>>): Promise<Exchange>;
  post(parameters: Readonly<Record<string, string>>, body: string | Uint8Array<ArrayBuffer>): Promise<Exchange>;
  readonly clientId: string;
  abort(): void;
}

function createHttp(url: string, options: LongPollClientOptions): Http {
  const { env = realEnv, csrfToken, headers = {}, requestTimeoutMs = 60_000, retryMs = 4000 } = options;
  const under = new Set<AbortController>();
  const request = async (
    method: string,
    parameters: Readonly<Record<string, string>>,
    body?: string | Uint8Array<ArrayBuffer>,
  ): Promise<Exchange> => {
    const target = new URL(url);
    target.protocol = target.protocol.replace("ws", "http");
    for (const [name, value] of Object.entries({ ...parameters, udt: `${env.nowMs()}` })) target.searchParams.set(name, value);
    const abort = new AbortController();
    under.add(abort);
    const timer = env.setTimer(() => abort.abort(), requestTimeoutMs);
    try {
      const response = await (options.fetch ?? fetch)(target, {
        method,
        cache: "no-store",
        credentials: "include",
        signal: abort.signal,
        headers: {
          ...headers,
          "x-requested-with": "XMLHTTPRequest",
          ...(csrfToken !== undefined && { "x-csrf-token": csrfToken }),
          ...(body !== undefined && {
            "content-type":
              typeof body === "string" ? "application/x-www-form-urlencoded;charset=UTF-8" : "application/octet-stream",
          }),
        },
        ...(body !== undefined && { body }),
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, type: response.headers.get("content-type") ?? "", body: bytes };
    } finally {
      env.clearTimer(timer);
      under.delete(abort);
    }
  };
  return {
    env,
    retryMs,
    clientId: new URL(url).searchParams.get("client-id") ?? "",
    get: (parameters) => request("GET", parameters),
    post: (parameters, body) => request("POST", parameters, body),
    abort() {
      for (const abort of under) abort.abort();
    },
  };
}

/** What both kinds share: a loop of polls, a queue of frames, one end. */
abstract class Polling implements Transport {
  readonly name = "ajax";
  readonly polled = true;
  handlers!: TransportHandlers;
  protected readonly http: Http;
  protected readonly queue: Frame[] = [];
  protected over = false;
  protected closing: { readonly code: number; readonly reason: string } | undefined;
  #queuedBytes = 0;
  #full = false;
  #posting = false;
  #paused: (() => void) | undefined;
  #resumed: Promise<void> | undefined;
  #deadline: Timer | undefined;

  constructor(http: Http) {
    this.http = http;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  send(frame: Frame): boolean {
    if (this.over || this.closing) return true;
    this.queue.push(frame);
    this.#queuedBytes += frame.data.length;
    this.#startPosting();
    return this.#hasRoom();
  }

  cork(): void {}

  uncork(): boolean {
    return this.#hasRoom();
  }

  pause(): void {
    this.#resumed ??= new Promise((resolve) => {
      this.#paused = resolve;
    });
  }

  resume(): void {
    this.#paused?.();
    this.#paused = undefined;
    this.#resumed = undefined;
  }

  close(code = 1000, reason = ""): void {
    if (this.over || this.closing) return;
    this.closing = { code, reason };
    this.#deadline = this.http.env.setTimer(() => this.end(code, reason), closeTimeoutMs);
    this.#startPosting();
  }

  terminate(): void {
    this.end(1006, "");
  }

  protected end(code: number, reason: string): void {
    if (this.over) return;
    this.over = true;
    if (this.#deadline !== undefined) this.http.env.clearTimer(this.#deadline);
    this.queue.length = 0;
    this.#queuedBytes = 0;
    this.resume();
    this.http.abort();
    this.http.env.endOfTurn(() => this.handlers.onClose(code, reason));
  }

  protected receive(frame: string | Uint8Array): void {
    if (!this.over) this.handlers.onFrame(frame);
  }

  /** Takes what was sent out of the queue. */
  protected sent(count: number): void {
    for (const { data } of this.queue.splice(0, count)) this.#queuedBytes -= data.length;
    if (!this.#full || this.#queuedBytes > highWaterBytes) return;
    this.#full = false;
    this.handlers.onDrain?.();
  }

  /** The polls, one after the other. */
  protected async pollOn(): Promise<void> {
    while (!this.over && !this.closing) {
      await this.#resumed;
      const exchange = await this.#attempt(() => this.poll());
      if (this.over) return;
      if (!exchange) return this.end(1006, "polling failed");
      this.polled200(exchange);
    }
  }

  protected abstract poll(): Promise<Exchange>;
  protected abstract polled200(exchange: Exchange): void;
  /** Sends some of the queue, or the close. False: the connection is over. */
  protected abstract post(): Promise<boolean>;

  /** The answer, if there is one within `retryMs`. */
  async #attempt(run: () => Promise<Exchange>): Promise<Exchange | undefined> {
    const { env, retryMs } = this.http;
    const giveUpMs = env.monotonicMs() + retryMs;
    for (let pauseMs = 50; !this.over; pauseMs = Math.min(1000, pauseMs * 2)) {
      const startMs = env.monotonicMs();
      try {
        const exchange = await run();
        if (exchange.status < 300) return exchange;
        if (exchange.status < 500) return undefined;
      } catch {
        // One that was held until its own time ran out is no failure.
        if (env.monotonicMs() - startMs > retryMs) return this.over ? undefined : this.#attempt(run);
      }
      if (env.monotonicMs() > giveUpMs) return undefined;
      await new Promise<void>((resolve) => void env.setTimer(resolve, pauseMs));
    }
    return undefined;
  }

  protected attempt(run: () => Promise<Exchange>): Promise<Exchange | undefined> {
    return this.#attempt(run);
  }

  #hasRoom(): boolean {
    const room = this.#queuedBytes <= highWaterBytes;
    this.#full ||= !room;
    return room;
  }

  /** What one turn sends leaves with one post. */
  #startPosting(): void {
    if (this.#posting) return;
    this.#posting = true;
    this.http.env.endOfTurn(() => void this.#postOn());
  }

  async #postOn(): Promise<void> {
    let going = true;
    while (going && !this.over && this.queue.length) going = await this.post();
    this.#posting = false;
    if (this.over) return;
    if (!going) return this.end(1006, "posting failed");
    const { closing } = this;
    if (!closing) return;
    await this.goodbye(closing.code, closing.reason).catch(() => {});
    this.end(closing.code, closing.reason);
  }

  protected abstract goodbye(code: number, reason: string): Promise<unknown>;
}

class NumberedPolling extends Polling {
  readonly #conn: string;
  /** Frames that came. */
  #arrived = 0;
  /** Frames that the server has. */
  #told = 0;

  constructor(http: Http, conn: string) {
    super(http);
    this.#conn = conn;
  }

  start(frames: readonly (string | Uint8Array)[]): void {
    this.#arrived = frames.length;
    for (const frame of frames) this.receive(frame);
    void this.pollOn();
  }

  protected override poll(): Promise<Exchange> {
    return this.http.get({ conn: this.#conn, arrived: `${this.#arrived}` });
  }

  protected override polled200({ body }: Exchange): void {
    try {
      const { first, frames, close } = readPollBody(body);
      const news = frames.slice(this.#arrived - first);
      this.#arrived += news.length;
      for (const frame of news) this.receive(frame);
      if (close) this.end(close.code, close.reason);
    } catch {
      this.end(1006, "an answer that is none");
    }
  }

  protected override async post(): Promise<boolean> {
    let bytes = 0;
    const end = this.queue.findIndex(({ data }) => (bytes += data.length) > maxPostBytes);
    const frames = this.queue.slice(0, end < 0 ? undefined : Math.max(1, end));
    const body = writePollBody(this.#told, frames);
    const exchange = await this.attempt(() => this.http.post({ conn: this.#conn }, body));
    if (!exchange) return false;
    this.#told += frames.length;
    this.sent(frames.length);
    return true;
  }

  protected override goodbye(code: number, reason: string): Promise<unknown> {
    return this.http.post({ conn: this.#conn }, writePollBody(this.#told, [], { close: { code, reason } }));
  }
}

class PlainPolling extends Polling {
  readonly #format: Format;

  constructor(http: Http, format: Format) {
    super(http);
    this.#format = format;
  }

  start(handshake: string | Uint8Array): void {
    this.receive(handshake);
    void this.pollOn();
  }

  protected override poll(): Promise<Exchange> {
    return this.http.get({});
  }

  protected override polled200({ body }: Exchange): void {
    const packed = this.#packed(body);
    try {
      const [value] = this.#read(packed);
      if (!isKeyword(value, "chsk/timeout")) this.receive(packed);
    } catch {
      this.end(1006, "an answer that is none");
    }
  }

  protected override async post(): Promise<boolean> {
    const { data } = this.queue[0] as Frame;
    const [event, callback] = this.#read(data);
    // Polls are its sign of life; the server would take a ping for an event.
    const isPing = Array.isArray(event) && isKeyword(event[0], "chsk/ws-ping");
    if (isPing || (Array.isArray(event) && isKeyword(event[0], "chsk/ws-pong"))) {
      this.sent(1);
      if (isPing) this.#reply("pong", callback);
      return true;
    }
    const marked = this.#format.pack([event, typeof callback === "string" ? new Keyword("ajax") : null]);
    const parameters = { "client-id": this.http.clientId };
    const exchange = await (typeof marked === "string"
      ? this.http.post({}, new URLSearchParams({ udt: `${this.http.env.nowMs()}`, ...parameters, ppstr: marked }).toString())
      : this.http.post({ ...parameters, "binary?": "true" }, marked)
    ).catch(() => undefined);
    if (exchange?.status !== 200) return false;
    this.sent(1);
    if (typeof callback !== "string") return true;
    const [reply] = this.#read(this.#packed(exchange.body));
    if (!isKeyword(reply, "chsk/timeout")) this.#reply(reply, callback);
    return true;
  }

  protected override async goodbye(): Promise<void> {}

  #reply(value: unknown, callback: unknown): void {
    this.receive(this.#format.pack([value, callback]));
  }

  #packed(body: Uint8Array): string | Uint8Array {
    return this.#format.binary ? body : new TextDecoder().decode(body);
  }

  #read(packed: string | Uint8Array): readonly unknown[] {
    const value = this.#format.unpack(packed);
    if (!Array.isArray(value)) throw new TypeError("Not a Sente message");
    return value;
  }
}

function isKeyword(value: unknown, name: string): boolean {
  return value instanceof Keyword && value.name === name;
}
