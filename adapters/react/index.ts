"use client";
/** `sente-sync/react`: a provider for the client, and hooks that read what the server keeps. */
export { useChannel, useEventListener } from "./channel.ts";
export { type Inbox, useInbox } from "./inbox.ts";
export { useTopic } from "./own-topic.ts";
export { type AnyClient, SyncProvider, type SyncProviderProps, useClient } from "./provider.ts";
export { type RequestState, useRequest } from "./request.ts";
export { useStatus, useUser } from "./status.ts";
export {
  type Undoable,
  useAtom,
  useCanRedo,
  useCanUndo,
  useRedo,
  useShared,
  useStore,
  useTopicStatus,
  useUndo,
  useUndoHistory,
} from "./topic.ts";
export { useRejectedWrites, useSyncStatus } from "./writes.ts";
