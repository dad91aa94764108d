/** Live values outside of components, in the guide "Svelte". */
import type { Client } from "sente-sync/client";
// #region plain
import { atom } from "sente-sync/svelte";
import { derived } from "svelte/store";
import { stats } from "./contract.ts";

export function createTitle(client: Client) {
  const visitors = atom(client, stats, (value) => value.visitors); // the client first: no context is needed
  return derived(visitors, (count) => `(${count ?? 0}) My page`); // any store will do
}
// #endregion
