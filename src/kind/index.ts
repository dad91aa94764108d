/**
 * `sente-sync/kinds`: what a kind is, and `fold`, which makes one from two pure functions.
 *
 * The server hosts its own kinds so far; hosting an application's comes with `store`. Its two halves can be written,
 * run and tested already.
 * Rules: docs/protocol/kinds.md KIND1-KIND7, FOLD1-FOLD5.
 */
export { fold } from "./fold.ts";
export type { Authority, CatchUp, Replica, Snapshot, WriteContext } from "./kind.ts";
