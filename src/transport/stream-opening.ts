/**
 * What a client says first where the platform says nothing for it: the path and query of its URL, as in a request's first line.
 *
 * Always: what passes `isOpening` can be resolved against any origin, and stays within it.
 * Rules: docs/protocol/streams.md STREAM3, PORT2.
 */
import type { Transport } from "./transport.ts";

/** Who takes the connections of a listener or a port: a server is one. */
export interface Acceptor {
  accept(transport: Transport, url: string): unknown;
}

/** The path and query of a client's URL. */
export function openingOf(url: URL): string {
  return url.pathname.replace(/^\/*/, "/") + url.search;
}

/** False for what would name another host, also after the characters that URLs skip are skipped. */
export function isOpening(text: string): boolean {
  return /^\/(?![/\\])[^\x00-\x20]*$/.test(text);
}
