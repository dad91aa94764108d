/**
 * What clients ask of versions: to make one, and to delete one. One request of a server, for all of its documents.
 *
 * Always: who asks may write to the document; one that is not open is not opened for it.
 * Rules: docs/protocol/doc-versions.md VDOC4.
 */
import { SyncError } from "../../core/errors.ts";
import type { User } from "../../core/register.ts";
import { readVersionsAsk, type VersionsAsk, versionsEvent } from "../../kind/doc/version.ts";
import { type Bucket, createBucket, take } from "../../tail/bucket.ts";
import type { ServerCore } from "../core.ts";
import { type Authorize, ask } from "../grants.ts";
import type { Server } from "../server.ts";
import type { KeptVersions } from "./versions.ts";

/** Versions that the clients of one document make: each costs a document's building. */
const createRate = { burst: 10, perSecond: 1 / 6 };

export interface VersionsAsked {
  readonly authorize: Authorize | undefined;
  readonly kept: ReadonlyMap<string, KeptVersions>;
}

const asked = new WeakMap<object, Map<string, VersionsAsked>>();

/** One request of a server, for all of its documents. */
export function hearVersions(core: ServerCore, server: object, pattern: string, own: VersionsAsked): void {
  const known = asked.get(server);
  const byPattern = known ?? new Map<string, VersionsAsked>();
  byPattern.set(pattern, own);
  if (known) return;
  asked.set(server, byPattern);
  const buckets = new WeakMap<KeptVersions, Bucket>();
  (server as Server).on(versionsEvent, async ({ data, user }) => {
    const request = readVersionsAsk(data);
    if (!request) throw new SyncError("invalid", "Of versions, one is asked to be made or deleted.");
    const kept = await enter(core, byPattern, request, user);
    if (request.what === "delete") {
      await kept.handle.delete(request.id);
      return true;
    }
    const nowMs = core.env.monotonicMs();
    const bucket = buckets.get(kept) ?? createBucket(createRate, nowMs);
    buckets.set(kept, bucket);
    if (!take(bucket, nowMs)) throw new SyncError("rate-limited", "Too many versions of this document: try again later.");
    return kept.createAs(request.name, user.id);
  });
}

async function enter(
  core: ServerCore,
  byPattern: Map<string, VersionsAsked>,
  { topic }: VersionsAsk,
  user: User,
): Promise<KeptVersions> {
  const resolved = core.topics.resolve(topic);
  const host = resolved && byPattern.get(resolved.declaration.pattern);
  if (!host) throw new SyncError("not-declared", `"${topic}" has no versions.`);
  const request = { user, action: "write", kind: "doc", topic, params: resolved.params } as const;
  const isAllowed = await ask([core.authorize, host.authorize], request, (error) => core.report(error, topic));
  if (!isAllowed) throw new SyncError("forbidden", `Not allowed: "${topic}".`);
  const kept = host.kept.get(topic);
  if (!kept) throw new SyncError("loading", `"${topic}" is not open: open it first.`, { retry: "later" });
  return kept;
}
