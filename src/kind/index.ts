/**
 * `sente-sync/kinds`: kinds of your own. `fold` makes one from pure functions; `defineTopic` of `sente-sync` names topics of it,
 * and `topic` of `sente-sync/server` and `sente-sync/client` serves and holds them.
 *
 * Rules: docs/protocol/kinds.md KIND1-KIND18, FOLD1-FOLD9.
 */
export { type Decided, type Fold, type FoldAuthority, type FoldHooks, type FoldOptions, fold } from "./fold.ts";
export type { Authority, CatchUp, Replica, Snapshot, WriteContext } from "./kind.ts";
