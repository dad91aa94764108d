/**
 * What two sides agree on, each from what both say that they can do.
 *
 * Always: pure; the side that chooses goes by its own order of preference, and by nothing that the other did not offer.
 * Rules: docs/protocol/capabilities.md CAP9-CAP12.
 */
import type { Capabilities, CapabilityLimits } from "./capabilities.ts";

/** The first of `ours` that the other side reads; nothing where there is none: both stay with what they speak now. */
export function choosePacker(ours: readonly string[], theirs: readonly string[]): string | undefined {
  return ours.find((format) => theirs.includes(format));
}

export interface Compression {
  /** `none` for none. */
  readonly algorithm: string;
  /** Smaller payloads are left as they are. Infinity for `none`. */
  readonly thresholdBytes: number;
}

/** The first of `ours` that the other side has; `none`, which everybody has, where there is no other. */
export function chooseCompression(
  ours: readonly string[],
  theirs: readonly string[],
  { thresholdBytes = 1024 }: { readonly thresholdBytes?: number } = {},
): Compression {
  const algorithm = ours.find((name) => name === "none" || theirs.includes(name)) ?? "none";
  return { algorithm, thresholdBytes: algorithm === "none" ? Number.POSITIVE_INFINITY : thresholdBytes };
}

/** Limits that both sides can live with: of each the smaller one. */
export function mutualLimits(a: CapabilityLimits, b: CapabilityLimits): CapabilityLimits {
  const limits: Record<string, number> = { ...a };
  for (const [field, limit] of Object.entries(b) as [string, number][]) limits[field] = Math.min(limits[field] ?? limit, limit);
  return limits;
}

/** Why a side is sent away: the data of `[:chsk/close …]` as it travels. */
export interface Refusal {
  readonly reason: string;
  /** Protocol versions that would be taken; empty where they are not what it is about. */
  readonly supported: readonly number[];
}

/** Nothing if the two speak the same protocol. */
export function checkVersion(ours: Capabilities, theirs: Capabilities): Refusal | undefined {
  const version = ours.protocolVersion;
  if (theirs.protocolVersion === version) return undefined;
  const stated = theirs.protocolVersion === 0 ? "An unreadable protocol version" : `Protocol version ${theirs.protocolVersion}`;
  return { reason: `${stated} is not supported here; ${version} is.`, supported: [version] };
}
