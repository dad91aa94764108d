/**
 * `doc(sync, ref)` on the server: Yjs documents, as an application declares, reads and edits them.
 *
 * Always: what stands beside a document, its room, its versions and the documents within it, is declared and deleted with it.
 * Rules: docs/protocol/doc.md DOC13-DOC16, DOC54, DOC66.
 */
import type * as Y from "yjs";
import { type Pattern, type Ref, toRef } from "../../core/definitions.ts";
import type { DocLimits } from "../../kind/doc/authority.ts";
import type { VersionPolicy } from "../../kind/doc/version.ts";
import type { Durability, Retention } from "../../topic/log.ts";
import { coreOf } from "../core.ts";
import { declareKind, type Family, type ParamValues } from "../family.ts";
import type { Authorize } from "../grants.ts";
import type { Published } from "../published.ts";
import { type AwarenessUpdate, awareness } from "./awareness.ts";
import { hostDoc } from "./host.ts";
import { declareSubdocs, type SubdocsOptions } from "./subdocs.ts";
import { type DocVersions, declareVersions } from "./versions.ts";

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
  /**
   * The document of that guid within this one, loaded, or begun if there is none; it stays loaded until `releaseSubdocument` was called as
   * often, or this one is let go. Rejects with `unsupported` where there are none.
   */
  subdocument(guid: string): Promise<ServerDoc>;
  /** Done with what one `subdocument` gave. */
  releaseSubdocument(guid: string): void;
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
