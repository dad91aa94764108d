/** `sente-sync/server`: createServer, and every kind that needs no peer package. */
export { derived, type Readable, type Unsubscribe } from "../core/store.ts";
export type { InboxRetention } from "../kind/inbox-authority.ts";
export type { Recipe } from "../kind/produce.ts";
export type { Capabilities } from "../session/capabilities.ts";
export type { LongPollOptions } from "./ajax.ts";
export { atom, type ServerAtom, type ServerAtomOptions } from "./atom.ts";
export type { CapabilityOptions } from "./capable.ts";
export {
  type ChannelFamily,
  channel,
  type Published,
  type ServerChannel,
  type ServerChannelOptions,
  type ServerMessage,
} from "./channel.ts";
export type { Subscribers } from "./channel-readers.ts";
export type { Wildcards } from "./channel-wildcards.ts";
export type { Family } from "./family.ts";
export type { Action, Authorize, AuthorizeRequest, Grant } from "./grants.ts";
export type { DeadJob, GroupOptions, GroupStats } from "./groups.ts";
export type { EventContext, Peer } from "./handlers.ts";
export type { AttachOptions, ListenOptions, Reject, RequestHandler } from "./http.ts";
export { type InboxCounters, type InboxOptions, inbox, type Notified, type ServerInbox } from "./inbox.ts";
export { defaultKeepalive, type KeepaliveOptions } from "./keepalive.ts";
export { defaultLimits, type ServerLimits } from "./limits.ts";
export type { ServerOptions } from "./options.ts";
export { type ServerTopic, type ServerTopicOptions, type TopicCheck, topic } from "./own-topic.ts";
export { configScript, type PageConfigOptions } from "./page-config.ts";
export { type PortFile, readPortFile } from "./port-file.ts";
export { presence, type ServerRoom, type ServerRoomOptions } from "./presence.ts";
export type { PresenterOptions } from "./presence-director.ts";
export { defaultPresenceLimits, type PresenceCounters, type PresenceLimits } from "./presence-limits.ts";
export type { NearOptions } from "./presence-near.ts";
export type { Refusal, RequestContext } from "./request.ts";
export { createServer, type Server, type ServerStats } from "./server.ts";
export {
  type ServerShared,
  type ServerSharedOptions,
  type ServerSharedWrite,
  type SharedChange,
  type SharedFamily,
  type SharedWrite,
  shared,
} from "./shared.ts";
export { type ServerStore, type ServerStoreOptions, type StoreCheck, store } from "./store.ts";
export type { ConnectedUsers } from "./users.ts";
