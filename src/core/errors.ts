/**
 * The one error class, and every code the library itself uses.
 *
 * Always: a code is stable across versions; the message says what to do; nothing secret is in `data`.
 * Codes of an application are namespaced (`app/taken`), ours never are.
 * Rules: docs/errors.md lists the same codes; a test compares the two.
 */

/** What each code means, in one line. */
export const errorCodes = {
  "invalid": "The input breaks a rule; the message names it.",
  "unauthenticated": "The server does not know who this is, or no longer.",
  "forbidden": "The server's `authorize` said no, or took an earlier yes back.",
  "not-declared": "No definition or server call declares that topic or event.",
  "unhandled-event": "The server has no handler for the event, so nobody will reply.",
  "handler-failed": "The handler of a request threw; the server's log has the cause.",
  "timeout": "No answer came in time; whether it was acted on is unknown.",
  "closed": "The line or its owner is closed; for a write under way the outcome is unknown.",
  "too-large": "A frame, value or queue is over its limit.",
  "too-deep": "A value is nested deeper than the decode budget allows.",
  "malformed": "Bytes that are not a value of the format.",
  "backpressure": "The queue is full; wait and send again.",
  "rate-limited": "Too many of these in a time; wait and send again.",
  "limit": "A table is full: callbacks, subscriptions or connections.",
  "conflict": "Somebody else was first, or the sequence number was used before.",
  "read-only": "The topic cannot be written now: its storage fails.",
  "loading": "The topic is not loaded yet; await its `ready`.",
  "session-lost": "The server no longer knows the session that wrote this; whether it was kept is unknown.",
  "damaged": "What is stored is not what was written, and was not used.",
  "stale": "It is older than what the topic still remembers; `data.current` is what stands there now.",
  "version": "The other side, or what is stored, has another version of this topic; `data` has `have` and `need`.",
  "migration-failed": "What is there could not be brought to another version.",
  "not-found": "Nobody is there under that name.",
  "gap": "Entries are missing and no longer kept.",
  "deleted": "The topic was deleted.",
  "unsupported": "This side cannot do that.",
  "feature-not-supported": "The other side cannot do that.",
  "internal": "A defect of the library; please report it.",
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** `no`: the same call fails again. `later`: may work in a while. `reconnect`: may work on a new connection. */
export type Retry = "no" | "later" | "reconnect";

const retryOf: Partial<Record<string, Retry>> = {
  "timeout": "later",
  "closed": "reconnect",
  "backpressure": "later",
  "rate-limited": "later",
  "read-only": "later",
  "loading": "later",
};

export interface SyncErrorOptions {
  /** Safe to show to the other side. */
  readonly data?: unknown;
  readonly cause?: unknown;
  readonly retry?: Retry;
}

/** Every error that the library throws, rejects with, or hands to `onError`. */
export class SyncError extends Error {
  override readonly name = "SyncError";
  readonly code: string;
  readonly retry: Retry;
  readonly data: unknown;

  constructor(code: ErrorCode | `${string}/${string}`, message?: string, options: SyncErrorOptions = {}) {
    super(message ?? code, options);
    this.code = code;
    this.retry = options.retry ?? retryOf[code] ?? "no";
    this.data = options.data;
  }
}

/** True for a SyncError, with that code if one is given; holds across two copies of the package. */
export function isSyncError(error: unknown, code?: ErrorCode | `${string}/${string}`): error is SyncError {
  return error instanceof Error && error.name === "SyncError" && (code === undefined || (error as SyncError).code === code);
}

/** What travels: code, message, safe data; never a stack. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly data?: unknown;
}

export function toWireError(error: unknown): WireError {
  if (!isSyncError(error)) return { code: "handler-failed", message: "The handler failed." };
  const wire = { code: error.code, message: error.message };
  return error.data === undefined ? wire : { ...wire, data: error.data };
}

/** Reads an error another side sent; anything else becomes an `internal` one. */
export function fromWireError(wire: unknown): SyncError {
  const { code, message, data } = (wire ?? {}) as Partial<WireError>;
  const known = typeof code === "string" ? (code as ErrorCode) : "internal";
  return new SyncError(known, typeof message === "string" ? message : known, { data });
}
