/**
 * The platform's own WebSocket: what `#websocket` means in browsers. Reading it when none exists is harmless,
 * so that a page may be rendered on a server; opening then fails.
 */

/** The part of the standard's interface that `websocket` needs. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  /** 1: open. */
  readonly readyState: number;
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

/** permessage-deflate, where it was asked for. */
export interface DeflateOptions {
  /** Smaller messages leave as they are. Default 1 024. */
  readonly thresholdBytes?: number;
  /** 1 (fast) to 9 (small). Default 6. */
  readonly level?: number;
}

/** `options`: for platforms that ask; browsers compress as they like, and pay it no regard. */
export type WebSocketConstructor = new (
  url: string,
  protocols?: string[],
  options?: { readonly deflate?: boolean | DeflateOptions | undefined },
) => WebSocketLike;

export const WebSocket: WebSocketConstructor = globalThis.WebSocket;
