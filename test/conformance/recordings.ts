/**
 * Sente sessions as they were recorded between real peers (test/conformance/vectors), in one form.
 *
 * Always: steps are in the order seen; a line is one WebSocket of the session, counted from 1, as are its HTTP exchanges.
 */
import { readFileSync } from "node:fs";

export type Step =
  | { readonly type: "open"; readonly line: number; readonly path: string }
  | {
      readonly type: "frame";
      readonly line: number;
      readonly from: "client" | "server";
      readonly text: string;
      /** Of a binary frame, which has no text. */
      readonly bytes?: Uint8Array;
    }
  | { readonly type: "close"; readonly line: number; readonly from: "client" | "server"; readonly code: number };

export type HttpStep =
  | {
      readonly type: "request";
      readonly id: number;
      readonly method: string;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array;
    }
  | { readonly type: "response"; readonly id: number; readonly status: number; readonly body: Uint8Array };

export interface Recording {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Of a session that polls. */
  readonly http: readonly HttpStep[];
  /** Sente's own names. */
  readonly serverOptions: {
    readonly "ws-kalive-ms"?: number;
    readonly "ws-ping-timeout-ms"?: number;
    readonly "lp-timeout-ms"?: number;
    readonly "csrf"?: string;
  };
  /** Sente's name of it, `gzip-msgpack`. */
  readonly packer: string;
}

function load(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`vectors/${file}`, import.meta.url), "utf8"));
}

interface ProxyStep {
  readonly kind: string;
  readonly id: number;
  readonly url?: string;
  readonly from?: string;
  readonly text?: string;
  readonly hex?: string;
  readonly code?: number;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly body_text?: string;
  readonly body_hex?: string;
}

/** A session from behind the proxy, by name. */
export function exchange(name: string): Recording {
  const { exchanges } = load("exchanges-sente.json") as {
    exchanges: { name: string; packer: string; server_opts: object; steps: ProxyStep[] }[];
  };
  const found = exchanges.find((each) => each.name === name);
  if (!found) throw new Error(`No exchange ${name}`);
  const closed = new Set<number>();
  const http = found.steps.flatMap((step): HttpStep[] => {
    const { kind, id, method = "", url: path = "", headers = {}, status = 0 } = step;
    const body = step.body_hex === undefined ? Buffer.from(step.body_text ?? "") : Buffer.from(step.body_hex, "hex");
    if (kind === "http-request") return [{ type: "request", id, method, path, headers, body }];
    return kind === "http-response" ? [{ type: "response", id, status, body }] : [];
  });
  const steps = found.steps.flatMap(({ kind, id, url = "", from = "", text = "", hex, code = 0 }): Step[] => {
    const side = from.startsWith("client") ? "client" : "server";
    if (kind === "ws-upgrade-request") return [{ type: "open", line: id, path: url }];
    if (kind === "ws-frame") {
      const bytes = hex === undefined ? {} : { bytes: Buffer.from(hex, "hex") };
      return [{ type: "frame", line: id, from: side, text, ...bytes }];
    }
    // The proxy saw both sockets close; who was first closed it.
    if (kind !== "ws-close" || closed.has(id)) return [];
    closed.add(id);
    return [{ type: "close", line: id, from: side, code }];
  });
  return { name, steps, http, serverOptions: found.server_opts, packer: found.packer };
}

interface RawStep {
  readonly from: "client" | "server";
  readonly upgrade_path?: string;
  readonly text?: string;
  readonly close_code?: number;
}

/** The sessions of the scripted client. */
export function rawSessions(): readonly Recording[] {
  const { sessions } = load("raw-ws-sessions-sente.json") as { sessions: { source: string; steps: RawStep[] }[] };
  return sessions.map(({ source, steps }) => {
    const options = [...source.matchAll(/(ws-[a-z-]+-ms) (\d+)/g)].map(([, name, value]) => [name, Number(value)]);
    const converted = steps.map(({ from, upgrade_path, text, close_code }): Step => {
      if (upgrade_path !== undefined) return { type: "open", line: 1, path: upgrade_path };
      if (close_code !== undefined) return { type: "close", line: 1, from, code: close_code };
      return { type: "frame", line: 1, from, text: text as string };
    });
    // One of them begins with the handshake, whose user id tells who connected.
    if (converted[0]?.type !== "open") converted.unshift({ type: "open", line: 1, path: "/chsk?client-id=raw1&uid=na" });
    return {
      name: source,
      steps: converted,
      http: [],
      serverOptions: Object.fromEntries(options) as Recording["serverOptions"],
      packer: "edn",
    };
  });
}
