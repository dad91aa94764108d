/**
 * The messages of one place as a page shows them: what is stored, in its order, and after it what is on its way.
 *
 * Always: a message is there once, however often it comes; one that was on its way becomes the stored one with the same id.
 */
import type { Said } from "./contract.ts";

export interface Message extends Said {
  /** Its place in the room or in the inbox; 0 while it has none. */
  readonly offset: number;
  readonly state: "sending" | "stored" | "refused";
  /** Why it was refused. */
  readonly why?: string;
}

export interface Messages {
  readonly list: readonly Message[];
  readonly isLoaded: boolean;
  readonly hasOlder: boolean;
  /** The newest when the page came: who has never read here finds nothing new in what was before. */
  readonly cameAt: number;
}

export const noMessages: Messages = { list: [], isLoaded: false, hasOlder: false, cameAt: 0 };

/** Puts stored messages where they belong. */
export function withStored(messages: Messages, stored: readonly Message[]): Messages {
  const byId = new Map(messages.list.map((message) => [message.id, message]));
  for (const message of stored) byId.set(message.id, message);
  const all = [...byId.values()];
  const list = all.filter(({ offset }) => offset).sort((one, other) => one.offset - other.offset);
  return { ...messages, list: [...list, ...all.filter(({ offset }) => !offset)] };
}

export function withSending(messages: Messages, said: Said): Messages {
  return { ...messages, list: [...messages.list, { ...said, offset: 0, state: "sending" }] };
}

/** A page of the past is there, the first one or an earlier one. */
export function withPast(messages: Messages, hasOlder: boolean): Messages {
  return { ...messages, isLoaded: true, hasOlder, cameAt: messages.isLoaded ? messages.cameAt : newestOf(messages) };
}

/** What became of one that was on its way. */
export function withOutcome(messages: Messages, id: string, why?: string): Messages {
  const outcome = why === undefined ? { state: "stored" as const } : { state: "refused" as const, why };
  const list = messages.list.map((message) => (message.id === id && !message.offset ? { ...message, ...outcome } : message));
  return { ...messages, list };
}

export const newestOf = ({ list }: Messages): number => list.reduce((newest, { offset }) => Math.max(newest, offset), 0);

/** How many of others came after the mark. */
export function unreadOf({ list, cameAt }: Messages, mark: number | undefined, me: string): number {
  return list.filter(({ offset, by }) => by !== me && offset > (mark ?? cameAt)).length;
}

/** A line for the reader: a day, or a message, with its head or right below one of the same person. */
export type Line =
  | { readonly key: string; readonly day: string }
  | { readonly key: string; readonly message: Message; readonly isFirst: boolean };

const togetherMs = 5 * 60_000;

export function linesOf({ list }: Messages, nowMs: number): readonly Line[] {
  const lines: Line[] = [];
  let before: Message | undefined;
  for (const message of list) {
    const day = dayOf(message.atMs, nowMs);
    const isNewDay = !before || dayOf(before.atMs, nowMs) !== day;
    if (isNewDay) lines.push({ key: `day ${message.id}`, day });
    const isFirst = isNewDay || before?.by !== message.by || message.atMs - before.atMs > togetherMs;
    lines.push({ key: message.id, message, isFirst });
    before = message;
  }
  return lines;
}

const dayMs = 24 * 3_600_000;
const midnight = (atMs: number): number => new Date(atMs).setHours(0, 0, 0, 0);

export function dayOf(atMs: number, nowMs: number): string {
  const days = Math.round((midnight(nowMs) - midnight(atMs)) / dayMs);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return new Date(atMs).toLocaleDateString("en", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

export const timeOf = (atMs: number): string =>
  new Date(atMs).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
