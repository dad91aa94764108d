/**
 * The platform's own WebSocket: what `#websocket` means in browsers. Reading it when none exists is harmless,
 * so that a page may be rendered on a server; opening then fails.
 */

/** The part of the standard's interface that `websocket` needs. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** Where it exists (`ws`), drops the connection at once. */
  terminate?(): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

export const WebSocket: WebSocketConstructor = globalThis.WebSocket;
