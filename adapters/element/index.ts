/** `sente-sync/element`: custom elements for pages without a framework. For browsers; loading it defines nothing, `defineElements()` does. */
export { type Followed, SenteElement } from "./base.ts";
export { type AnyClient, SenteClient } from "./client.ts";
export { defineElements } from "./define.ts";
export { SenteAvatars, SenteCursors } from "./presence.ts";
export { SenteValue } from "./value.ts";
