/**
 * Versions of documents on the server: made, kept, bounded, and gone back to.
 *
 * The list is a topic that readers of the document may read; what a version holds is a topic of its own, loaded when it is asked for and
 * let go of soon after, so that versions cost the disk and not the memory.
 * Always: what the list has can be read, whatever crashed; a version holds only what was stored.
 * Rules: docs/protocol/doc-versions.md VDOC1-VDOC8, VDOC13.
 */
import * as Y from "yjs";
import { randomHex, type Timer } from "../../core/env.ts";
import { SyncError } from "../../core/errors.ts";
import type { User } from "../../core/register.ts";
import type { DocSnapshot } from "../../kind/doc/authority.ts";
import {
  type DocVersion,
  maxVersionName,
  readOwners,
  type VersionEntry,
  type VersionPolicy,
  versionPolicy,
  versionsTopic,
} from "../../kind/doc/version.ts";
import { authorOf, type DocDiff, diffDocs } from "../../kind/doc/version-diff.ts";
import { restoreDoc } from "../../kind/doc/version-restore.ts";
import type { Durability } from "../../topic/log.ts";
import type { ServerCore } from "../core.ts";
import type { Authorize } from "../grants.ts";
import { publishTo } from "../published.ts";
import { hearVersions } from "./version-asks.ts";
import { createVersionTopics, documentOf, type OpenList, versionParam } from "./version-topics.ts";
import { applyAll } from "./view.ts";

/** The versions of one document. */
export interface DocVersions {
  /** In the order in which they were made. */
  list(): Promise<readonly DocVersion[]>;
  /** Keeps what is stored now; resolves when that is stored. */
  create(name: string): Promise<DocVersion>;
  /** The document as it was: a copy, which is nobody else's. */
  preview(id: string): Promise<Y.Doc>;
  /** Edits the document back to what it was; resolves when that is stored. */
  restore(id: string): Promise<void>;
  /** What changed between two of them, or since one of them. */
  diff(from: string, to?: string): Promise<DocDiff>;
  delete(id: string): Promise<void>;
}

/** What versions need of their document. */
export interface VersionedDoc {
  readonly name: string;
  /** Resolves when it is loaded. */
  readonly ready: Promise<void>;
  /** What is stored. */
  stored(): DocSnapshot;
  /** The document as it is. */
  current(): Y.Doc;
  owners(): ReadonlyMap<number, string>;
  transact(run: (doc: Y.Doc) => void): { readonly stored: Promise<number> };
  /** One update that adds up to the same. */
  join(updates: readonly Uint8Array[]): Promise<Uint8Array>;
}

/** The versions of one document, as the document sees them. */
export interface KeptVersions {
  readonly handle: DocVersions;
  /** That user has written under that owner. */
  wrote(owner: string, user: User): void;
  /** Something was stored. */
  changed(): void;
  /** One is being made, or due. */
  readonly isBusy: boolean;
  createAs(name: string, by: string | null): Promise<DocVersion>;
  close(): void;
}

/** The versions of all documents of one declaration. */
export interface VersionsHost {
  of(doc: VersionedDoc): KeptVersions;
  /** With what they hold. */
  delete(name: string): void;
}

interface HostOptions {
  readonly versions: VersionPolicy;
  readonly authorize?: Authorize | undefined;
  readonly durability?: Durability | undefined;
}

export function declareVersions(core: ServerCore, server: object, pattern: string, options: HostOptions): VersionsHost {
  const { topics, env } = core;
  const { durability = core.durability ?? "strict", versions: policy } = options;
  if (!((policy.maxCount ?? 1) >= 1 && (policy.maxBytes ?? 1) >= 1 && (policy.everyMs ?? 1) > 0)) {
    throw new SyncError("invalid", "Of versions, maxCount and maxBytes are at least 1, and everyMs is above 0.");
  }
  const kept = new Map<string, KeptVersions>();
  const deleting = new Map<string, Promise<void>>();

  /** Who may read the document may read its versions. */
  const { authorize } = options;
  const held = createVersionTopics(core, pattern, {
    durability,
    ...(authorize && {
      authorize({ params: { [versionParam]: _id, ...params }, ...request }) {
        return authorize({ ...request, params, kind: "doc", topic: documentOf(request.topic) });
      },
    }),
  });

  const of = (doc: VersionedDoc): KeptVersions => {
    const { name } = doc;
    const report = (error: unknown): void => core.report(error, versionsTopic(name));
    let working = 0;
    const during = async <T>(work: Promise<T>): Promise<T> => {
      working++;
      try {
        return await work;
      } finally {
        working--;
      }
    };
    const attempt = (work: Promise<unknown>): void => void during(work).catch(report);
    let timer: Timer | undefined;
    let isClosed = false;
    /** It is loaded for as long as the document is. */
    let releaseList = (): void => {};
    /** Of the newest that is listed, or being made: nothing was stored since. */
    let isKept = false;
    const authors = new Set<string>();

    const append = async ({ topic, list }: OpenList, entry: VersionEntry): Promise<void> => {
      if (topic.fault) throw topic.fault;
      const packed = topics.pack(entry);
      list.apply(entry);
      await publishTo(topics, topic, packed).stored;
      if (entry[0] === "add") await held.forget(name, entry[2]);
      else if (entry[0] === "drop") await held.forget(name, entry[1]);
    };

    const open = async (): Promise<OpenList> => {
      await deleting.get(name);
      const opening = held.openList(name);
      releaseList = topics.keep(versionsTopic(name));
      const made = await opening;
      if (isClosed) releaseList();
      const { list } = made;
      for (const owner of list.authors.keys()) authors.add(owner);
      const dropped = list.over(policy, env.nowMs(), null);
      if (dropped.length) await append(made, ["drop", dropped]);
      attempt(held.forgetStrays(name, list));
      return made;
    };
    let opened: Promise<OpenList> | undefined;
    /** Where it could not be opened, it is tried anew with the next who asks. */
    const listed = (): Promise<OpenList> => {
      opened ??= open().catch((error: unknown) => {
        opened = undefined;
        releaseList();
        throw error;
      });
      return opened;
    };
    attempt(listed());

    const store = async (versionName: string, by: string | null, isAutomatic: boolean): Promise<DocVersion> => {
      if (versionName.length > maxVersionName) {
        throw new SyncError("too-large", `A version's name has at most ${maxVersionName} letters.`);
      }
      const into = await listed();
      await doc.ready;
      isKept = true;
      const atMs = env.nowMs();
      const [updates, owners] = doc.stored();
      const update = await doc.join(updates);
      const { length: bytes } = update;
      const { maxBytes = versionPolicy.maxBytes } = policy;
      if (bytes > maxBytes) throw new SyncError("too-large", `The versions of a document have at most ${maxBytes} bytes.`);
      const id = randomHex(env, 8);
      const version: DocVersion = { id, name: versionName, atMs, by, bytes, isAutomatic };
      await held.put(name, id, [[update], owners], () =>
        append(into, ["add", version, into.list.over(policy, env.nowMs(), bytes)]),
      );
      return version;
    };

    const docOfSnapshot = ([updates]: DocSnapshot): Y.Doc => {
      const made = new Y.Doc({ guid: name });
      applyAll(made, updates);
      return made;
    };

    const handle: DocVersions = {
      list: async () => (await listed()).list.versions,
      create: (versionName) => store(versionName, null, false),
      preview: async (id) => docOfSnapshot(await held.read(name, id)),
      async restore(id) {
        const version = await handle.preview(id);
        try {
          await doc.transact((current) => restoreDoc(current, version)).stored;
        } finally {
          version.destroy();
        }
      },
      async diff(from, to) {
        const older = await held.read(name, from);
        const newer = to === undefined ? undefined : await held.read(name, to);
        const { list } = await listed();
        const owners = newer ? readOwners(newer) : doc.owners();
        const before = docOfSnapshot(older);
        const after = newer ? docOfSnapshot(newer) : doc.current();
        const found = diffDocs(before, after, (client) => authorOf(owners.get(client), list.authors));
        before.destroy();
        if (newer) after.destroy();
        return found;
      },
      async delete(id) {
        const from = await listed();
        if (!from.list.find(id)) throw new SyncError("not-found", "There is no such version.");
        await append(from, ["drop", [id]]);
      },
    };

    const keepOne = (): void => {
      timer = undefined;
      if (!isKept) attempt(store("", null, true));
    };

    const own: KeptVersions = {
      handle,
      wrote(owner, user) {
        if (authors.has(owner)) return;
        authors.add(owner);
        attempt(
          listed()
            .then((into) => append(into, ["author", owner, user.id]))
            .catch((error: unknown) => {
              authors.delete(owner);
              throw error;
            }),
        );
      },
      changed() {
        isKept = false;
        if (policy.everyMs === undefined || isClosed) return;
        timer ??= env.setTimer(keepOne, policy.everyMs);
      },
      createAs: (versionName, by) => during(store(versionName, by, false)),
      get isBusy() {
        return timer !== undefined || working > 0;
      },
      close() {
        isClosed = true;
        releaseList();
        if (timer !== undefined) env.clearTimer(timer);
        kept.delete(name);
      },
    };
    kept.set(name, own);
    return own;
  };

  core.ends.add(() => {
    for (const { close } of [...kept.values()]) close();
  });
  hearVersions(core, server, pattern, { authorize, kept });
  return {
    of,
    delete(name) {
      const work = async (): Promise<void> => {
        const { list } = await held.openList(name);
        await held.forget(
          name,
          list.versions.map(({ id }) => id),
        );
        topics.delete(versionsTopic(name), "deleted");
      };
      const done = work()
        .catch((error: unknown) => core.report(error, versionsTopic(name)))
        .finally(() => deleting.delete(name));
      deleting.set(name, done);
    },
  };
}
