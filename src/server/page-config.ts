/**
 * The element by which a page tells its scripts where the server is: `pageConfig` (src/client/page-config.ts) reads it.
 *
 * Always: inert, and well-formed whatever the values are; none of them can end the element or begin another.
 * Rules: docs/protocol/discovery.md DISC6, DISC7.
 */
import { SyncError } from "../core/errors.ts";

export interface PageConfigOptions {
  /** Default "/chsk". */
  readonly path?: string;
  /** Default: the page's own host and port. */
  readonly host?: string;
  readonly port?: number;
  /** For the application: where its HTTP interface is. */
  readonly apiBase?: string;
  readonly csrfToken?: string;
}

/** HTML to put into the page, before the scripts that read it. Throws SyncError `invalid` for what no URL can have. */
export function configScript({ path = "/chsk", host, port, apiBase, csrfToken }: PageConfigOptions = {}): string {
  if (!/^\/(?![/\\])[^\s\0-\x1f]*$/.test(path)) {
    throw new SyncError("invalid", "A path begins with one slash and has no white space.");
  }
  if (host !== undefined && !/^([\w.-]+|\[[\da-f:.]+\])$/i.test(host)) {
    throw new SyncError("invalid", "A host is a name or an address, without a port; one of IPv6 stands in brackets.");
  }
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= 65_535)) {
    throw new SyncError("invalid", `A port is 1 to 65535, not ${port}.`);
  }
  const json = JSON.stringify({ wsHost: host, wsPort: port, wsPath: path, apiBase, csrfToken });
  // In JSON these stand in strings only, where an escape means the same.
  const safe = json.replace(/[<>&\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `<script type="application/json" id="sente-config">${safe}</script>`;
}
