/**
 * Where the page says that its server is: attributes of `<body>`, and above them the JSON of `<script id="sente-config">`.
 *
 * Always: what is unreadable is as if it were not there; where there is no page, or it says nothing, the answer is nothing.
 * Rules: docs/protocol/discovery.md DISC8-DISC12.
 */

export interface PageConfig {
  /** For `createClient`: absolute where the page names a host or port, else a path on the page's own. */
  readonly url: string;
  readonly csrfToken: string | undefined;
  /** For the application: where its HTTP interface is. */
  readonly apiBase: string | undefined;
}

/** As much of a browser's globals as is read. */
export interface Page {
  readonly document?: {
    readonly body: { readonly dataset: { readonly [name: string]: string | undefined } } | null;
    querySelector(selector: string): { readonly textContent: string | null } | null;
  };
  readonly location?: { readonly protocol: string; readonly hostname: string };
}

/** Only an element that scripts alone may be: markup that slipped past a sanitizer must not name the server. */
const selector = 'script[id="sente-config"][type="application/json"]';

/** What this page says; nothing if it says nothing. */
export function pageConfig(page: Page = globalThis): PageConfig | undefined {
  const { document, location } = page;
  if (!document) return undefined;
  const { wsHost, wsPort, wsPath, apiBase, csrfToken } = document.body?.dataset ?? {};
  const script = scriptConfig(document.querySelector(selector)?.textContent ?? "");
  const pick = <T>(read: (value: unknown) => T | undefined, name: string, attribute: unknown): T | undefined =>
    read(script[name]) ?? read(attribute);
  const host = pick(readHost, "wsHost", wsHost);
  const port = pick(readPort, "wsPort", wsPort);
  const path = pick(readPath, "wsPath", wsPath);
  if (host === undefined && port === undefined && path === undefined) return undefined;
  const scheme = location?.protocol === "https:" ? "wss" : "ws";
  const origin = `${scheme}://${host ?? (location?.hostname || "localhost")}${port === undefined ? "" : `:${port}`}`;
  return {
    url: `${host === undefined && port === undefined ? "" : origin}${path ?? "/"}`,
    csrfToken: pick(readText, "csrfToken", csrfToken),
    apiBase: pick(readText, "apiBase", apiBase),
  };
}

function scriptConfig(json: string): { readonly [name: string]: unknown } {
  try {
    return (JSON.parse(json) ?? {}) as { readonly [name: string]: unknown };
  } catch {
    return {};
  }
}

function readText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A name, or an address; one of IPv6 in brackets. */
function readHost(value: unknown): string | undefined {
  return typeof value === "string" && /^([\w.-]+|\[[\da-f:.]+\])$/i.test(value) ? value : undefined;
}

function readPort(value: unknown): number | undefined {
  const port = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return Number.isInteger(port) && (port as number) > 0 && (port as number) <= 65_535 ? (port as number) : undefined;
}

/** Two slashes would begin another host, also where white space between them is dropped. */
function readPath(value: unknown): string | undefined {
  const path = readText(value)?.replace(/^(?!\/)/, "/");
  return path !== undefined && /^\/(?![/\\])[^\s\0-\x1f]*$/.test(path) ? path : undefined;
}
