/** `sente-sync/server`: createServer, and every kind that needs no peer package. */
export { derived, type Readable, type Unsubscribe } from "../core/store.ts";
export type { Recipe } from "../kind/produce.ts";
export type { Capabilities } from "../session/capabilities.ts";
export type { LongPollOptions } from "./ajax.ts";
export { type AtomFamily, atom, type ServerAtom, type ServerAtomOptions } from "./atom.ts";
export type { CapabilityOptions } from "./capable.ts";
export { type ChannelFamily, channel, type ServerChannel, type ServerChannelOptions, type ServerMessage } from "./channel.ts";
export type { Action, Authorize, AuthorizeRequest } from "./grants.ts";
export type { EventContext, Peer } from "./handlers.ts";
export type { AttachOptions, ListenOptions, Reject, RequestHandler } from "./http.ts";
export { defaultKeepalive, type KeepaliveOptions } from "./keepalive.ts";
export { defaultLimits, type ServerLimits } from "./limits.ts";
export { configScript, type PageConfigOptions } from "./page-config.ts";
export { type PortFile, readPortFile } from "./port-file.ts";
export type { Refusal, RequestContext } from "./request.ts";
export { createServer, type Server, type ServerOptions, type ServerStats } from "./server.ts";
export type { ConnectedUsers } from "./users.ts";
