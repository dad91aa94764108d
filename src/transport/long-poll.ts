/**
 * The client's long polling, where a WebSocket cannot be had. The server's first answer tells which kind it is: one of ours, or a plain Sente one.
 *
 * Always: it is open with the server's handshake, not before; a cancelled open says nothing more.
 * Rules: docs/protocol/long-poll.md POLL1-POLL3.
 */
import { isPollBody, NumberedPolling } from "./numbered-polling.ts";
import { PlainPolling } from "./plain-polling.ts";
import { readPollBody } from "./poll-body.ts";
import { createPollHttp, type LongPollClientOptions, type PollHttp } from "./poll-http.ts";
import type { Connector } from "./transport.ts";

export type { LongPollClientOptions } from "./poll-http.ts";

/** Opens connections that poll. */
export function longPoll(options: LongPollClientOptions = {}): Connector {
  return {
    name: "ajax",
    open(url, { onOpen, onFail }, format) {
      let http: PollHttp | undefined;
      let isOpening = true;

      /** Opens; what is left is to tell the handshake and to poll. */
      const open = async (): Promise<() => void> => {
        http = createPollHttp(url, options);
        const answer = await http.get(http.url({ "handshake?": "1" }));
        if (answer.status !== 200) throw new Error(`HTTP ${answer.status} ${excerpt(answer.body)}`);
        if (isPollBody(answer)) {
          const body = readPollBody(answer.body);
          const polling = new NumberedPolling(http, body.name ?? "");
          return () => {
            onOpen(polling);
            polling.take(body);
            polling.start();
          };
        }
        if (!format) throw new Error("A plain Sente server, and no format to speak to it in");
        const polling = new PlainPolling(http, format);
        const take = await polling.reading(answer);
        return () => {
          onOpen(polling);
          take();
          polling.start();
        };
      };

      const settle = (run: () => void): void => {
        if (!isOpening) return;
        isOpening = false;
        run();
      };
      open().then(settle, (error: unknown) => settle(() => onFail(`${error}`)));
      return { cancel: () => settle(() => http?.abort()) };
    },
  };
}

function excerpt(body: Uint8Array): string {
  return new TextDecoder().decode(body.subarray(0, 200));
}
