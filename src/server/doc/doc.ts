/**
 * `doc(sync, ref)` on the server: a Yjs document, kept as the bytes that its clients sent.
 *
 * An update is decoded, judged, logged and forwarded; a new reader is answered from stored bytes. A `Y.Doc` is built only for who asks.
 * Always: what is logged every client can integrate at once; readers are told what is stored.
 * Rules: docs/protocol/doc.md DOC1-DOC16, DOC55-DOC58.
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
import { declareKind, type Family, loadedTopic, type ParamValues } from "../family.ts";
import type { Authorize } from "../grants.ts";
import type { Hosted } from "../hosted.ts";
import { begun, type Published, publishTo, seeded } from "../published.ts";
import type { Topic } from "../topic.ts";
import { quiet } from "../topics.ts";
import { type AwarenessUpdate, awareness } from "./awareness.ts";
import { debounce } from "./debounce.ts";
import { firstUpdate } from "./first.ts";
import { changeHooks } from "./hooks.ts";
import { joinerOf } from "./joiner.ts";
import { isGuest } from "./peers/guests.ts";
import { declareSubdocs, type Subdocs, type SubdocsOptions } from "./subdocs.ts";
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
  /** It may take so long. Default 10,000: then readers are told to try again, as where it throws. */
  readonly loadTimeoutMs?: number;
  /** Fills a document that begins. Who seeds the same, here or elsewhere, makes the same structs, so two seeds are one. */
  readonly seed?: (doc: Y.Doc, context: DocContext<P>) => void;
  /** Called after changes, once they are stored and quiet for `debounceMs`. */
  readonly onChange?: (change: DocChange<P>) => void | Promise<void>;
  /** The same, for an application that keeps documents itself: `Y.encodeStateAsUpdate(document)`. */
  readonly onStoreDocument?: (change: DocChange<P>) => void | Promise<void>;
  /** The document was let go, because nobody used it, or deleted. It cannot be kept from that. */
  readonly afterUnloadDocument?: (context: DocContext<P>) => void | Promise<void>;
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
  /** Hooks of the documents within a document, each a topic of its own; who may do what there, `authorize` says. False: there are none. */
  readonly subdocuments?: SubdocsOptions<P> | false;
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
  /** The document of that guid within this one, loaded, or begun if there is none. Rejects with `unsupported` where there are none. */
  subdocument(guid: string): Promise<ServerDoc>;
}

/** A server's handle of a pattern of documents. */
export interface DocFamily<P> extends Family<ServerDoc, P> {
  /** Opens the document for as long as it takes to edit it; resolves when that is stored. */
  transact(params: P, run: (doc: Y.Doc) => void): Promise<void>;
  /** The versions of the document, which stays loaded until it is released. */
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
  const grants = { authorize: options.authorize, writeAction: "write", durability: options.durability } as const;
  const ref = toRef("doc", target as Ref<"doc", unknown> | string) as Ref | Pattern<"doc", unknown, never>;
  const policy = options.versions;
  const versions = policy && declareVersions(core, server, ref.pattern, { ...options, versions: policy });
  const subdocs = options.subdocuments === false ? undefined : declareSubdocs(core, server, ref.pattern, options, doc);
  const handle = declareKind<ServerDoc>(core, "doc", target, grants, (name, params, onHandle) =>
    hostDoc(core, name, params as never, options, versions, subdocs, onHandle),
  );
  const { authorize, onAwarenessUpdate } = options;
  const forget = awareness(server, target, { authorize, onAwarenessUpdate });
  if (typeof ref !== "function") return handle as ServerDoc;
  const family = handle as Family<ServerDoc, never>;
  const transact: DocFamily<never>["transact"] = async (params, run) => {
    await family.use(params, (handle) => handle.transact(run).stored);
  };
  const remove: DocFamily<never>["delete"] = (params) => {
    family.delete(params);
    forget(params);
    versions?.delete(ref(params).topic);
    subdocs?.delete(params);
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
  subdocs: Subdocs | undefined,
  onHandle: (handle: ServerDoc) => void,
): Hosted | Promise<Hosted> {
  const { topics, env } = core;
  const { debounceMs = 2000, maxDebounceMs = 10_000, loadTimeoutMs = 10_000 } = options;
  const context: DocContext<never> = { topic: name, params };
  const authority = new DocAuthority(options.limits);
  const report = (error: unknown): void => core.report(error, name);
  const view = new DocView(authority, env, report);
  let topic: Topic | undefined;
  /** Decided and not yet in the log. */
  let decided: DocEntry[] = [];
  /** How much of the authority readers are told. */
  const told = { updates: 0, owners: 0 };
  let compactedBytes = 0;
  let kept: KeptVersions | undefined;
  const joiner = joinerOf(core);

  const tell = (hook: (change: DocChange<never>) => void | Promise<void>) => (updates: readonly Uint8Array[]) =>
    hook({
      ...context,
      updates,
      get document() {
        return view.doc;
      },
    });
  const hooks = changeHooks(
    env,
    [options.onChange, options.onStoreDocument].flatMap((hook) => (hook ? [tell(hook)] : [])),
    { debounceMs, maxDebounceMs, whole: () => Y.encodeStateAsUpdate(view.doc), report },
  );

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
  core.ends.add(compacting.cancel);
  const compactLater = (): void => {
    if (core.ended) return;
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
    opened.onRecords((_first, records) => {
      for (const entry of decided.splice(0, records.length)) {
        told.updates++;
        if (!(entry instanceof Uint8Array)) told.owners += entry.length - 2;
        hooks.stored(entry instanceof Uint8Array ? entry : entry[0]);
      }
      kept?.changed();
      compactLater();
    });
    return opened;
  };
  const begin = async (opened: Topic): Promise<Topic> => {
    const { onLoadDocument, seed } = options;
    if (opened.log.decided > 0) return opened;
    const ask = async (): Promise<Uint8Array | undefined> =>
      (await onLoadDocument?.(context)) ?? (seed && seedUpdate((empty) => seed(empty, context)));
    const first = await firstUpdate(env, ask, { name, timeoutMs: loadTimeoutMs, report });
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
  const start = (opened: Topic): Topic | Promise<Topic> => {
    if (!options.onLoadDocument && !options.seed) return follow(opened);
    return begun(opened, () => begin(follow(opened)));
  };
  const created = made instanceof Promise ? made.then(start) : start(made);

  const opened = (): Topic => loadedTopic(topic, `Document "${name}"`);
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
    flush: hooks.flush,
    get versions() {
      if (!kept) throw new SyncError("unsupported", `"${name}" keeps no versions: give the option \`versions\`.`);
      return kept.handle;
    },
    async subdocument(guid) {
      if (!subdocs) throw new SyncError("unsupported", `"${name}" has no documents within it.`);
      return subdocs.open(params, guid);
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
      // What it began with in memory it might not begin with again.
      isBusy: () => compacting.isDue || kept?.isBusy === true || (on.log.durability === "memory" && told.updates > 0),
      isDue: () => hooks.isDue,
      runDue: hooks.flush,
      close() {
        hooks.cancel();
        compacting.cancel();
        core.ends.delete(compacting.cancel);
        kept?.close();
        view.drop();
        void Promise.resolve()
          .then(() => options.afterUnloadDocument?.(context))
          .catch(report);
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
