/**
 * Who may do what: the server's `authorize` and the topic's own, both of which must agree.
 *
 * Always: an answer that is not exactly `true` is a no; one that throws is a no, and reported.
 * Rules: docs/protocol.md GRANT1-GRANT6.
 */
import type { User } from "../core/register.ts";

export type Action = "read" | "write" | "create" | "delete" | "publish" | "consume" | "relay" | "event" | "request";

export interface AuthorizeRequest {
  readonly user: User;
  readonly action: Action;
  /** `atom`, `channel`, …; `event` for events and requests. */
  readonly kind: string;
  /** The topic's or the event's name. */
  readonly topic: string;
  readonly params: { readonly [name: string]: string };
}

export type Authorize = (request: AuthorizeRequest) => boolean | Promise<boolean>;

/** Asks in turn until one says no; answers at once where all do. */
export function ask(
  authorizers: readonly (Authorize | undefined)[],
  request: AuthorizeRequest,
  report: (error: unknown) => void,
): boolean | Promise<boolean> {
  for (const [index, authorize] of authorizers.entries()) {
    if (!authorize) continue;
    let answer: boolean | Promise<boolean>;
    try {
      answer = authorize(request);
    } catch (error) {
      report(error);
      return false;
    }
    if (answer instanceof Promise) {
      const rest = authorizers.slice(index + 1);
      return answer.then(
        (yes) => yes === true && ask(rest, request, report),
        (error: unknown) => {
          report(error);
          return false;
        },
      );
    }
    if (answer !== true) return false;
  }
  return true;
}
