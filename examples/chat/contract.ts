/** What the chat's server and its pages share. */
import { defineAtom, defineChannel, defineEvents, type } from "sente-sync";

/** A message as its writer made it. */
export interface Said {
  /** Made by the writer, so that one who waits for a message knows it when it comes. */
  readonly id: string;
  /** A name, taken on trust: this chat has no passwords. */
  readonly by: string;
  readonly text: string;
  /** The writer's wall clock. */
  readonly atMs: number;
}

/** The process that serves. */
export interface Life {
  readonly pid: number;
  readonly starts: number;
  /** From the death of the one before until this one served. */
  readonly downMs: number;
}

const noNames: readonly string[] = [];
const noMarks: Readonly<Record<string, number>> = {};
const nobody: Life = { pid: 0, starts: 0, downMs: 0 };

// #region contract
/** What is said in a room: stored, in one order, the same for everybody. */
export const room = defineChannel("chat/room/:room", { events: { said: type<Said>() } });

export const rooms = defineAtom("chat/rooms", { initial: noNames });

/** Everybody who was ever here; who is here now. */
export const people = defineAtom("chat/people", { initial: noNames });
export const present = defineAtom("chat/present", { initial: noNames });

/** How far one person has read, by place: an offset of the room, or of that person's inbox. */
export const marks = defineAtom("chat/marks/:user", { initial: noMarks });

export const events = defineEvents({
  /** To one person, by way of that person's inbox. */
  "chat/direct": { data: type<Said & { readonly to: string }>() },
  "chat/read": { data: type<{ readonly place: string; readonly offset: number }>() },
  /** Answered with the room's name; null: no room can have that one. */
  "chat/create": { data: type<string>(), reply: type<string | null>() },
});
// #endregion

export const life = defineAtom("chat/life", { initial: nobody });

export const maxTextLength = 2000;
