/**
 * Documents within documents, on the server: each is a document of its own, declared with the one that it is in.
 *
 * Always: who may read or write the outer document may do the same with those within; what is no guid is refused.
 * Rules: docs/protocol/doc.md DOC51, DOC53, DOC66.
 */
import type * as Y from "yjs";
import { type Pattern, topicName } from "../../core/definitions.ts";
import { SyncError } from "../../core/errors.ts";
import { guidParam, isGuid, subdocTopic } from "../../kind/doc/subdoc.ts";
import { companion } from "../companion.ts";
import type { ServerCore } from "../core.ts";
import type { ParamValues } from "../family.ts";
import type { DocChange, DocContext, doc, ServerDoc, ServerDocOptions } from "./doc.ts";

/** The params are those of the outer document. */
export interface SubdocContext<P> extends DocContext<P> {
  readonly guid: string;
}

export interface SubdocsOptions<P> {
  /** What one begins with where nothing is stored: a Yjs update. Once in its life. */
  readonly onLoadDocument?: (context: SubdocContext<P>) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Called after changes, as the outer document's are. */
  readonly onChange?: (change: DocChange<P> & SubdocContext<P>) => void | Promise<void>;
  readonly onStoreDocument?: (change: DocChange<P> & SubdocContext<P>) => void | Promise<void>;
}

/** Those of one declaration. */
export interface Subdocs {
  open(params: ParamValues, guid: string): Promise<ServerDoc>;
  /** Done with what one `open` gave. */
  release(params: ParamValues, guid: string): void;
  /** All that are within the document of those params. */
  delete(params: ParamValues): void;
}

type Declare = typeof doc;
type SubParams = ParamValues & { readonly [guidParam]: string };

export function declareSubdocs(
  core: ServerCore,
  server: object,
  outer: string,
  options: ServerDocOptions<never>,
  declare: Declare,
): Subdocs {
  const { topics } = core;
  const pattern = subdocTopic(outer, `:${guidParam}`);
  const subdocs: Pattern<"doc", Y.Doc, SubParams> = companion("doc", pattern, outer, true);

  const within = <C extends Pick<DocContext<SubParams>, "params">>(context: C): C & SubdocContext<never> => {
    const { [guidParam]: guid, ...params } = context.params;
    // What builds the document when it is read stays so.
    return Object.defineProperties(Object.create(context) as C & SubdocContext<never>, {
      params: { value: params, enumerable: true },
      guid: { value: guid, enumerable: true },
    });
  };
  const { onLoadDocument, onChange, onStoreDocument } = options.subdocuments || {};
  const { authorize, onAwarenessUpdate, ...rest } = options;
  const own: Partial<ServerDocOptions<SubParams>> = {
    subdocuments: false,
    authorize(request) {
      const { [guidParam]: guid, ...params } = request.params;
      if (!isGuid(guid)) return false;
      return authorize ? authorize({ ...request, topic: topicName(outer, params), params }) : true;
    },
    ...(onAwarenessUpdate && { onAwarenessUpdate: (update) => onAwarenessUpdate(within(update)) }),
    ...(onLoadDocument && { onLoadDocument: (context) => onLoadDocument(within(context)) }),
    ...(onChange && { onChange: (change) => onChange(within(change)) }),
    ...(onStoreDocument && { onStoreDocument: (change) => onStoreDocument(within(change)) }),
  };
  const { durability, retention, limits, debounceMs, maxDebounceMs } = rest;
  const shared = { durability, retention, limits, debounceMs, maxDebounceMs } as Partial<ServerDocOptions<SubParams>>;
  const family = declare(server, subdocs, { ...shared, ...own });

  const remove = async (params: ParamValues): Promise<void> => {
    const prefix = subdocTopic(topicName(outer, params), "");
    const names = [...topics.names(), ...(await topics.stored(prefix))].filter((name) => name.startsWith(prefix));
    // Below each of them stands the room of those who are at it.
    for (const guid of new Set(names.map((name) => name.slice(prefix.length)).filter(isGuid))) {
      const one = { ...params, [guidParam]: guid };
      // What is stored is deleted once it is open.
      await family.open(one);
      family.delete(one);
    }
  };
  return {
    async open(params, guid) {
      if (!isGuid(guid)) throw new SyncError("invalid", "A guid is 1 to 64 letters, digits, - and _.");
      return family.open({ ...params, [guidParam]: guid });
    },
    release: (params, guid) => family.release({ ...params, [guidParam]: guid }),
    delete(params) {
      remove(params).catch((error: unknown) => core.report(error, topicName(outer, params)));
    },
  };
}
