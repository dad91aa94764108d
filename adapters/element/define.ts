/**
 * `defineElements()`: makes the tags known to the page.
 *
 * Always: safe twice; a tag that somebody has defined already stays theirs. `<sente-client>` comes first, so that whoever stands in one
 * finds it.
 * Rules: docs/guides/web-components.md.
 */
import { SenteClient } from "./client.ts";
import { SenteAvatars, SenteCursors } from "./presence.ts";
import { SenteValue } from "./value.ts";

declare global {
  interface HTMLElementTagNameMap {
    "sente-client": SenteClient;
    "sente-value": SenteValue;
    "sente-cursors": SenteCursors;
    "sente-avatars": SenteAvatars;
  }
}

export function defineElements(): void {
  const tags = {
    "sente-client": SenteClient,
    "sente-value": SenteValue,
    "sente-cursors": SenteCursors,
    "sente-avatars": SenteAvatars,
  };
  for (const [name, element] of Object.entries(tags)) if (!customElements.get(name)) customElements.define(name, element);
}
