/**
 * `ws` as a client: what `#websocket` means in Node, whose version 20 has no WebSocket of its own.
 * It never offers permessage-deflate: compression costs more CPU than it saves here.
 */
import { WebSocket as NodeWebSocket } from "ws";
import type { WebSocketConstructor } from "./ws-global.ts";

export const WebSocket: WebSocketConstructor = class extends NodeWebSocket {
  constructor(url: string, protocols?: string[]) {
    super(url, protocols, { perMessageDeflate: false });
  }
};
