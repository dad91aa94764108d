/** A server with an atom and a room, and a page with a `<sente-client>` that is given a client of it. */
import { defineAtom, SyncError } from "sente-sync";
import type { Client } from "sente-sync/client";
import { defineElements, type SenteClient } from "sente-sync/element";
import { atom, presence, type ServerAtom } from "sente-sync/server";
import { onTestFinished } from "vitest";
import { createRoomWorld, type RoomWorld } from "../room.ts";

const initial: { visitors: number; last: { path: string }; secret?: string } = { visitors: 1, last: { path: "/" } };
const stats = defineAtom("stats", { initial });

export interface Page extends RoomWorld {
  readonly live: ServerAtom<typeof initial>;
  readonly ada: Client;
  readonly provider: SenteClient;
  /** What stands in the `<sente-client>`. */
  show(html: string): void;
}

/** `ada` is the client of the page. */
export function createPage(): Page {
  defineElements();
  const world = createRoomWorld();
  const live = atom(world.sync, stats);
  atom(world.sync, "secret", {
    initial: 0,
    authorize() {
      throw new SyncError("forbidden", "Not <b>you</b>.");
    },
  });
  presence(world.sync, "closed", { authorize: ({ action }) => action === "read" });
  const ada = world.client("ada");
  const provider = document.createElement("sente-client");
  provider.client = ada;
  document.body.append(provider);
  onTestFinished(() => document.body.replaceChildren());
  return {
    ...world,
    live,
    ada,
    provider,
    show(html) {
      provider.innerHTML = html;
    },
  };
}
