/** `sente-sync/svelte`: what the server keeps, as objects with a reactive `current` that are stores as well. */
export { channel, type LiveChannel, listen } from "./channel.ts";
export { type AnyClient, getClient, setClient } from "./client.ts";
export { inbox, type LiveInbox } from "./inbox.ts";
export type { Live, OrGetter } from "./live.ts";
export { type LiveTopic, topic } from "./own-topic.ts";
export { type LiveRequest, type RequestState, request } from "./request.ts";
export { status, user } from "./status.ts";
export { atom, type LiveShared, type LiveStore, shared, store, topicStatus } from "./topic.ts";
export { rejectedWrites, syncStatus } from "./writes.ts";
