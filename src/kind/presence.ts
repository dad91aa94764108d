/**
 * Presence: who is in a room, and what each of them shows of itself. Server and client fold the same entries.
 *
 *   entry     [at-ms item …]
 *   item      ["in" id user data status]      is there, or is so from now on
 *             ["set" id patch [removed …] status]
 *             ["out" id]                      is gone; with true: is told elsewhere from now on
 *             ["told" id event data]          changes nothing; id nil: the server
 *             ["stage" id value]              who presents, and what is shown
 *             ["count" n]                     how many there are, where not all are told
 *   snapshot  [[[id user data status at-ms] …] [[user at-ms] …] [id value] count]
 *
 * Always: a member that an item did not touch stays `===`; an entry that names nobody who is there is refused whole.
 * Rules: docs/protocol/presence.md PRESENCE10-PRESENCE14.
 */
import { SyncError } from "../core/errors.ts";
import type { Replica } from "./kind.ts";

/** `reconnecting`: its line is down, and it is waited for. */
export type MemberStatus = "online" | "away" | "reconnecting";

/** One connection's part of a room: a person with three tabs is three members and one user. */
export interface Member<T = unknown, U = unknown> {
  /** Issued by the server; public. */
  readonly id: string;
  readonly user: U;
  readonly data: T;
  readonly status: MemberStatus;
  /** The server's clock when it last changed something, or when its line was lost. */
  readonly lastSeenMs: number;
}

/** Who was here and no longer is. */
export interface Gone<U = unknown> {
  readonly user: U;
  readonly lastSeenMs: number;
}

/** Who presents, and what is shown. */
export interface Stage {
  readonly presenter: string | null;
  readonly value: unknown;
}

export type PresenceItem =
  | readonly ["in", id: string, user: unknown, data: unknown, status: MemberStatus]
  | readonly ["set", id: string, patch: object, removed: readonly string[], status: MemberStatus]
  | readonly ["out", id: string, isElsewhere?: boolean]
  | readonly ["told", id: string | null, event: string, data: unknown]
  | readonly ["stage", id: string | null, value: unknown]
  | readonly ["count", count: number];

export type PresenceEntry = readonly [atMs: number, ...items: PresenceItem[]];

/** Users that are remembered when their last member is gone. */
const maxGone = 64;

const emptyStage: Stage = { presenter: null, value: null };

/** `data` with a patch: keys of the patch are set, those removed are not there. */
export function patched(data: object, patch: object, removed: readonly string[]): object {
  const next = { ...data, ...patch } as { [key: string]: unknown };
  for (const key of removed) delete next[key];
  return next;
}

/** The id of a user; of one that has none, nothing. */
export function userIdOf(user: unknown): string | undefined {
  const { id } = (user ?? {}) as { readonly id?: unknown };
  return typeof id === "string" ? id : undefined;
}

export class PresenceState implements Replica<PresenceState, PresenceEntry> {
  readonly byId: Map<string, Member> = new Map();
  /** By id of the user, the oldest first. */
  readonly gone: Map<string, Gone> = new Map();
  stage: Stage = emptyStage;
  /** Undefined: all of them are told here. */
  count: number | undefined;
  /** Calls for each `told`. */
  heard: ((from: string | null, event: string, data: unknown) => void) | undefined;
  /** Called with each member that is told elsewhere from now on. */
  readonly moved: Set<(member: Member) => void> = new Set();
  /** Grows with every change of a member. */
  version = 0;
  #members: readonly Member[] | undefined;
  /** By id of the user, how many are theirs. */
  readonly #ofUser = new Map<string, number>();

  get value(): PresenceState {
    return this;
  }

  /** In the order in which they came; the same array until one of them changes. */
  get members(): readonly Member[] {
    this.#members ??= [...this.byId.values()];
    return this.#members;
  }

  apply(entry: PresenceEntry): void {
    const [atMs, ...items] = entry;
    this.#check(items);
    this.version++;
    const told: (readonly [string | null, string, unknown])[] = [];
    for (const item of items) {
      switch (item[0]) {
        case "in": {
          const [, id, user, data, status] = item;
          this.#put({ id, user, data, status, lastSeenMs: atMs });
          this.gone.delete(userIdOf(user) ?? "");
          break;
        }
        case "set": {
          const [, id, patch, removed, status] = item;
          const before = this.byId.get(id) as Member;
          const data = patched(before.data as object, patch, removed);
          this.byId.set(id, { ...before, data, status, lastSeenMs: atMs });
          break;
        }
        case "out":
          this.#out(item[1], atMs, item[2] === true);
          break;
        case "told":
          told.push([item[1], item[2], item[3]]);
          break;
        case "stage":
          this.stage = { presenter: item[1], value: item[2] };
          break;
        case "count":
          this.count = item[1];
      }
    }
    if (items.some(([what]) => what === "in" || what === "set" || what === "out")) this.#members = undefined;
    // Once all of it is in place: a listener may look at who said it.
    for (const [from, event, data] of told) this.heard?.(from, event, data);
  }

  restore(snapshot: unknown): void {
    const [members, gone, stage, count] = snapshot as [
      [string, unknown, unknown, MemberStatus, number][],
      [unknown, number][],
      [string | null, unknown],
      number | null,
    ];
    this.clear();
    for (const [id, user, data, status, lastSeenMs] of members) this.#put({ id, user, data, status, lastSeenMs });
    for (const [user, lastSeenMs] of gone) this.gone.set(userIdOf(user) ?? "", { user, lastSeenMs });
    this.stage = { presenter: stage[0], value: stage[1] };
    this.count = count ?? undefined;
  }

  snapshot(): unknown {
    return [
      this.members.map(({ id, user, data, status, lastSeenMs }) => [id, user, data, status, lastSeenMs]),
      [...this.gone.values()].map(({ user, lastSeenMs }) => [user, lastSeenMs]),
      [this.stage.presenter, this.stage.value],
      this.count ?? null,
    ];
  }

  clear(): void {
    this.byId.clear();
    this.#ofUser.clear();
    this.gone.clear();
    this.stage = emptyStage;
    this.count = undefined;
    this.#members = undefined;
    this.version++;
  }

  /** Nothing of an entry is applied that cannot be applied whole. */
  #check(items: readonly PresenceItem[]): void {
    const there = new Map<string, boolean>();
    for (const [what, id] of items) {
      if (what === "in") there.set(id, true);
      else if (what === "out" || what === "set") {
        if (!(there.get(id) ?? this.byId.has(id))) throw new SyncError("invalid", `Nobody is here as "${String(id)}".`);
        if (what === "out") there.set(id, false);
      }
    }
  }

  #put(member: Member): void {
    const before = this.byId.get(member.id);
    if (before) this.#counted(before.user, -1);
    this.#counted(member.user, 1);
    this.byId.set(member.id, member);
  }

  /** How many of that user there are now. */
  #counted(user: unknown, by: number): number {
    const id = userIdOf(user) ?? "";
    const count = (this.#ofUser.get(id) ?? 0) + by;
    if (count) this.#ofUser.set(id, count);
    else this.#ofUser.delete(id);
    return count;
  }

  #out(id: string, lastSeenMs: number, isElsewhere: boolean): void {
    const member = this.byId.get(id) as Member;
    const { user } = member;
    this.byId.delete(id);
    if (isElsewhere) for (const moved of this.moved) moved(member);
    const isLast = !this.#counted(user, -1);
    const userId = userIdOf(user);
    const isAnonymous = (user as { readonly anonymous?: boolean } | null)?.anonymous === true;
    if (!isLast || isElsewhere || userId === undefined || isAnonymous) return;
    this.gone.set(userId, { user, lastSeenMs });
    const [oldest] = this.gone.keys();
    if (oldest !== undefined && this.gone.size > maxGone) this.gone.delete(oldest);
  }
}
