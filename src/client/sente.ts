/**
 * Sente's state map, for code that was written against Sente: the same facts as `client.status`, in Sente's words.
 * Rules: docs/protocol.md LINE8. Source: sente-wire section 10.
 */
import type { Readable } from "../core/store.ts";
import { createStore } from "../core/store.ts";
import { type Client, coreOf } from "./client.ts";

export interface SenteState {
  /** How it is or was connected last. */
  readonly type: "ws" | "ajax";
  readonly open: boolean;
  readonly everOpened: boolean;
  readonly uid: unknown;
  readonly handshakeData: unknown;
  /** Written when an open line closes. */
  readonly lastClose: { readonly udt: number; readonly reason: string } | undefined;
  readonly lastWsError: { readonly udt: number } | undefined;
  readonly lastWsClose:
    | { readonly udt: number; readonly code: number; readonly reason: string; readonly clean: boolean }
    | undefined;
  /** Wall clock, ms, while a try is waited for. */
  readonly udtNextReconnect: number | undefined;
}

/** A store of the state map; it follows the client from now on. */
export function senteState(client: Pick<Client, "status" | "on">): Readable<SenteState> {
  const { env, facts } = coreOf(client);
  let seen: unknown;
  let type: SenteState["type"] = "ws";
  let lastWsError: SenteState["lastWsError"];
  let lastWsClose: SenteState["lastWsClose"];
  let lastClose: SenteState["lastClose"];
  const read = (): SenteState => {
    const { name, retryAtMs, transport } = client.status.get();
    if (transport !== undefined) type = transport === "ajax" ? "ajax" : "ws";
    const { handshake, socketEnd } = facts;
    if (socketEnd && socketEnd !== seen) {
      const { code, reason } = socketEnd;
      if (code === 0) lastWsError = { udt: env.nowMs() };
      else lastWsClose = { udt: env.nowMs(), code, reason, clean: code === 1000 };
    }
    seen = socketEnd;
    return {
      type,
      open: name === "connected",
      everOpened: handshake !== undefined,
      uid: handshake?.[0],
      handshakeData: handshake?.[1],
      lastClose,
      lastWsError,
      lastWsClose,
      udtNextReconnect: retryAtMs,
    };
  };
  const store = createStore(read());
  const refresh = (): void => store.set(read());
  client.status.listen(refresh);
  client.on("disconnect", ({ reason }) => {
    lastClose = { udt: env.nowMs(), reason };
    refresh();
  });
  return store;
}
