/**
 * `ws` as a client: what `#websocket` means in Node, whose version 20 has no WebSocket of its own.
 *
 * Always: permessage-deflate is offered only when asked for, since it costs more CPU than it saves on most networks;
 * then without context takeover, so that nothing is kept from one message to the next.
 * Rules: docs/protocol/transports.md TRANSPORT15, DEFLATE6.
 */
import { WebSocket as NodeWebSocket } from "ws";
import { deflateTerms } from "./websocket-deflate.ts";
import type { DeflateOptions, WebSocketConstructor } from "./ws-global.ts";

export const WebSocket: WebSocketConstructor = class extends NodeWebSocket {
  constructor(url: string, protocols?: string[], { deflate }: { readonly deflate?: boolean | DeflateOptions | undefined } = {}) {
    super(url, protocols, { perMessageDeflate: deflate ? offer(deflate) : false });
  }
};

function offer(options: DeflateOptions | true): object {
  const { thresholdBytes, level } = deflateTerms(options);
  return {
    clientNoContextTakeover: true,
    serverNoContextTakeover: true,
    threshold: thresholdBytes,
    zlibDeflateOptions: { level },
  };
}
