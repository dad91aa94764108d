/**
 * Which feed a reader is given: that of the topic, or where its version is an older one, or it may see but a part, a projection of it.
 *
 * Always: who has the topic's version and may see all of it is given what everybody is; who cannot be shown anything honest is refused.
 * Rules: docs/protocol/versions.md VERSION2-VERSION5, GRANT9.
 */
import { type VersionGap, versionError } from "../core/versions.ts";
import { pick } from "../kind/paths.ts";
import type { Feed } from "./feed.ts";
import type { Framer } from "./frames.ts";
import { type Grant, pathsOf } from "./grants.ts";
import type { Topic } from "./topic.ts";

/** The topic's own feed will do. */
export function showsAll(topic: Topic, version: number, grant: Grant): boolean {
  return version === topic.version && grant === true;
}

/** A feed of what is shown in its place. Throws SyncError. */
export function shownFeed(topic: Topic, framer: Framer, version: number, grant: Grant): Feed {
  const { name, versions, version: need } = topic;
  const paths = pathsOf(grant);
  if (version > need || !(versions?.has("down", version) ?? version === need))
    throw versionError(`Topic "${name}"`, { have: version, need });
  return topic.projected(framer, JSON.stringify([version, paths ?? null]), (value) => {
    const part = paths ? pick(value, paths) : value;
    return versions ? versions.down(part, version) : part;
  });
}

/** What the answer to a subscription says to a client whose writes are not taken. */
export function readOnlyAnswer(topic: Topic, version: number): { readonly readOnly?: VersionGap & { readonly code: string } } {
  const need = topic.version;
  if (version >= need || topic.takes(version)) return {};
  return { readOnly: { code: "version", have: version, need } };
}

/** The state for a page that a server renders, of which no more is to be told by this topic's entries than it may see. */
export function renderedState(topic: Topic, grant: Grant): unknown {
  const paths = pathsOf(grant);
  return paths ? topic.projector((value) => pick(value, paths)).snapshot() : topic.state();
}
