/**
 * Serves one document: an update is decoded, judged, logged and forwarded; a new reader is answered from stored bytes. A `Y.Doc` is built
 * only for who asks.
 *
 * Always: what is logged every client can integrate at once; readers are told what is stored.
 * Rules: docs/protocol/doc.md DOC1-DOC16, DOC55-DOC58.
 */
import * as Y from "yjs";
import { SyncError } from "../../core/errors.ts";
import type { User } from "../../core/register.ts";
import { DocAuthority, type DocEntry, type DocSnapshot, readEntry, serverOwner } from "../../kind/doc/authority.ts";
import { writeVector } from "../../kind/doc/vector.ts";
import type { ServerCore } from "../core.ts";
import { loadedTopic, type OnHandle } from "../family.ts";
import type { Hosted } from "../hosted.ts";
import { begun, publishTo, seeded } from "../published.ts";
import type { Topic } from "../topic.ts";
import { quiet } from "../topics.ts";
import { createCompaction, type Told } from "./compaction.ts";
import type { DocChange, DocContext, ServerDoc, ServerDocOptions } from "./doc.ts";
import { firstUpdate } from "./first.ts";
import { changeHooks } from "./hooks.ts";
import { joinerOf } from "./joiner.ts";
import { ownerOf } from "./owners.ts";
import type { Subdocs } from "./subdocs.ts";
import type { KeptVersions, VersionsHost } from "./versions.ts";
import { DocView, seedUpdate } from "./view.ts";

export function hostDoc(
  core: ServerCore,
  name: string,
  params: never,
  options: ServerDocOptions<never>,
  versions: VersionsHost | undefined,
  subdocs: Subdocs | undefined,
  onHandle: OnHandle<ServerDoc>,
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
  const told: Told = { updates: 0, owners: 0 };
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

  const compaction = createCompaction(core, { authority, view, told, joiner, report });
  /** Those within it that the application has open. */
  const opened: string[] = [];
  let isClosed = false;

  const create = (): Topic | Promise<Topic> =>
    topics.create({
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
      compaction.grown();
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
      compaction.begun(first.length);
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
  let created: Topic | Promise<Topic>;
  const open = (): Hosted | Promise<Hosted> => {
    const made = create();
    created = made instanceof Promise ? made.then(start) : start(made);
    return created instanceof Promise ? created.then(ready) : ready(created);
  };

  const decide = (update: Uint8Array): DocEntry | undefined => {
    try {
      return authority.decide(update, serverOwner, env.nowMs());
    } catch (error) {
      // It has what is not taken.
      view.drop();
      throw error;
    }
  };
  const loaded = (): Topic => loadedTopic(topic, `Document "${name}"`);
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
    get ready() {
      return quiet(Promise.resolve(created).then(() => {}));
    },
    transact(run) {
      const on = loaded();
      if (on.fault) throw on.fault;
      const update = view.write(ownClientId(), run);
      const entry = update && decide(update);
      if (!entry) return { stored: Promise.resolve(on.log.decided) };
      apply(entry);
      return publishTo(topics, on, topics.pack(entry));
    },
    read(select) {
      loaded();
      return select(view.doc);
    },
    get vector() {
      loaded();
      return writeVector(authority.vector);
    },
    get updates() {
      return [...authority.updates];
    },
    encode(since) {
      loaded();
      const { updates } = authority;
      if (!since && updates.length === 1) return updates[0] as Uint8Array;
      return Y.encodeStateAsUpdate(view.doc, since);
    },
    compact: compaction.now,
    flush: hooks.flush,
    get versions() {
      if (!kept) throw new SyncError("unsupported", `"${name}" keeps no versions: give the option \`versions\`.`);
      return kept.handle;
    },
    async subdocument(guid) {
      if (!subdocs) throw new SyncError("unsupported", `"${name}" has no documents within it.`);
      const within = await subdocs.open(params, guid);
      if (isClosed) subdocs.release(params, guid);
      else opened.push(guid);
      return within;
    },
    releaseSubdocument(guid) {
      const at = opened.indexOf(guid);
      if (at < 0) return;
      opened.splice(at, 1);
      subdocs?.release(params, guid);
    },
  };
  kept = versions?.of({
    name,
    get ready() {
      return handle.ready;
    },
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
      isBusy: () => compaction.isDue || kept?.isBusy === true || (on.log.durability === "memory" && told.updates > 0),
      isDue: () => hooks.isDue,
      runDue: hooks.flush,
      close() {
        isClosed = true;
        for (const guid of opened) subdocs?.release(params, guid);
        hooks.cancel();
        compaction.close();
        kept?.close();
        view.drop();
        void Promise.resolve()
          .then(() => options.afterUnloadDocument?.(context))
          .catch(report);
      },
    };
  };
  onHandle(handle, open);
  return open();
}
