/** `sente-sync/client/outbox`: an outbox over a store of one's own, for where there is neither IndexedDB nor a disk. */
export { type ClientStorage, type OutboxOptions, outbox } from "../outbox.ts";
export type { OpenOutboxStore, OutboxRecord, OutboxStore, Row, RowChange } from "./store.ts";
