/** `sente-sync/doc`: Yjs documents on a client. It needs the package `yjs`. */
export type { DocVersion } from "../../kind/doc/version.ts";
export type { Author, DiffOfParts, DiffOfValue, DiffPart, DocDiff } from "../../kind/doc/version-diff.ts";
export { type ClientDoc, type DocOptions, doc } from "./doc.ts";
export { ofOneYjs } from "./one-yjs.ts";
export type { OpenTabLine, TabLine } from "./tab-line.ts";
export { type TabsState, tab } from "./tabs.ts";
export { bindText, type TextField } from "./textarea.ts";
export { remote, type ShownFrom } from "./topic.ts";
export type { ClientVersions } from "./versions.ts";
