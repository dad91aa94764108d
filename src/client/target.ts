/**
 * Where a client's line leads.
 *
 * Always: the client says who it is, and that it speaks `sync`, by two parameters; the page's own are left as they are.
 * Rules: docs/protocol.md DOOR2, HAND2.
 */

const place = globalThis as { location?: { href: string } };

/** The line's URL, or nothing for a relative one where there is no page: then nothing is ever opened. */
export function resolveUrl(url: string, clientId: string): URL | undefined {
  if (!/^\w+:/.test(url) && !place.location) return undefined;
  const resolved = new URL(url, place.location?.href);
  resolved.protocol = resolved.protocol.replace("http", "ws");
  resolved.searchParams.set("client-id", clientId);
  resolved.searchParams.set("sync", "1");
  return resolved;
}
