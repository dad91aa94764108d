/**
 * A real HTTP server on loopback whose polls and posts become transports, with no session behind them, and clients that poll it.
 *
 * The server's first frame, which opens a client, is taken before a test listens.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { realEnv } from "../../src/core/env.ts";
import { createAjax } from "../../src/server/ajax.ts";
import type { Connection } from "../../src/server/connection.ts";
import type { Counters } from "../../src/server/counters.ts";
import { createFramer } from "../../src/server/frames.ts";
import { defaultLimits } from "../../src/server/limits.ts";
import { type Recorder, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { longPoll } from "../../src/transport/long-poll.ts";
import type { LongPollClientOptions } from "../../src/transport/poll-http.ts";
import type { Frame, Transport } from "../../src/transport/transport.ts";
import { edn } from "../../src/wire/edn.ts";

export interface PollWorld {
  readonly url: string;
  readonly accepted: Recorder[];
  /** As they came. */
  readonly requests: IncomingMessage[];
  connect(options?: LongPollClientOptions): Promise<Transport>;
  dispose(): Promise<void>;
}

/** `options`: of the server. */
/**
 * The server's end as other transports are: full when more than 64 KiB wait. (A polled one has room only while a poll is held, rule AJAX12: what
 * waits for the next poll is better kept where it can still be joined or overtaken.)
 */
export function roomByBytes(inner: Transport): Transport {
  let isFull = false;
  let isOpen = true;
  const hasRoom = (): boolean => {
    if (!isOpen) return true;
    isFull ||= inner.bufferedBytes > 65_536;
    return !isFull;
  };
  const outer: Transport = Object.assign(Object.create(inner) as Transport, {
    send(frame: Frame): boolean {
      inner.send(frame);
      return hasRoom();
    },
    cork: () => inner.cork(),
    uncork(): boolean {
      inner.uncork();
      return hasRoom();
    },
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    close(code?: number, reason?: string): void {
      isOpen = false;
      inner.close(code, reason);
    },
    terminate(): void {
      isOpen = false;
      inner.terminate();
    },
  });
  Object.defineProperty(outer, "bufferedBytes", { get: () => inner.bufferedBytes });
  inner.handlers = {
    onFrame: (data) => outer.handlers.onFrame(data),
    onDrain() {
      if (!isFull) return;
      isFull = false;
      outer.handlers.onDrain?.();
    },
    onClose(code, reason) {
      isOpen = false;
      outer.handlers.onClose(code, reason);
    },
  };
  return outer;
}

export async function openPollWorld(
  options: { graceMs?: number; timeoutMs?: number; maxFrameBytes?: number } = {},
): Promise<PollWorld> {
  const { graceMs = 150, timeoutMs = 20_000, maxFrameBytes = 4 << 20 } = options;
  const accepted: Recorder[] = [];
  const requests: IncomingMessage[] = [];
  const user = { id: "ann" };
  const ajax = createAjax({
    env: realEnv,
    limits: { ...defaultLimits, maxFrameBytes },
    counters: { refused: 0, malformed: 0 } as Counters,
    checks: { origins: [], requireOrigin: false, csrfToken: undefined },
    longPoll: { graceMs, timeoutMs },
    check: () => undefined,
    admit: async () => ({ user }),
    full: () => undefined,
    framerFor: () => createFramer(edn()),
    enter(transport) {
      accepted.push(record(transport));
      transport.send(textFrame("handshake"));
      return { user } as Connection;
    },
    polls() {},
    visitor: () => ({}) as Connection,
    post: () => "unreadable",
    report(error) {
      throw error;
    },
  });
  const http = createServer((request, response) => {
    requests.push(request);
    ajax.handle(request, response, new URL(request.url ?? "", "http://localhost"));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chsk?client-id=ann-1&sync=1&color=blue`;
  const clients: Transport[] = [];
  return {
    url,
    accepted,
    requests,
    connect: (clientOptions) =>
      new Promise((resolve, reject) => {
        longPoll(clientOptions).open(url, {
          onOpen(transport) {
            clients.push(transport);
            transport.handlers = {
              onFrame: () => resolve(transport),
              onClose: (code) => reject(new Error(`closed with ${code}`)),
            };
          },
          onFail: (reason) => reject(new Error(reason)),
        });
      }),
    async dispose() {
      for (const client of clients) client.terminate();
      for (const { transport } of accepted) transport.terminate();
      http.close();
      http.closeAllConnections();
      await once(http, "close");
    },
  };
}
