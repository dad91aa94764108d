/**
 * Why a topic cannot be written from here, as a value: this client's code is of another version than the server's.
 *
 * Always: one store per topic; nothing while the topic can be written, as far as the server has said.
 * Rules: docs/protocol/versions.md VERSION5, VERSION7.
 */
import { createStore, type Readable } from "../core/store.ts";
import type { VersionGap } from "../core/versions.ts";
import type { ClientCore } from "./client.ts";
import type { Held } from "./held.ts";

export interface ReadOnly extends VersionGap {
  readonly code: "version";
}

const known = new WeakMap<Held, Readable<ReadOnly | undefined>>();

/** Asked for before the first subscription. */
export function readOnlyOf(core: ClientCore, topic: string, held: Held): Readable<ReadOnly | undefined> {
  let readOnly = known.get(held);
  if (!readOnly) {
    const store = createStore<ReadOnly | undefined>(undefined);
    const become = (gap: VersionGap | undefined): void =>
      core.attempt(() => store.set(gap && { code: "version", have: gap.have, need: gap.need }), topic);
    held.onNamed((answer) => become((answer as { readonly readOnly?: VersionGap }).readOnly));
    held.status.listen(() => {
      if (held.error?.code === "version") become(held.error.data as VersionGap);
    });
    readOnly = store;
    known.set(held, readOnly);
  }
  return readOnly;
}
