/** `sente-sync/doc/server`: Yjs documents on a server. It needs the package `yjs`. */
export type { DocLimits } from "../../kind/doc/authority.ts";
export type { DocVersion, VersionPolicy } from "../../kind/doc/version.ts";
export type { Author, DiffOfParts, DiffOfValue, DiffPart, DocDiff } from "../../kind/doc/version-diff.ts";
export type { AwarenessUpdate } from "./awareness.ts";
export { type DocChange, type DocContext, type DocFamily, doc, type ServerDoc, type ServerDocOptions } from "./doc.ts";
export type { SubdocContext, SubdocsOptions } from "./subdocs.ts";
export type { DocVersions } from "./versions.ts";
export { seedUpdate } from "./view.ts";
export { type WebhookEvent, type WebhookStats, type Webhooks, type WebhooksOptions, webhooks } from "./webhooks.ts";
