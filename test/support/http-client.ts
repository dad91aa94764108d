/** HTTP requests by hand: every header as given, and an exchange that breaks off is told as one. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as text. */
  readonly text: string;
}

export interface Exchange {
  /** Rejects where the exchange breaks off. */
  readonly answer: Promise<Answered>;
  /** Breaks it off. */
  abort(): void;
}

/** Asks the server on that port of this machine, on a socket of its own. */
export function exchange(port: number, { method = "GET", path, headers = {}, body }: Asked): Exchange {
  const request = httpRequest({ host: "127.0.0.1", port, path, method, headers: { ...headers }, agent: false });
  const answer = new Promise<Answered>((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        const whole = Buffer.concat(pieces);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, text: String(whole) });
      });
    });
  });
  // Whoever does not wait for it has broken it off.
  answer.catch(() => {});
  request.end(body);
  return { answer, abort: () => void request.destroy() };
}

export function ask(port: number, asked: Asked): Promise<Answered> {
  return exchange(port, asked).answer;
}
