/**
 * Who may do what: the server's `authorize` and the topic's own, both of which must agree.
 *
 * Always: an answer that is neither exactly `true` nor paths is a no; one that throws is a no, and reported.
 * Rules: docs/protocol.md GRANT1-GRANT6, docs/protocol/versions.md GRANT7-GRANT11.
 */
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import { bothPaths, type Paths } from "../kind/paths.ts";

/** `create`: the first write of a client to a topic that nothing was ever written to, beside `write`. */
export type Action = "read" | "write" | "create" | "publish" | "consume" | "presence" | "relay" | "event" | "request";

export interface AuthorizeRequest {
  readonly user: User;
  readonly action: Action;
  /** `atom`, `channel`, …; `event` for events and requests. */
  readonly kind: string;
  /** The topic's or the event's name. */
  readonly topic: string;
  readonly params: { readonly [name: string]: string };
}

/** What somebody may do: all, nothing, or what is at those paths and beneath them alone. */
export type Grant = boolean | Paths;

/** Paths, where only a part may be read or written, of an atom, a shared tree or a store alone. */
export type Authorize = (request: AuthorizeRequest) => Grant | Promise<Grant>;

/** Of which something other than all or nothing can be read, or written. */
const partly = new Set(["atom", "shared", "store"]);

/** Asks in turn until one says no; answers at once where all do. */
export function askGrant(
  authorizers: readonly (Authorize | undefined)[],
  request: AuthorizeRequest,
  report: (error: unknown) => void,
): Grant | Promise<Grant> {
  let granted: Grant = true;
  for (const [index, authorize] of authorizers.entries()) {
    if (!authorize) continue;
    let answer: Grant | Promise<Grant>;
    try {
      answer = authorize(request);
    } catch (error) {
      report(error);
      return false;
    }
    if (answer instanceof Promise) {
      const before: Grant = granted;
      const rest = authorizers.slice(index + 1);
      return answer.then(
        async (late) => {
          const both = inBoth(before, judged(late, request, report));
          return both && inBoth(both, await askGrant(rest, request, report));
        },
        (error: unknown) => {
          report(error);
          return false;
        },
      );
    }
    granted = inBoth(granted, judged(answer, request, report));
    if (!granted) return false;
  }
  return granted;
}

/** The same for what is not done by parts: yes or no. */
export function ask(...args: Parameters<typeof askGrant>): boolean | Promise<boolean> {
  const granted = askGrant(...args);
  return granted instanceof Promise ? granted.then((late) => late === true) : granted === true;
}

/** What an answer says; what nobody should have said is a no. */
function judged(answer: unknown, { action, kind, topic }: AuthorizeRequest, report: (error: unknown) => void): Grant {
  if (answer === true) return true;
  if (!Array.isArray(answer)) return false;
  // Who may write a part may begin with it.
  if (action === "create") return answer.length > 0;
  const isPaths = answer.every((path) => Array.isArray(path) && path.every((key) => typeof key === "string"));
  if (isPaths && partly.has(kind) && (action === "read" || action === "write")) return answer;
  report(
    new SyncError(
      "unsupported",
      `"${topic}": paths, as arrays of keys, are answered to read and write of ${[...partly].join(", ")} alone.`,
    ),
  );
  return false;
}

function inBoth(one: Grant, other: Grant): Grant {
  if (!one || !other) return false;
  if (one === true || other === true) return one === true ? other : one;
  return bothPaths(one, other);
}

/** The paths that it is restricted to; nothing: all. */
export function pathsOf(grant: Grant | undefined): Paths | undefined {
  return typeof grant === "object" ? grant : undefined;
}
