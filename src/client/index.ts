/** `sente-sync/client`: createClient, and every kind that needs no peer package. For browsers and Node. */
export { derived, type Readable, type Unsubscribe } from "../core/store.ts";
export type { ClientAddress } from "../kind/inbox.ts";
export type { Capabilities } from "../session/capabilities.ts";
export { atom, type ClientAtom } from "./atom.ts";
export { batch } from "./batch.ts";
export { type AnnounceOptions, announce, requireFeature, serverCapabilities, serverSupports } from "./capabilities.ts";
export { type ClientChannel, channel, type MessageOf } from "./channel.ts";
export type { History, HistoryOptions } from "./channel-past.ts";
export type { Position, SubscribeOptions } from "./channel-readers.ts";
export { type ClientChannels, channels, type WildcardMessageOf } from "./channels.ts";
export { type Client, createClient } from "./client.ts";
export type { ConsumeOptions, Consumer, ConsumerCounters, Job } from "./consume.ts";
export { type CopyCounts, copyCounts } from "./copy-counts.ts";
export type { EventMessage, LifecycleEvents, SendResult } from "./events.ts";
export type { Cause, Gap, TopicStatus } from "./held.ts";
export { createUndoHistory, type TopicPath, type UndoHistory, type UndoHistoryOptions, type Undone } from "./history.ts";
export { type ClientInbox, type InboxMessage, inbox } from "./inbox.ts";
export { type Area, type Nearby, near } from "./near.ts";
export type { ClientLimits, ClientOptions } from "./options.ts";
export type { ClientStorage } from "./outbox.ts";
export { type ClientTopic, topic } from "./own-topic.ts";
export { type PageConfig, pageConfig } from "./page-config.ts";
export { type Pointer, type PointerOptions, type Pointers, pointers } from "./pointers.ts";
export {
  type Member,
  type MemberStatus,
  type Presence,
  type PresenceOptions,
  presence,
  type RoomMessage,
  type RoomUser,
  type Self,
} from "./presence.ts";
export { type Presenter, presenter } from "./presenter.ts";
export type { ReadOnly } from "./read-only.ts";
export type { Durability, Receipt, ReceiptStatus } from "./receipt.ts";
export { type RejectedOptions, type RejectedWrite, type RejectedWrites, rejectedWrites } from "./rejected.ts";
export { type Relay, type RelayGroup, type RelayTarget, relay } from "./relay.ts";
export { type SenteState, senteState } from "./sente.ts";
export { type ClientShared, type SharedOptions, type SharedWriteOptions, shared } from "./shared.ts";
export type { Conflict } from "./shared-topic.ts";
export { type SignOutOptions, signOut } from "./sign-out.ts";
export type { ClientStatus, ClientStatusName } from "./status.ts";
export { type ClientStore, type Do, type StoreOptions, store } from "./store.ts";
export { preventUnload, type SyncStatus, syncStatus } from "./sync-status.ts";
export { undoHistory } from "./undo-history.ts";
export { type Upgrade, type UpgradeOptions, upgrade } from "./upgrade.ts";
export { type Change, topicStatus, type ValueHandle } from "./value-handle.ts";
