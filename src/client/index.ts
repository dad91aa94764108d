/** `sente-sync/client`: createClient, and every kind that needs no peer package. For browsers and Node. */
export { derived, type Readable, type Unsubscribe } from "../core/store.ts";
export type { Capabilities } from "../session/capabilities.ts";
export { atom, type Change, type ClientAtom } from "./atom.ts";
export { type AnnounceOptions, announce, requireFeature, serverCapabilities, serverSupports } from "./capabilities.ts";
export { type ClientChannel, channel, type MessageOf, type SubscribeOptions } from "./channel.ts";
export {
  type Client,
  type ClientLimits,
  type ClientOptions,
  createClient,
  type EventMessage,
  type LifecycleEvents,
  type SendResult,
} from "./client.ts";
export type { Cause, Gap, TopicStatus } from "./held.ts";
export { type PageConfig, pageConfig } from "./page-config.ts";
export { type SenteState, senteState } from "./sente.ts";
export type { ClientStatus, ClientStatusName } from "./status.ts";
export { type Upgrade, type UpgradeOptions, upgrade } from "./upgrade.ts";
export type { Receipt, ReceiptStatus } from "./writes.ts";
