/** `sente-sync`: definitions, values and errors; imported by both sides, runs nothing. */
export {
  type ChannelEvents,
  type Definition,
  type DoneCall,
  defineAtom,
  defineChannel,
  defineDoc,
  defineForm,
  defineRoom,
  defineShared,
  defineStore,
  type Mutation,
  type MutationArgs,
  type MutationContext,
  type Mutations,
  type Params,
  type Pattern,
  type Ref,
  type RefOrName,
  type RoomShape,
  type StoreDefinition,
  type StoreShape,
  type UndoCall,
} from "./core/definitions.ts";
export { type ErrorCode, errorCodes, isSyncError, type Retry, SyncError } from "./core/errors.ts";
export {
  type AnyEvents,
  type DataArgs,
  defineEvents,
  type EventData,
  type EventInput,
  type EventName,
  type Events,
  type ReplyData,
} from "./core/events.ts";
export type { Draft, FieldName, FieldValue, FormDefinition, FormShape } from "./core/form.ts";
// A star, so that an application's `declare module "sente-sync"` reaches the interface.
export * from "./core/register.ts";
export { type InputOf, type OutputOf, type Schema, type } from "./core/schema.ts";
export { BigDecimal, Char, Keyword, keyword, List, Ratio, Sym, Tagged, Uuid } from "./core/values.ts";
export type { Migration, Migrations, Versioned, VersionGap } from "./core/versions.ts";
export { defineTopic, type OwnShape } from "./kind/define-topic.ts";
export { orderBetween } from "./kind/order.ts";
// The boundaries, for packers, transports and storages of one's own.
export type {
  AppendPart,
  AppendResult,
  Durability,
  Log,
  LogOptions,
  LogRecord,
  OpenLog,
  Position,
  Retention,
  Storage,
  StorageHost,
  StoredSnapshot,
} from "./topic/log.ts";
export type { Connector, Frame, Transport, TransportHandlers } from "./transport/transport.ts";
export { equalValues } from "./wire/equal.ts";
export type { Packer, Seal, Splice } from "./wire/packer.ts";
