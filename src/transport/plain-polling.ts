/**
 * Long polling with a plain Sente server: a poll is answered with one message, a post carries one and is answered with the reply to it.
 *
 * Callback ids do not travel: the server is told that a reply is wanted, and the reply is told here as if it had come with its id.
 * Always: a post is made once, for nobody could tell that it came twice; one that fails ends the connection; who asked is told what became of it.
 * Rules: docs/protocol/long-poll.md POLL16-POLL22. Source: sente-wire section 6.
 */
import type { WireError } from "../core/errors.ts";
import { Keyword } from "../core/values.ts";
import type { Answer, Bytes, PollHttp } from "./poll-http.ts";
import { Polling } from "./polling.ts";
import type { Format, Frame } from "./transport.ts";

/** An event that the server has not answered by then lets the next post go. */
const orderMs = 100;
const decoder = new TextDecoder();
/** The reply in place of Sente's word for it, which is a value like any other. */
const noReply = [
  /* @__PURE__ */ new Keyword("sync/error"),
  { code: "timeout", message: "The server had no reply in its time." } satisfies WireError,
];

export class PlainPolling extends Polling {
  readonly #format: Format;
  /** Posts that wait for their answers. */
  readonly #asked = new Set<Promise<void>>();

  constructor(http: PollHttp, format: Format) {
    super(http);
    this.#format = format;
  }

  /** What to do with an answer: its message is told. Rejects where it is none. */
  async reading({ body }: Answer): Promise<() => void> {
    const packed = this.#format.binary || this.#format.seal ? body : decoder.decode(body);
    const [value] = await this.#read(packed);
    return () => isKeyword(value, "chsk/timeout") || this.tell(packed);
  }

  protected override async poll(): Promise<(() => void) | undefined> {
    let parameters = {};
    const poll = (): Promise<Answer> => {
      const url = this.http.url(parameters);
      // What follows a poll that failed is a handshake, as with Sente's client: the server may have forgotten this one.
      parameters = { "handshake?": "1" };
      return this.http.get(url);
    };
    const answer = await this.persist(poll, ({ status }) => status === 200);
    return answer && this.reading(answer);
  }

  protected override async post([frame]: readonly Frame[]): Promise<number> {
    const [event, callback] = await this.#read((frame as Frame).data);
    const id = Array.isArray(event) ? event[0] : undefined;
    // Polls are this side's sign of life: over Ajax the server takes a ping for an event of the application's.
    if (isKeyword(id, "chsk/ws-ping") || isKeyword(id, "chsk/ws-pong")) {
      if (typeof callback === "string") await this.#reply("pong", callback);
      return 1;
    }
    const asked = this.#ask(event, callback);
    this.#asked.add(asked);
    void asked.finally(() => this.#asked.delete(asked));
    // An event is answered at once, and waited for to keep their order; a request when its handler is done.
    if (callback === null) await Promise.race([asked, this.pauseFor(orderMs)]);
    return 1;
  }

  protected override async goodbye(): Promise<boolean> {
    await Promise.all(this.#asked);
    return true;
  }

  async #ask(event: unknown, callback: unknown): Promise<void> {
    try {
      const { status, body } = await this.#send(await this.#write([event, callback === null ? null : new Keyword("ajax")]));
      if (status !== 200) throw new Error(`HTTP ${status}`);
      const [reply] = await this.#read(body);
      if (callback !== null) await this.#reply(isKeyword(reply, "chsk/timeout") ? noReply : reply, callback);
    } catch (error) {
      this.end(1006, `${error}`);
    }
  }

  #send(packed: string | Bytes): Promise<Answer> {
    const { http } = this;
    if (typeof packed === "string") return http.post(http.path, `${new URLSearchParams({ ...http.common(), ppstr: packed })}`);
    const url = new URL(http.path);
    url.search = `${new URLSearchParams({ ...http.common(), "binary?": "true" })}`;
    return http.post(url, packed);
  }

  async #reply(value: unknown, callback: unknown): Promise<void> {
    this.tell(await this.#write([value, callback]));
  }

  async #write(message: readonly unknown[]): Promise<string | Bytes> {
    const { seal, pack } = this.#format;
    const packed = pack(message);
    if (!seal) return packed;
    return seal.close(typeof packed === "string" ? new TextEncoder().encode(packed) : packed);
  }

  async #read(packed: string | Uint8Array): Promise<readonly unknown[]> {
    const { seal, unpack } = this.#format;
    const value = unpack(seal && typeof packed !== "string" ? await seal.open(packed) : packed);
    if (!Array.isArray(value)) throw new TypeError("Not a Sente message");
    return value as unknown[];
  }
}

function isKeyword(value: unknown, name: string): boolean {
  return value instanceof Keyword && value.name === name;
}
