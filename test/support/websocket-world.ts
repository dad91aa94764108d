/** A real HTTP server on loopback whose upgrades become transports, and the client's connector to it. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type Recorder, record } from "../../src/testing/contracts/transport-world.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { type WebSocketOptions, websocket } from "../../src/transport/websocket.ts";
import { createWebSocketAcceptor, type WebSocketAcceptorOptions } from "../../src/transport/websocket-server.ts";

export interface Accepted extends Recorder {
  readonly socket: Duplex;
  readonly request: IncomingMessage;
}

export interface WebSocketWorld {
  readonly port: number;
  readonly url: string;
  readonly accepted: Accepted[];
  /** Opens a client through `port`, by default the server's own. */
  connect(port?: number, options?: WebSocketOptions): Promise<Recorder>;
  dispose(): Promise<void>;
}

export async function openWebSocketWorld(options?: WebSocketAcceptorOptions): Promise<WebSocketWorld> {
  const acceptor = createWebSocketAcceptor(options);
  const accepted: Accepted[] = [];
  const http = createServer();
  http.on("upgrade", (request, socket, head) => {
    acceptor.accept(request, socket, head, (transport) => accepted.push(Object.assign(record(transport), { socket, request })));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const clients: Transport[] = [];
  return {
    port,
    url: `ws://127.0.0.1:${port}/chsk`,
    accepted,
    connect: (through = port, clientOptions = {}) =>
      new Promise((resolve, reject) => {
        websocket(clientOptions).open(`ws://127.0.0.1:${through}/chsk`, {
          onOpen(transport) {
            clients.push(transport);
            resolve(record(transport));
          },
          onFail: (reason) => reject(new Error(reason)),
        });
      }),
    async dispose() {
      for (const client of clients) client.terminate();
      for (const { transport } of accepted) transport.terminate();
      http.close();
      await once(http, "close");
    },
  };
}
