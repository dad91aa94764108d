/** A `fetch` whose requests wait until the test answers them. */
import { pollBodyType, writePollBody } from "../../src/transport/poll-body.ts";

export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly init: RequestInit;
  readonly body: string | Uint8Array | undefined;
  readonly isAborted: boolean;
  answer(status: number, body?: string | Uint8Array<ArrayBuffer>, type?: string): Promise<void>;
  /** As a server of ours: text frames, the first with that number. */
  frames(first: number, frames: readonly string[], extra?: Parameters<typeof writePollBody>[2]): Promise<void>;
  /** The network broke off. */
  fail(): Promise<void>;
}

export interface ScriptedFetch {
  readonly fetch: typeof fetch;
  /** Requests without an answer, in the order they came. */
  readonly open: Request[];
  readonly all: Request[];
  get(): Request;
  post(): Request;
}

/** Lets promises that are settled have their effects. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export function scriptedFetch(): ScriptedFetch {
  const open: Request[] = [];
  const all: Request[] = [];
  const only = (method: string): Request => {
    const found = open.filter((request) => request.method === method);
    if (found.length !== 1) throw new Error(`${found.length} open ${method} requests`);
    return found[0] as Request;
  };
  const script = {
    open,
    all,
    get: () => only("GET"),
    post: () => only("POST"),
    fetch: (async (url: URL, init: RequestInit) =>
      new Promise<Response>((resolve, reject) => {
        const done = (run: () => void): Promise<void> => {
          if (open.includes(request)) open.splice(open.indexOf(request), 1);
          run();
          return settled();
        };
        let isAborted = false;
        const request: Request = {
          method: init.method ?? "GET",
          url,
          headers: new Headers(init.headers),
          init,
          body: init.body as string | Uint8Array | undefined,
          get isAborted() {
            return isAborted;
          },
          answer: (status, body = "", type = "text/plain") =>
            done(() => resolve(new Response(status === 204 ? null : body, { status, headers: { "content-type": type } }))),
          frames: (first, frames, extra) =>
            request.answer(
              200,
              writePollBody(
                first,
                frames.map((data) => ({ data, text: true })),
                extra,
              ),
              pollBodyType,
            ),
          fail: () => done(() => reject(new TypeError("fetch failed"))),
        };
        init.signal?.addEventListener("abort", () => {
          isAborted = true;
          void done(() => reject(new DOMException("aborted", "AbortError")));
        });
        open.push(request);
        all.push(request);
      })) as unknown as typeof fetch,
  };
  return script;
}
