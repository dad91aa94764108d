"use client";
/** `sente-sync/react/presence`: who is in a room and what they do there, as hooks and two ready parts. */
export { colorOf } from "sente-sync/dom";
export {
  type RoomRef,
  useBroadcastEvent,
  useEventListener,
  useMyPresence,
  useOther,
  useOthers,
  useOthersMapped,
  useRoom,
  useRoomUsers,
  useSelf,
  useStale,
  useUpdateMyPresence,
} from "./hooks.ts";
export { type Following, type PointerHandlers, useFollow, usePointer, useTypingIndicator } from "./live.ts";
export { AvatarStack, type AvatarStackProps, Cursors, type CursorsProps } from "./parts.ts";
export { type PresenterView, usePresenter } from "./presenter.ts";
