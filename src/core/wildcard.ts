/**
 * Names of many topics at once: a pattern whose last params are left open, `room/*` for `room/:id`.
 *
 * Always: no topic has the name of a wildcard, as a param `*` is spelled `%2A`; the params that are given come before those left open.
 * Rules: docs/protocol/channels.md CHANNEL17-CHANNEL22.
 */
import { encodeParam } from "./definitions.ts";
import { SyncError } from "./errors.ts";

type Params = { readonly [name: string]: string };

const param = /(?<=^|\/):([^/]+)/g;

/** The wildcard of that pattern with those params; throws SyncError `invalid` for one that has a param after an open one, or none open. */
export function wildcardName(pattern: string, params: { readonly [name: string]: string | undefined }): string {
  let open = false;
  const name = pattern.replace(param, (_, key: string) => {
    const value = Object.hasOwn(params, key) ? params[key] : undefined;
    if (value === undefined || value === "") {
      open = true;
      return "*";
    }
    if (open) throw new SyncError("invalid", `"${key}" of "${pattern}" needs all params before it.`);
    return encodeParam(value);
  });
  if (!open) throw new SyncError("invalid", `"${name}" is one topic.`);
  return name;
}

/** What a server declares so that all of those names are known: of `a/:x/:y` both left open, and the last. */
export function wildcardPatterns(pattern: string): string[] {
  const count = pattern.match(param)?.length ?? 0;
  return Array.from({ length: count }, (_, given) => {
    let at = 0;
    return pattern.replace(param, (whole) => (at++ < given ? whole : "*"));
  });
}

/** Whether the topic is one of the wildcard's. */
export function isWithin(wildcard: string, topic: string): boolean {
  const own = topic.split("/");
  const all = wildcard.split("/");
  return own.length === all.length && all.every((segment, at) => segment === "*" || segment === own[at]);
}

/** The params of a topic of that pattern. */
export function paramsOf(pattern: string, topic: string): Params {
  const segments = topic.split("/");
  const named = pattern.split("/").flatMap((segment, at) => {
    return segment.startsWith(":") ? [[segment.slice(1), decodeURIComponent(segments[at] ?? "")]] : [];
  });
  return Object.fromEntries(named) as Params;
}
