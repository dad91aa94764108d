/** `sente-sync/server`: createServer, and every kind that needs no peer package. */
export { derived, type Readable, type Unsubscribe } from "../core/store.ts";
export type { Recipe } from "../kind/produce.ts";
export { type AtomFamily, atom, type ServerAtom, type ServerAtomOptions } from "./atom.ts";
export { type ChannelFamily, channel, type ServerChannel, type ServerChannelOptions, type ServerMessage } from "./channel.ts";
export type { Action, Authorize, AuthorizeRequest } from "./grants.ts";
export type { EventContext, Peer } from "./handlers.ts";
export type { AttachOptions } from "./http.ts";
export { defaultKeepalive, type KeepaliveOptions } from "./keepalive.ts";
export { defaultLimits, type ServerLimits } from "./limits.ts";
export { createServer, type Server, type ServerOptions, type ServerStats } from "./server.ts";
