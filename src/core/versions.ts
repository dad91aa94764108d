/**
 * Versions of a topic's data: what a definition says of them, and what a side is told whose version is another one.
 *
 * Always: a definition that says nothing has version 1; what is of version 1 says nothing.
 * Rules: docs/protocol/versions.md VERSION1-VERSION14.
 */
import { SyncError } from "./errors.ts";

/**
 * Between the version before and this one. Each function returns a new value, and leaves its argument as it is: write its type there.
 */
export interface Migration {
  /** What the version before had, as this one has it: for what is stored, and for writes of clients that still have that version. */
  readonly up?: (older: never) => unknown;
  /** What this version has, as the one before had it: for clients that still have that. */
  readonly down?: (newer: never) => unknown;
  /** What a topic of the version before began with. Default: `down` of what one of this version begins with. */
  readonly initial?: unknown;
  /** Of a store: a call of a client that still has the version before, as this one has it. Default: the same. */
  readonly call?: (call: { readonly mutation: string; readonly input: never }) => {
    readonly mutation: string;
    readonly input: unknown;
  };
}

/** By the version that they lead to. */
export type Migrations = { readonly [version: number]: Migration };

/** What a definition says of its versions. */
export interface Versioned {
  /** Of what the topic holds. Default 1; one more whenever older code would not understand it. */
  readonly version?: number;
  /** From version 1 on; one that is missing says that there is no way. */
  readonly migrations?: Migrations;
}

/** Why a topic cannot be written, or read, here: this side has version `have`, the other `need`. */
export interface VersionGap {
  readonly have: number;
  readonly need: number;
}

export function versionError(message: string, { have, need }: VersionGap): SyncError {
  return new SyncError("version", `${message}: version ${have} here, ${need} there.`, { data: { have, need } });
}
