/**
 * The topics that versions are kept in: a list for each document, and one for what each version holds.
 *
 * Always: what a version holds is in memory only while somebody reads it, as any topic is; readers write to none of them.
 * Rules: docs/protocol/doc-versions.md VDOC1, VDOC4, VDOC7.
 */
import { SyncError } from "../../core/errors.ts";
import { type DocSnapshot, readSnapshot } from "../../kind/doc/authority.ts";
import { VersionList, versionKind, versionsKind, versionsTopic, versionTopic } from "../../kind/doc/version.ts";
import type { Durability } from "../../topic/log.ts";
import type { ServerCore } from "../core.ts";
import type { Authorize } from "../grants.ts";
import type { Hosted } from "../hosted.ts";
import { publishTo } from "../published.ts";
import type { Topic } from "../topic.ts";

export interface OpenList {
  readonly topic: Topic;
  readonly list: VersionList;
}

export interface VersionTopics {
  openList(name: string): Promise<OpenList>;
  /** What a version holds. Rejects with `not-found`. */
  read(name: string, id: string): Promise<DocSnapshot>;
  /** Stores what a version holds, and then has it listed. */
  put(name: string, id: string, holds: DocSnapshot, list: () => Promise<void>): Promise<void>;
  /** Deletes what versions hold that are in no list any more. */
  forget(name: string, ids: readonly string[]): Promise<void>;
  /** The same, of those that a crash left without a place in the list. */
  forgetStrays(name: string, list: VersionList): Promise<void>;
}

/** The param that the id of a version is, in patterns. */
export const versionParam = "@version";

/** The document of a topic of its versions. */
export function documentOf(topic: string): string {
  return topic.slice(0, topic.lastIndexOf("/@versions"));
}

export function createVersionTopics(
  core: ServerCore,
  pattern: string,
  { durability, authorize }: { readonly durability: Durability; readonly authorize?: Authorize },
): VersionTopics {
  const { topics } = core;
  const lists = new Map<string, VersionList>();
  /** Topics of versions that are being made: they are not in a list yet. */
  const making = new Set<string>();
  const held = new Map<string, DocSnapshot>();

  const openList = async (name: string): Promise<OpenList> => {
    const listName = versionsTopic(name);
    const { topic } = await topics.open(listName);
    return { topic, list: lists.get(listName) as VersionList };
  };

  const hostList = async (name: string): Promise<Hosted> => {
    const list = new VersionList();
    lists.set(name, list);
    const topic = await topics.create({
      name,
      kind: versionsKind,
      catchUp: "snapshot",
      durability,
      snapshot: () => list.snapshot(),
      load: (state) => list.load(state ?? undefined),
      replay: (entry) => list.apply(entry),
    });
    return { topic, close: () => void lists.delete(name) };
  };

  const hostOne = async (name: string): Promise<Hosted> => {
    if (!making.has(name)) {
      const { list } = await openList(documentOf(name));
      if (!list.find(name.slice(name.lastIndexOf("/") + 1))) throw new SyncError("not-found", "There is no such version.");
    }
    const topic = await topics.create({
      name,
      kind: versionKind,
      catchUp: "snapshot",
      durability,
      snapshot: () => held.get(name),
      load: (state) => void (state ? held.set(name, state as DocSnapshot) : held.delete(name)),
      replay: (entry) => void held.set(name, entry as DocSnapshot),
    });
    return { topic, close: () => void held.delete(name) };
  };

  topics.declare({
    kind: versionsKind,
    pattern: versionsTopic(pattern),
    companionOf: pattern,
    authorize,
    writeAction: "write",
    host: hostList,
  });
  topics.declare({
    kind: versionKind,
    pattern: versionTopic(pattern, `:${versionParam}`),
    companionOf: pattern,
    authorize,
    writeAction: "write",
    host: hostOne,
  });

  const read = async (name: string, id: string): Promise<DocSnapshot> => {
    const { topic } = await topics.open(versionTopic(name, id));
    const snapshot = held.get(topic.name);
    readSnapshot(snapshot);
    return snapshot as DocSnapshot;
  };

  const forget = async (name: string, ids: readonly string[]): Promise<void> => {
    for (const id of ids) {
      const one = versionTopic(name, id);
      making.add(one);
      try {
        await topics.open(one);
        topics.delete(one, "deleted");
      } finally {
        making.delete(one);
      }
    }
  };

  const forgetStrays = async (name: string, list: VersionList): Promise<void> => {
    const prefix = versionTopic(name, "");
    const ids = (await topics.stored(prefix)).map((one) => one.slice(prefix.length));
    await forget(
      name,
      ids.filter((id) => !list.find(id) && !making.has(versionTopic(name, id))),
    );
  };

  return {
    openList,
    read,
    async put(name, id, holds, list) {
      const one = versionTopic(name, id);
      making.add(one);
      try {
        const { topic } = await topics.open(one);
        const packed = topics.pack(holds);
        held.set(one, holds);
        await publishTo(topics, topic, packed).stored;
        await list();
      } finally {
        making.delete(one);
      }
    },
    forget,
    forgetStrays,
  };
}
