/**
 * `doc(sync, ref)` on the server: a Yjs document, kept as the bytes that its clients sent.
 *
 * An update is decoded, judged, logged and forwarded; a new reader is answered from stored bytes. A `Y.Doc` is built only for who asks.
 * Always: what is logged every client can integrate at once; readers are told what is stored.
 * Rules: docs/protocol/doc.md DOC1-DOC16.
 */
import { createHash } from "node:crypto";
import * as Y from "yjs";
import { type Pattern, type Ref, toRef } from "../../core/definitions.ts";
import { SyncError } from "../../core/errors.ts";
import type { User } from "../../core/register.ts";
import {
  DocAuthority,
  type DocEntry,
  type DocLimits,
  type DocSnapshot,
  guestOwner,
  readEntry,
  serverOwner,
} from "../../kind/doc/authority.ts";
import { writeVector } from "../../kind/doc/vector.ts";
import type { VersionPolicy } from "../../kind/doc/version.ts";
import type { Durability, Retention } from "../../topic/log.ts";
import { coreOf, type ServerCore } from "../core.ts";
import { declareKind, type Family, type ParamValues } from "../family.ts";
import type { Authorize } from "../grants.ts";
import { type Published, publishTo, seeded } from "../published.ts";
import type { Topic } from "../topic.ts";
import { type Hosted, quiet } from "../topics.ts";
import { type AwarenessUpdate, awareness } from "./awareness.ts";
import { debounce } from "./debounce.ts";
import { joinerOf } from "./joiner.ts";
import { isGuest } from "./peers/guests.ts";
import { type DocVersions, declareVersions, type KeptVersions, type VersionsHost } from "./versions.ts";
import { DocView, joined, seedUpdate } from "./view.ts";

export interface DocContext<P> {
  readonly topic: string;
  readonly params: P;
}

export interface DocChange<P> extends DocContext<P> {
  /** As it is now. Built when it is first read; to be edited in `transact` only. */
  readonly document: Y.Doc;
  /** What was stored since the last time, in order. */
  readonly updates: readonly Uint8Array[];
}

export interface ServerDocOptions<P extends ParamValues = ParamValues> {
  /** Asked for `read` and for `write`: who may not write is refused update by update. */
  readonly authorize?: Authorize;
  /** What a document begins with where nothing is stored: a Yjs update. Once in the topic's life. */
  readonly onLoadDocument?: (context: DocContext<P>) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Fills a document that begins. Who seeds the same, here or elsewhere, makes the same structs, so two seeds are one. */
  readonly seed?: (doc: Y.Doc, context: DocContext<P>) => void;
  /** Called after changes, once they are stored and quiet for `debounceMs`. */
  readonly onChange?: (change: DocChange<P>) => void | Promise<void>;
  /** The same, for an application that keeps documents itself: `Y.encodeStateAsUpdate(document)`. */
  readonly onStoreDocument?: (change: DocChange<P>) => void | Promise<void>;
  /** What somebody wants to show of itself; what it returns is shown instead. Throws SyncError to refuse. */
  readonly onAwarenessUpdate?: (update: AwarenessUpdate<P>) => object | void;
  /** Default 2,000. */
  readonly debounceMs?: number;
  /** At the latest so long after the first change. Default 10,000. */
  readonly maxDebounceMs?: number;
  /** Default `strict` where the server has a storage. */
  readonly durability?: Durability;
  readonly retention?: Partial<Retention>;
  readonly limits?: Partial<DocLimits>;
  /** Versions of each document are kept, and how many: `{}` for what is usual. Absent: there are none. */
  readonly versions?: VersionPolicy;
}

/** A server's handle of one document. */
export interface ServerDoc {
  readonly topic: string;
  /** Resolves when it is loaded. */
  readonly ready: Promise<void>;
  /** Edits it, in one transaction and one entry. What throws leaves nothing. */
  transact(run: (doc: Y.Doc) => void): Published;
  /** What `select` makes of the document, which is not to be edited. */
  read<R>(select: (doc: Y.Doc) => R): R;
  /** Its state vector, as Yjs encodes it. */
  readonly vector: Uint8Array;
  /** Its updates as they are kept: applied in order they are the document. */
  readonly updates: readonly Uint8Array[];
  /** What somebody lacks who has that state vector; without one, all of it. */
  encode(since?: Uint8Array): Uint8Array;
  /** Puts one update in the place of those stored so far, without what was deleted. It happens by itself. */
  compact(): void;
  /** Runs the hooks that are due now; resolves when they have. */
  flush(): Promise<void>;
  /** Throws SyncError `unsupported` where the option `versions` is not given. */
  readonly versions: DocVersions;
}

/** A server's handle of a pattern of documents. */
export interface DocFamily<P> extends Family<ServerDoc, P> {
  /** Opens the document and edits it; resolves when that is stored. */
  transact(params: P, run: (doc: Y.Doc) => void): Promise<void>;
  /** Opens the document; its versions. */
  versions(params: P): Promise<DocVersions>;
}

export function doc<P extends ParamValues>(
  server: object,
  pattern: Pattern<"doc", Y.Doc, P> | Pattern<"doc", unknown, P>,
  options?: ServerDocOptions<P>,
): DocFamily<P>;
export function doc(server: object, ref: Ref<"doc", unknown> | string, options?: ServerDocOptions): ServerDoc;
export function doc(
  server: object,
  target: Ref<"doc", unknown> | Pattern<"doc", unknown, never> | string,
  options: ServerDocOptions<never> = {},
): ServerDoc | DocFamily<never> {
  const core = coreOf(server);
  const grants = { authorize: options.authorize, writeAction: "write" } as const;
  const ref = toRef("doc", target as Ref<"doc", unknown> | string) as Ref | Pattern<"doc", unknown, never>;
  const policy = options.versions;
  const versions = policy && declareVersions(core, server, ref.pattern, { ...options, versions: policy });
  const handle = declareKind<ServerDoc>(core, "doc", target, grants, (name, params, onHandle) =>
    hostDoc(core, name, params as never, options, versions, onHandle),
  );
  const { authorize, onAwarenessUpdate } = options;
  const forget = awareness(server, target, { authorize, onAwarenessUpdate });
  if (typeof ref !== "function") return handle as ServerDoc;
  const family = handle as Family<ServerDoc, never>;
  const transact: DocFamily<never>["transact"] = async (params, run) => {
    await (await family.open(params)).transact(run).stored;
  };
  const remove: DocFamily<never>["delete"] = (params) => {
    family.delete(params);
    forget(params);
    versions?.delete(ref(params).topic);
  };
  return { ...family, transact, delete: remove, versions: async (params) => (await family.open(params)).versions };
}

/** Updates are joined when there are so many, or so much more of them than what they were joined to. */
const compactAfter = { updates: 500, bytes: 256 * 1024 };
/** Once it is quiet for so long; where it never is, so long after it became due. */
const compactQuietMs = 2000;
const compactLatestMs = 30_000;

function hostDoc(
  core: ServerCore,
  name: string,
  params: never,
  options: ServerDocOptions<never>,
  versions: VersionsHost | undefined,
  onHandle: (handle: ServerDoc) => void,
): Hosted | Promise<Hosted> {
  const { topics, env } = core;
  const { debounceMs = 2000, maxDebounceMs = 10_000 } = options;
  const context: DocContext<never> = { topic: name, params };
  const authority = new DocAuthority(options.limits);
  const report = (error: unknown): void => core.report(error, name);
  const view = new DocView(authority, env, report);
  let topic: Topic | undefined;
  /** Decided and not yet in the log. */
  let decided: DocEntry[] = [];
  /** How much of the authority readers are told. */
  const told = { updates: 0, owners: 0 };
  /** Stored, and not yet told to hooks. */
  let changes: Uint8Array[] = [];
  let compactedBytes = 0;
  let kept: KeptVersions | undefined;
  const joiner = joinerOf(core);

  const hooks = [options.onChange, options.onStoreDocument].flatMap((hook) => (hook ? [hook] : []));
  const tellHooks = async (): Promise<void> => {
    const updates = changes;
    changes = [];
    for (const hook of hooks) {
      try {
        await hook({
          ...context,
          updates,
          get document() {
            return view.doc;
          },
        });
      } catch (error) {
        report(error);
      }
    }
  };
  const telling = debounce(env, debounceMs, maxDebounceMs, tellHooks);

  const compact = (): void => {
    const { updates } = told;
    if (updates < 2) return;
    const all = authority.updates;
    const update = view.isBuilt && updates === all.length ? Y.encodeStateAsUpdate(view.doc) : joined(all.slice(0, updates));
    compacted(updates, update);
  };
  const compacted = (count: number, update: Uint8Array): void => {
    authority.compact(count, update);
    view.compacted(count);
    told.updates -= count - 1;
    compactedBytes = update.length;
  };
  /** What is large is joined elsewhere, while more comes behind it. */
  const compactAway = async (): Promise<void> => {
    const updates = authority.updates.slice(0, told.updates);
    if (!joiner.isAway(updates)) return compact();
    try {
      const update = await joiner.join(updates);
      // Else they were loaded anew, or joined, meanwhile.
      if (updates.every((each, index) => authority.updates[index] === each)) compacted(updates.length, update);
    } catch (error) {
      if (!core.ended) report(error);
    }
  };
  const compacting = debounce(env, compactQuietMs, compactLatestMs, compactAway);
  const compactLater = (): void => {
    const more = authority.bytes - compactedBytes;
    if (told.updates >= compactAfter.updates || (more >= compactAfter.bytes && more >= compactedBytes)) compacting.ask();
  };

  const made = topics.create({
    name,
    kind: "doc",
    catchUp: "snapshot",
    retention: options.retention,
    durability: options.durability ?? core.durability ?? "strict",
    snapshot: () => authority.snapshot(),
    told: {
      snapshot: () => authority.snapshot(told.updates, told.owners),
      load() {
        told.updates = authority.updates.length;
        told.owners = authority.owners.size;
      },
    },
    load(snapshot) {
      decided = [];
      view.drop();
      authority.load(snapshot as DocSnapshot | undefined);
    },
    replay(entry) {
      readEntry(entry);
      authority.apply(entry as DocEntry);
    },
    recovered: () => view.drop(),
  });

  const apply = (entry: DocEntry): void => {
    authority.apply(entry);
    decided.push(entry);
  };
  const follow = (opened: Topic): Topic => {
    opened.log.onRecords((_first, records) => {
      for (const entry of decided.splice(0, records.length)) {
        told.updates++;
        if (entry instanceof Uint8Array) {
          if (hooks.length) changes.push(entry);
          continue;
        }
        told.owners += entry.length - 2;
        if (hooks.length) changes.push(entry[0]);
      }
      if (hooks.length) telling.ask();
      kept?.changed();
      compactLater();
    });
    return opened;
  };
  const begin = async (opened: Topic): Promise<Topic> => {
    const { onLoadDocument, seed } = options;
    if (opened.log.decided > 0) return opened;
    const first = (await onLoadDocument?.(context)) ?? (seed && seedUpdate((empty) => seed(empty, context)));
    if (!first) return opened;
    if (opened.log.durability === "memory") {
      // It is as new as its log: what it begins with need not be in there.
      authority.load([[first], []]);
      told.updates = 1;
      compactedBytes = first.length;
      return opened;
    }
    return seeded(topics, opened, async () => {
      apply(first);
      return first;
    });
  };
  const start = (opened: Topic): Topic | Promise<Topic> =>
    options.onLoadDocument || options.seed ? begin(follow(opened)) : follow(opened);
  const created = made instanceof Promise ? made.then(start) : start(made);

  const opened = (): Topic => {
    if (!topic) throw new SyncError("loading", `Document "${name}" is not loaded yet: await its \`ready\` first.`);
    return topic;
  };
  /** One for all that this server ever writes here: ids cost every reader. */
  const ownClientId = (): number => {
    const { vector, owners } = authority;
    for (const [client, owner] of owners) if (owner === serverOwner) return client;
    let client = 0;
    do client = new DataView(env.randomBytes(4).buffer).getUint32(0);
    while (client <= 1 || vector.has(client));
    return client;
  };

  const handle: ServerDoc = {
    topic: name,
    ready: quiet(Promise.resolve(created).then(() => {})),
    transact(run) {
      const on = opened();
      if (on.fault) throw on.fault;
      const update = view.write(ownClientId(), run);
      const entry = update && authority.decide(update, serverOwner, env.nowMs());
      if (!entry) return { stored: Promise.resolve(on.log.decided) };
      apply(entry);
      return publishTo(topics, on, topics.pack(entry));
    },
    read(select) {
      opened();
      return select(view.doc);
    },
    get vector() {
      opened();
      return writeVector(authority.vector);
    },
    get updates() {
      return [...authority.updates];
    },
    encode(since) {
      opened();
      const { updates } = authority;
      if (!since && updates.length === 1) return updates[0] as Uint8Array;
      return Y.encodeStateAsUpdate(view.doc, since);
    },
    compact,
    flush: () => telling.flush(),
    get versions() {
      if (!kept) throw new SyncError("unsupported", `"${name}" keeps no versions: give the option \`versions\`.`);
      return kept.handle;
    },
  };
  onHandle(handle);
  kept = versions?.of({
    name,
    ready: handle.ready,
    stored: () => authority.snapshot(told.updates, told.owners),
    current: () => view.doc,
    owners: () => authority.owners,
    transact: handle.transact,
    join: joiner.join,
  });

  const ready = (on: Topic): Hosted => {
    topic = on;
    return {
      topic: on,
      decide(op, { user, nowMs }) {
        const owner = ownerOf(name, user as User);
        const entry = authority.decide(op, owner, nowMs);
        if (entry) kept?.wrote(owner, user as User);
        return entry;
      },
      apply: (entry) => apply(entry as DocEntry),
      close() {
        telling.cancel();
        compacting.cancel();
        kept?.close();
        view.drop();
      },
    };
  };
  return created instanceof Promise ? created.then(ready) : ready(created);
}

const owners = new WeakMap<User, Map<string, string>>();

/** Tells one user of a topic from another, to readers too, and does not tell who it is. */
function ownerOf(topic: string, user: User): string {
  if (isGuest(user)) return guestOwner;
  let own = owners.get(user);
  if (!own) {
    own = new Map();
    owners.set(user, own);
  }
  let owner = own.get(topic);
  if (owner === undefined) {
    owner = createHash("sha256")
      .update(JSON.stringify([topic, user.id]))
      .digest("hex")
      .slice(0, 24);
    own.set(topic, owner);
  }
  return owner;
}
