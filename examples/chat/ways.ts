/** Small ways of the page that React and Svelte share. */
import type { Place } from "./me.ts";
import type { Message } from "./messages.ts";

export function hintFor({ isRoom, name }: Place, isAway: boolean): string {
  if (isRoom) return "What you write while the line is down goes out when it is back.";
  return isAway ? `${name} is away. What you write waits in ${name}'s inbox.` : `Only ${name} and you read this.`;
}

export const noName = "A name begins with a letter or a digit, and has at most 24 of them.";

const states: Record<Message["state"], string> = { sending: "Sending", stored: "Stored", refused: "Not sent" };

export const stateName = (state: Message["state"], why: string | undefined): string =>
  why === undefined ? states[state] : `${states[state]}: ${why}`;

/** Presses the button whenever it scrolls into view. Returns how to stop. */
export function whenSeen(button: HTMLElement): () => void {
  const observer = new IntersectionObserver((seen) => seen.some(({ isIntersecting }) => isIntersecting) && button.click());
  observer.observe(button);
  return () => observer.disconnect();
}
