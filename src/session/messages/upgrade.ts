/**
 * The `:chsk/*` messages by which two sides learn of each other and change to a better packer. None is Sente's own.
 *
 *   up    [:chsk/client-info {:capabilities {…}}]             after the handshake, if at all
 *         [:chsk/packer-capabilities {:supported [:edn …]}]
 *   down  [:chsk/packer-agreement {:chosen-packer :transit}]
 *   both  [:chsk/close {:reason "…" :supported [1]}]          the last message before a close
 *
 * The map of `client-info` is made and read by `announcement` and `readAnnouncement` (capabilities.ts), as handshake data is.
 * Always: a reader returns `undefined` for data of any other shape and never throws.
 * Rules: docs/protocol/capabilities.md CAP13-CAP16.
 */
import { Keyword, List } from "../../core/values.ts";
import { fieldsOf, readName, readNames } from "../capabilities.ts";
import type { Refusal } from "../negotiate.ts";

export const upgrade = {
  clientInfo: "chsk/client-info",
  packerCapabilities: "chsk/packer-capabilities",
  packerAgreement: "chsk/packer-agreement",
  close: "chsk/close",
} as const;

const ids = new Set<string>(Object.values(upgrade));

/** The form of the first proposal, `{:type :chsk/packer-capabilities …}` in an event's place, as the event that it stands for. */
export function readTyped(what: unknown): { readonly id: string; readonly data: unknown } | undefined {
  const id = readName(fieldsOf(what)?.get("type"));
  return id !== undefined && ids.has(id) ? { id, data: what } : undefined;
}

/** `formats` in order of preference. */
export function packerCapabilities(formats: readonly string[]): unknown {
  return { supported: formats.map((format) => new Keyword(format)) };
}

export function readPackerCapabilities(data: unknown): readonly string[] | undefined {
  return readNames(fieldsOf(data)?.get("supported"));
}

export function packerAgreement(format: string): unknown {
  return { "chosen-packer": new Keyword(format) };
}

/** The chosen format; nothing if it is none of those that were `offered`. */
export function readPackerAgreement(data: unknown, offered: readonly string[]): string | undefined {
  const [chosen] = readNames([fieldsOf(data)?.get("chosen-packer")]) ?? [];
  return chosen !== undefined && offered.includes(chosen) ? chosen : undefined;
}

const maxReasonLength = 1024;
const maxVersions = 16;

/** Why the other side closes. The first proposal's `{:reason :protocol-version-mismatch :server-version 2}` is read as well. */
export function readClose(data: unknown): Refusal | undefined {
  const fields = fieldsOf(data);
  const said = fields?.get("reason");
  const reason: unknown = said instanceof Keyword ? said.name : said;
  if (!fields || typeof reason !== "string") return undefined;
  const supported = fields.get("supported") ?? [fields.get("server-version")];
  const items: unknown = supported instanceof List ? supported.items : supported;
  const versions: unknown[] = Array.isArray(items) || items instanceof Set ? [...items] : [];
  const readable = versions.filter((version): version is number => Number.isSafeInteger(version));
  return { reason: reason.slice(0, maxReasonLength), supported: readable.slice(0, maxVersions) };
}
