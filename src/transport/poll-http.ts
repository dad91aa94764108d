/**
 * The HTTP exchanges of a client that polls.
 *
 * Always: every request carries the time, so that no cache answers it, and the headers by which a server knows that no foreign page sent it;
 * one that has no answer within `requestTimeoutMs` fails.
 * Rules: docs/protocol/long-poll.md POLL2, POLL3.
 */
import { type Env, realEnv } from "../core/env.ts";

export interface LongPollClientOptions {
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
  /** Shown to the server as `x-csrf-token`. */
  readonly csrfToken?: string;
  /** More headers for every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A request without an answer is given up after so long: more than the time for which the server holds a poll. Default 60 000. */
  readonly requestTimeoutMs?: number;
  /** How long failing requests are repeated; less than the server's grace. Default 4 000. */
  readonly retryMs?: number;
  readonly env?: Env;
}

export type Bytes = Uint8Array<ArrayBuffer>;
export type Fields = Readonly<Record<string, string>>;

/** The answer to a request. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Bytes;
}

export interface PollHttp {
  readonly env: Env;
  readonly requestTimeoutMs: number;
  readonly retryMs: number;
  /** The client's own URL, with these parameters and the time. */
  url(parameters: Fields): URL;
  /** Its path alone, and what belongs to every request. */
  readonly path: URL;
  common(): Fields;
  get(url: URL): Promise<Answer>;
  post(url: URL, body: string | Bytes): Promise<Answer>;
  /** Breaks off what is under way. */
  abort(): void;
}

const formType = "application/x-www-form-urlencoded;charset=UTF-8";
const bytesType = "application/octet-stream";

export function createPollHttp(address: string, options: LongPollClientOptions): PollHttp {
  const { env = realEnv, csrfToken, headers = {}, requestTimeoutMs = 60_000, retryMs = 4000 } = options;
  const base = new URL(address);
  base.protocol = base.protocol.replace("ws", "http");
  const clientId = base.searchParams.get("client-id") ?? "";
  const path = new URL(base);
  path.search = "";
  const underWay = new Set<AbortController>();

  const request = async (url: URL, method: string, own: Fields = {}, body?: string | Bytes): Promise<Answer> => {
    const abort = new AbortController();
    underWay.add(abort);
    const timer = env.setTimer(() => abort.abort(), requestTimeoutMs);
    try {
      const response = await (options.fetch ?? fetch)(url, {
        method,
        cache: "no-store",
        credentials: "include",
        signal: abort.signal,
        headers: {
          ...headers,
          "x-requested-with": "XMLHTTPRequest",
          ...(csrfToken !== undefined && { "x-csrf-token": csrfToken }),
          ...own,
        },
        ...(body !== undefined && { body }),
      });
      return {
        status: response.status,
        type: response.headers.get("content-type") ?? "",
        body: new Uint8Array(await response.arrayBuffer()),
      };
    } finally {
      env.clearTimer(timer);
      underWay.delete(abort);
    }
  };

  return {
    env,
    requestTimeoutMs,
    retryMs,
    path,
    common: () => ({ "udt": `${env.nowMs()}`, "client-id": clientId }),
    url(parameters) {
      const url = new URL(base);
      for (const [name, value] of Object.entries({ ...parameters, udt: `${env.nowMs()}` })) url.searchParams.set(name, value);
      return url;
    },
    get: (url) => request(url, "GET"),
    post: (url, body) => request(url, "POST", { "content-type": typeof body === "string" ? formType : bytesType }, body),
    abort() {
      for (const abort of underWay) abort.abort();
    },
  };
}
