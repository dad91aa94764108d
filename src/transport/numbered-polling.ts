/**
 * Long polling with a server of ours, which numbers the frames of both directions: an exchange that is lost is repeated, and nothing is
 * lost or comes twice.
 *
 * Always: a frame is taken out of the queue when the server has it; a body that is none of this server's changes nothing.
 * Rules: docs/protocol/long-poll.md POLL11-POLL15; docs/protocol/ajax.md AJAX10-AJAX16.
 */
import { type PollBody, pollBodyType, readPollBody, writePollBody } from "./poll-body.ts";
import type { Answer, PollHttp } from "./poll-http.ts";
import { Polling } from "./polling.ts";
import type { Frame } from "./transport.ts";

/** True for what a server of ours answers a poll with. */
export function isPollBody({ status, type }: Answer): boolean {
  return status === 200 && type.startsWith(pollBodyType);
}

export class NumberedPolling extends Polling {
  /** What the server calls this connection. */
  readonly #conn: string;
  /** Frames that came. */
  #arrived = 0;
  /** Frames that the server has. */
  #taken = 0;
  /** Bytes of one post, as far as the server let them pass. */
  #postBytes = 262_144;

  constructor(http: PollHttp, conn: string) {
    super(http);
    this.#conn = conn;
  }

  /** Tells what came with a body. */
  take({ first, frames, close }: PollBody): void {
    if (first > this.#arrived) return this.end(1006, "frames are missing");
    const news = frames.slice(this.#arrived - first);
    this.#arrived += news.length;
    for (const frame of news) this.tell(frame);
    if (close) this.end(close.code, close.reason);
  }

  protected override async poll(): Promise<(() => void) | undefined> {
    const poll = (): Promise<Answer> => this.http.get(this.http.url({ conn: this.#conn, arrived: `${this.#arrived}` }));
    const answer = await this.persist(poll, isPollBody);
    const body = answer && readPollBody(answer.body);
    return body && (() => this.take(body));
  }

  protected override async post(waiting: readonly Frame[]): Promise<number> {
    let bytes = 0;
    const fits = waiting.findIndex(({ data }) => (bytes += data.length) > this.#postBytes);
    const frames = fits < 0 ? waiting.slice() : waiting.slice(0, Math.max(1, fits));
    const body = writePollBody(this.#taken, frames);
    // 200 is what somebody else on the way would say.
    const answer = await this.persist(
      () => this.#post(body),
      ({ status }) => status === 204 || status === 413,
    );
    if (!answer) return 0;
    if (answer.status === 413) {
      if (frames.length === 1) this.end(1009, "too large");
      this.#postBytes >>= 1;
      return 0;
    }
    this.#taken += frames.length;
    return frames.length;
  }

  protected override async goodbye(code: number, reason: string): Promise<boolean> {
    const answer = await this.#post(writePollBody(this.#taken, [], { close: { code, reason } })).catch(() => undefined);
    return answer?.status === 204;
  }

  #post(body: Uint8Array<ArrayBuffer>): Promise<Answer> {
    return this.http.post(this.http.url({ conn: this.#conn }), body);
  }
}
