/**
 * The versions of a document, as a list: their names and whose they are. What they hold is kept apart, one topic for each.
 *
 *   notes/7/@versions        the list: `["add" version [dropped id …]]`, `["drop" [id …]]`, `["author" owner user]`
 *   notes/7/@versions/<id>   what one holds: one entry, shaped as a document's snapshot
 *
 * Always: versions are listed in the order in which they were made; what an entry did not touch stays `===`.
 * Rules: docs/protocol/doc-versions.md VDOC1-VDOC3, VDOC5, VDOC6.
 */
import { SyncError } from "../../core/errors.ts";

/** What readers are told of a version. */
export interface DocVersion {
  readonly id: string;
  /** Empty for those that were made by themselves. */
  readonly name: string;
  /** Server wall clock, ms. */
  readonly atMs: number;
  /** The id of the user who made it; null: the server. */
  readonly by: string | null;
  readonly bytes: number;
  readonly isAutomatic: boolean;
}

/** How much is kept. What is over it goes: those that were made by themselves first, the oldest first. */
export interface VersionPolicy {
  /** Default 100. */
  readonly maxCount?: number;
  /** Of all of a document. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Default: for ever. */
  readonly maxAgeMs?: number;
  /** Makes one by itself so long after the first edit since the last. Default: none. */
  readonly everyMs?: number;
}

export const versionPolicy: { readonly maxCount: number; readonly maxBytes: number; readonly maxAgeMs: number } = {
  maxCount: 100,
  maxBytes: 64 * 1024 * 1024,
  maxAgeMs: Number.POSITIVE_INFINITY,
};

export const maxVersionName = 200;

/** How clients read the list. */
export const versionsKind = "doc-versions";
/** How they read what one holds. */
export const versionKind = "doc-version";

/** No param of a pattern can spell it. */
export const versionsTopic = (topic: string): string => `${topic}/@versions`;
export const versionTopic = (topic: string, id: string): string => `${topic}/@versions/${id}`;

/** What clients ask. */
export const versionsEvent = "doc/versions";

export type VersionsAsk = { readonly topic: string } & (
  | { readonly what: "create"; readonly name: string }
  | { readonly what: "delete"; readonly id: string }
);

export function readVersionsAsk(data: unknown): VersionsAsk | undefined {
  const { topic, what, name, id } = (data ?? {}) as Record<string, unknown>;
  if (typeof topic !== "string") return undefined;
  if (what === "create" && typeof name === "string") return { topic, what, name };
  if (what === "delete" && typeof id === "string") return { topic, what, id };
  return undefined;
}

export type VersionEntry =
  | readonly ["add", version: DocVersion, dropped: readonly string[]]
  | readonly ["drop", ids: readonly string[]]
  | readonly ["author", owner: string, user: string];

export type VersionsSnapshot = readonly [versions: readonly DocVersion[], authors: readonly (readonly [string, string])[]];

/** The list as entries make it, on both sides. */
export class VersionList {
  #versions: readonly DocVersion[] = [];
  #authors = new Map<string, string>();

  get versions(): readonly DocVersion[] {
    return this.#versions;
  }

  /** Ids of users by the owners of client ids. */
  get authors(): ReadonlyMap<string, string> {
    return this.#authors;
  }

  find(id: string): DocVersion | undefined {
    return this.#versions.find((version) => version.id === id);
  }

  /** Throws SyncError `invalid` for what is no entry. */
  apply(entry: unknown): void {
    const [what, first, second] = (Array.isArray(entry) ? entry : []) as readonly unknown[];
    if (what === "add" && isVersion(first) && isTexts(second)) this.#versions = [...this.#without(second), first];
    else if (what === "drop" && isTexts(first)) this.#versions = this.#without(first);
    else if (what === "author" && typeof first === "string" && typeof second === "string") this.#authors.set(first, second);
    else throw new SyncError("invalid", "Not an entry of a list of versions.");
  }

  snapshot(): VersionsSnapshot {
    return [this.#versions, [...this.#authors]];
  }

  load(snapshot: unknown): void {
    const [versions, authors] = (snapshot ?? [[], []]) as VersionsSnapshot;
    if (!Array.isArray(versions) || !versions.every(isVersion) || !Array.isArray(authors)) {
      throw new SyncError("invalid", "Not a list of versions.");
    }
    this.#versions = versions;
    this.#authors = new Map(authors);
  }

  /** Which have to go, if one of so many bytes is added: null where it is none. */
  over(policy: VersionPolicy, nowMs: number, added: number | null): readonly string[] {
    const { maxCount, maxBytes, maxAgeMs } = { ...versionPolicy, ...policy };
    const dropped = this.#versions.filter(({ atMs }) => nowMs - atMs > maxAgeMs).map(({ id }) => id);
    const left = this.#without(dropped);
    const order = [...left.filter(({ isAutomatic }) => isAutomatic), ...left.filter(({ isAutomatic }) => !isAutomatic)];
    let count = left.length + (added === null ? 0 : 1);
    let bytes = left.reduce((sum, version) => sum + version.bytes, added ?? 0);
    for (const version of order) {
      if (count <= maxCount && bytes <= maxBytes) break;
      dropped.push(version.id);
      count--;
      bytes -= version.bytes;
    }
    return dropped;
  }

  #without(ids: readonly string[]): readonly DocVersion[] {
    return ids.length ? this.#versions.filter(({ id }) => !ids.includes(id)) : this.#versions;
  }
}

/** Of the client ids in a document, by its snapshot. */
export function readOwners(snapshot: unknown): Map<number, string> {
  const owners = new Map<number, string>();
  const all: unknown = Array.isArray(snapshot) ? snapshot[1] : undefined;
  for (const each of Array.isArray(all) ? (all as readonly unknown[]) : []) {
    const [owner, ...clients] = (Array.isArray(each) ? each : []) as readonly unknown[];
    for (const client of clients) if (typeof owner === "string" && typeof client === "number") owners.set(client, owner);
  }
  return owners;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function isVersion(value: unknown): value is DocVersion {
  const { id, name, atMs, by, bytes, isAutomatic } = (value ?? {}) as Partial<DocVersion>;
  return (
    typeof id === "string" &&
    typeof name === "string" &&
    typeof atMs === "number" &&
    (by === null || typeof by === "string") &&
    typeof bytes === "number" &&
    typeof isAutomatic === "boolean"
  );
}
