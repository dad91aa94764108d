/** Small ways of the page that React and Svelte share. */
import { maxTextLength } from "./contract.ts";
import type { Place } from "./me.ts";
import type { Message } from "./messages.ts";

/** The same colour in every window, by the name, which stands beside it. */
export function toneOf(name: string): string {
  let hash = 0;
  for (const char of name) hash = (hash * 411 + (char.codePointAt(0) ?? 0)) >>> 0;
  return `var(--tone-${(hash % 12) + 1})`;
}

export const initialOf = (name: string): string => /^./u.exec(name)?.[0] ?? "";

/** What a form's one field says; the field is empty after that. */
export function readField(form: HTMLFormElement): string {
  const field = form.elements.namedItem("text") as HTMLInputElement;
  const text = field.value.trim().slice(0, maxTextLength);
  field.value = "";
  return text;
}

export function hintFor({ isRoom, name }: Place, isAway: boolean): string {
  if (isRoom) return "What you write while the line is down goes out when it is back.";
  return isAway ? `${name} is away. What you write waits in ${name}'s inbox.` : `Only ${name} and you read this.`;
}

export const noName = "A name begins with a letter or a digit, and has at most 24 of them.";

const states: Record<Message["state"], string> = { sending: "Sending", stored: "Stored", refused: "Not sent" };

export const stateName = (state: Message["state"], why: string | undefined): string =>
  why === undefined ? states[state] : `${states[state]}: ${why}`;

export const savedName = (pending: number): string => (pending ? `${pending} on the way` : "All stored");

/** Presses the button whenever it scrolls into view. Returns how to stop. */
export function whenSeen(button: HTMLElement): () => void {
  const observer = new IntersectionObserver((seen) => seen.some(({ isIntersecting }) => isIntersecting) && button.click());
  observer.observe(button);
  return () => observer.disconnect();
}
