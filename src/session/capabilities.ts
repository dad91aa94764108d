/**
 * What a side can do, as data: the record, the map that it is on the wire, and what is assumed of a peer that says nothing.
 *
 *   {:version "0.1.0" :protocol-version 1 :features #{:handshake :event …} :wire-formats #{:edn …} :compression #{:none …}
 *    :limits {:max-message-size bytes :max-connections n :heartbeat-interval ms :max-reconnect-delay ms}
 *    :services {:nrepl {…}} :extensions {…}}
 *
 * Always: reading never throws; what it keeps of a peer's word is small, whatever came, and every number in it is usable.
 * Rules: docs/protocol/capabilities.md CAP1-CAP8.
 */
import { Keyword, List } from "../core/values.ts";
import { isPlain } from "../wire/plain.ts";

/** Kept as numbers of ours; what was not stated is missing. */
export interface CapabilityLimits {
  readonly maxMessageBytes?: number;
  /** A server's. */
  readonly maxConnections?: number;
  readonly heartbeatMs?: number;
  /** A client's. */
  readonly maxReconnectDelayMs?: number;
}

export interface Capabilities {
  /** Of the library; empty where it was not stated. */
  readonly version: string;
  /** 0: stated, and unreadable. */
  readonly protocolVersion: number;
  readonly features: ReadonlySet<string>;
  /** In order of preference. A set keeps it only where both sides are ours. */
  readonly wireFormats: readonly string[];
  readonly compression: readonly string[];
  readonly limits: CapabilityLimits;
  /** Name to descriptor, which is null where it was too large to keep. */
  readonly services: ReadonlyMap<string, unknown>;
  /** The application's. */
  readonly extensions: unknown;
}

/** This library's, as in package.json. */
export const libraryVersion = "0.1.0";
export const protocolVersion = 1;

/** What every implementation has. */
export const minimal: Capabilities = {
  version: "",
  protocolVersion,
  features: new Set(["handshake", "event"]),
  wireFormats: ["edn"],
  compression: ["none"],
  limits: {},
  services: new Map(),
  extensions: undefined,
};

/** What an implementation for production should have. */
export const recommended: Capabilities = {
  ...minimal,
  features: new Set([...minimal.features, "reply-fn", "ping-pong", "reconnect"]),
};

const senteServer: Capabilities = { ...minimal, features: new Set([...minimal.features, "reply-fn", "ping-pong"]) };

/** What is assumed of a peer that has said nothing: what a plain Sente one can do. */
export function defaultsFor(peer: "client" | "server"): Capabilities {
  return peer === "client" ? recommended : senteServer;
}

/** What a side with these packers compresses with. */
export function compressionIn(wireFormats: readonly string[]): readonly string[] {
  return wireFormats.some((name) => name.startsWith("gzip+")) ? ["gzip", "none"] : minimal.compression;
}

/** Other names for what has one here. */
const synonyms = new Map([
  ["heartbeat", "ping-pong"],
  ["auto-reconnect", "reconnect"],
  ["pubsub", "pub-sub"],
  ["transit-json", "transit"],
]);

export function supports(capabilities: Capabilities, feature: string): boolean {
  return capabilities.features.has(feature) || capabilities.features.has(commonName(feature));
}

function commonName(name: string): string {
  return synonyms.get(name) ?? name;
}

/** Below `least` a limit could only harm whoever honours it, and above `most` milliseconds are no timer any more. */
const limitFields: readonly { field: keyof CapabilityLimits; name: string; least: number; most: number }[] = [
  { field: "maxMessageBytes", name: "max-message-size", least: 1024, most: Number.MAX_SAFE_INTEGER },
  { field: "maxConnections", name: "max-connections", least: 1, most: Number.MAX_SAFE_INTEGER },
  { field: "heartbeatMs", name: "heartbeat-interval", least: 1000, most: 86_400_000 },
  { field: "maxReconnectDelayMs", name: "max-reconnect-delay", least: 1000, most: 86_400_000 },
];

/** The map that travels. What was not stated is not in it. */
export function toWire(capabilities: Capabilities): Record<string, unknown> {
  const { version, features, wireFormats, compression, limits, services, extensions } = capabilities;
  const keywords = (names: Iterable<string>): Set<Keyword> => new Set([...names].map((name) => new Keyword(name)));
  const wire: Record<string, unknown> = {
    "protocol-version": capabilities.protocolVersion,
    "features": keywords(features),
    "wire-formats": keywords(wireFormats),
    "compression": keywords(compression),
  };
  if (version !== "") wire["version"] = version;
  const stated = limitFields.filter(({ field }) => limits[field] !== undefined);
  if (stated.length) wire["limits"] = Object.fromEntries(stated.map(({ field, name }) => [name, limits[field]]));
  if (services.size) wire["services"] = Object.fromEntries(services);
  if (extensions !== undefined) wire["extensions"] = extensions;
  return wire;
}

/** What a map states; the rest as in `minimal`. Nothing for what is no map. */
export function readCapabilities(value: unknown): Capabilities | undefined {
  const stated = fieldsOf(value);
  if (!stated) return undefined;
  const version = stated.get("version");
  const extensions = stated.get("extensions");
  return {
    version: typeof version === "string" ? version.slice(0, maxNameLength) : minimal.version,
    protocolVersion: readProtocolVersion(stated.get("protocol-version") ?? protocolVersion),
    features: new Set(readNames(stated.get("features")) ?? minimal.features),
    wireFormats: readNames(stated.get("wire-formats")) ?? minimal.wireFormats,
    compression: readNames(stated.get("compression")) ?? minimal.compression,
    limits: readLimits(stated.get("limits")),
    services: readServices(stated.get("services")),
    extensions: isSmall(extensions) ? extensions : undefined,
  };
}

const maxNames = 64;
const maxNameLength = 128;
const maxServices = 32;
/** Characters, bytes and values of one descriptor, or of the extensions. */
const maxKeptUnits = 4096;

/** The fields of a map by their names, whichever way they were written; nothing for what is no map. */
export function fieldsOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  const pairs = value instanceof Map ? [...value] : isPlain(value) ? Object.entries(value) : undefined;
  const named = pairs?.map(([key, field]): [string | undefined, unknown] => [readName(key), field]);
  return named && new Map(named.filter((pair): pair is [string, unknown] => pair[0] !== undefined));
}

/** The text of a name: a keyword or a string, neither empty nor too long. */
export function readName(value: unknown): string | undefined {
  const name: unknown = value instanceof Keyword ? value.name : value;
  return typeof name === "string" && name !== "" && name.length <= maxNameLength ? name : undefined;
}

/** The names of a set, vector or list, each once and by its common name; nothing for what is none of them. */
export function readNames(value: unknown): string[] | undefined {
  const items: unknown = value instanceof List ? value.items : value;
  if (!Array.isArray(items) && !(items instanceof Set)) return undefined;
  const names = new Set<string>();
  for (const item of items as Iterable<unknown>) {
    const name = readName(item);
    if (name !== undefined) names.add(commonName(name));
    if (names.size === maxNames) break;
  }
  return [...names];
}

function readProtocolVersion(value: unknown): number {
  const version = readNumber(value);
  return Number.isSafeInteger(version) && version > 0 ? version : 0;
}

function readLimits(value: unknown): CapabilityLimits {
  const stated = fieldsOf(value);
  const limits: { -readonly [Field in keyof CapabilityLimits]: number } = {};
  for (const { field, name, least, most } of limitFields) {
    const limit = Math.floor(readNumber(stated?.get(name)));
    if (limit > 0) limits[field] = Math.min(Math.max(limit, least), most);
  }
  return limits;
}

/** A long integer is a bigint where its writer said `N`. NaN for what is no number. */
function readNumber(value: unknown): number {
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : Number.NaN;
}

function readServices(value: unknown): ReadonlyMap<string, unknown> {
  const stated = [...(fieldsOf(value) ?? [])].slice(0, maxServices);
  return new Map(stated.map(([name, descriptor]) => [name, isSmall(descriptor) ? descriptor : null]));
}

/** True for a value that may be kept for as long as its connection lives. */
function isSmall(value: unknown): boolean {
  let left = maxKeptUnits;
  const waiting: unknown[] = [value];
  while (waiting.length) {
    const next = waiting.pop();
    left--;
    if (typeof next === "string") left -= next.length;
    else if (typeof next === "bigint") left -= String(next).length;
    else if (ArrayBuffer.isView(next)) left -= next.byteLength;
    else if (typeof next === "object" && next !== null) {
      for (const part of partsOf(next)) if (waiting.push(part) > left) return false;
    }
    if (left < 0) return false;
  }
  return true;
}

/** What a collection or a tagged value is made of: keys count like values. */
function partsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value;
  const pairs: Iterable<readonly unknown[]> = value instanceof Map ? value : Object.entries(value);
  return [...pairs].flat();
}

/** Handshake data with this side's capabilities; for `client-info` there is no other. Data that is no map stays as it is. */
export function announcement(capabilities: Capabilities, data: unknown = null): unknown {
  const announced = toWire(capabilities);
  if (data instanceof Map) {
    // Keywords are compared by what they name, so `set` would not replace one that is there.
    const others = [...data].filter(([key]) => readName(key) !== announcedKey);
    return new Map<unknown, unknown>([...others, [new Keyword(announcedKey), announced]]);
  }
  return data === null || isPlain(data) ? { ...data, [announcedKey]: announced } : data;
}

/** The capabilities in a peer's handshake data or `client-info`; nothing where there are none. */
export function readAnnouncement(data: unknown): Capabilities | undefined {
  return readCapabilities(fieldsOf(data)?.get(announcedKey));
}

const announcedKey = "capabilities";
