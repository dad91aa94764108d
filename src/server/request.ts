/**
 * What a request says, and whether it may: parameters, CSRF token, origin. The checks that need nobody's word.
 *
 * Always: the first fault decides, in Sente's order; a refusal is a status and a line of text, and names its reason.
 * Rules: docs/protocol.md DOOR2, DOOR3, DOOR6, DOOR10, DOOR11; docs/protocol/ajax.md AJAX2. Source: sente-wire sections 2 and 3.
 */
import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export type RefusalReason = "client-id" | "csrf" | "origin" | "unauthorized" | "full" | "timeout" | "failed" | "rejected";

export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly reason?: RefusalReason;
}

export interface RequestContext {
  readonly request: IncomingMessage;
  /** Its parameters are those of the query and, of a form, those of the body. */
  readonly url: URL;
}

export interface Checks {
  /** Origins allowed beside the server's own: exact strings, or "all". */
  readonly origins: readonly string[] | "all";
  /** As Sente has it: without an Origin, a Referer must show an allowed one. */
  readonly requireOrigin: boolean;
  /** The token that a request must show; null refuses, undefined lets pass. */
  readonly csrfToken: ((context: RequestContext) => string | null | undefined) | undefined;
}

/** The request's URL, or nothing where it is none. */
export function urlOf(request: IncomingMessage): URL | undefined {
  try {
    return new URL(request.url ?? "/", "ws://localhost");
  } catch {
    return undefined;
  }
}

/** Why the request may not, before anybody is asked who it is. */
export function checkRequest(context: RequestContext, checks: Checks): Refusal | undefined {
  const { request, url } = context;
  // A post without one reaches nobody's connection, but is answered.
  if (request.method === "GET" && !url.searchParams.get("client-id"))
    return { status: 400, body: "The parameter client-id is missing", reason: "client-id" };
  if (!tokenFits(context, checks)) return { status: 403, body: "Bad CSRF token", reason: "csrf" };
  if (!originAllowed(request, checks)) return { status: 403, body: "Unauthorized origin", reason: "origin" };
  return undefined;
}

function tokenFits(context: RequestContext, { csrfToken }: Checks): boolean {
  const expected = csrfToken?.(context);
  if (expected === undefined) return true;
  const { headers } = context.request;
  const shown = context.url.searchParams.get("csrf-token") ?? headers["x-csrf-token"] ?? headers["x-xsrf-token"];
  if (expected === null || typeof shown !== "string") return false;
  const [a, b] = [Buffer.from(shown), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** Where a browser may speak for its user: the same origin, a listed one, or loopback to loopback; no origin is no browser. */
function originAllowed({ headers }: IncomingMessage, { origins, requireOrigin }: Checks): boolean {
  if (origins === "all") return true;
  const { origin, host, referer } = headers;
  if (origin !== undefined) return origins.includes(origin) || isSameOrigin(origin, host);
  if (!requireOrigin) return true;
  return referer !== undefined && (origins.some((allowed) => referer.startsWith(`${allowed}/`)) || isSameOrigin(referer, host));
}

function isSameOrigin(address: string, host: string | undefined): boolean {
  try {
    const from = new URL(address);
    if (from.host === host) return true;
    return host !== undefined && loopback.test(from.hostname) && loopback.test(new URL(`http://${host}`).hostname);
  } catch {
    return false;
  }
}

/** The origin of a request from another one that is allowed: what its browser must be told. */
export function crossOriginOf(request: IncomingMessage, checks: Checks): string | undefined {
  const { origin, host } = request.headers;
  if (origin === undefined || !URL.canParse(origin) || new URL(origin).host === host) return undefined;
  return originAllowed(request, checks) ? origin : undefined;
}
