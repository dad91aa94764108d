/**
 * How a name becomes a topic: what was declared under it.
 *
 * Always: a name that no declaration covers is nobody's; one that is declared goes before a pattern; a name has one spelling.
 * Rules: docs/protocol.md TOPIC1-TOPIC5, GRANT12.
 */
import { encodeParam, topicName } from "../core/definitions.ts";
import { SyncError } from "../core/errors.ts";
import type { Declaration, Resolved } from "./hosted.ts";

export interface Declarations {
  /** Throws SyncError `conflict` for what is declared already. */
  declare(declaration: Declaration): void;
  resolve(name: string): Resolved | undefined;
  /** The topic, or one that it stands beside, is that one. */
  isOf(name: string, topic: string): boolean;
}

export function createDeclarations(): Declarations {
  const exact = new Map<string, Declaration>();
  /** Patterns by their number of segments. */
  const patterns = new Map<number, { readonly segments: readonly string[]; readonly declaration: Declaration }[]>();
  const resolve = (name: string): Resolved | undefined => {
    const declaration = exact.get(name);
    if (declaration) return { declaration, params: {} };
    const segments = name.split("/");
    for (const pattern of patterns.get(segments.length) ?? []) {
      const params = match(pattern.segments, segments);
      if (params) return { declaration: pattern.declaration, params };
    }
    return undefined;
  };
  return {
    declare(declaration) {
      const { pattern } = declaration;
      const segments = pattern.split("/");
      const isPattern = segments.some((segment) => segment.startsWith(":"));
      const same = patterns.get(segments.length) ?? [];
      if (exact.has(pattern) || same.some((other) => other.declaration.pattern === pattern)) {
        throw new SyncError("conflict", `Topic "${pattern}" is declared twice on this server.`);
      }
      if (!isPattern) exact.set(pattern, declaration);
      else patterns.set(segments.length, [...same, { segments, declaration }]);
    },
    resolve,
    isOf(name, topic) {
      // Beside a companion may stand another one.
      for (let at: string | undefined = name; at !== undefined; ) {
        if (at === topic) return true;
        const found = resolve(at);
        const main: string | undefined = found?.declaration.companionOf;
        at = main && topicName(main, found?.params ?? {});
      }
      return false;
    },
  };
}

/** The params of a name that fits the pattern; what is not valid percent-encoding fits none. */
function match(pattern: readonly string[], segments: readonly string[]): { readonly [name: string]: string } | undefined {
  const params: Record<string, string> = {};
  for (let i = 0; i < pattern.length; i++) {
    const expected = pattern[i] as string;
    const segment = segments[i] as string;
    if (!expected.startsWith(":")) {
      if (expected !== segment) return undefined;
      continue;
    }
    try {
      params[expected.slice(1)] = decodeURIComponent(segment);
    } catch {
      return undefined;
    }
    // Only the one spelling that `topicName` gives: else two names would be one topic.
    if (segment === "" || encodeParam(params[expected.slice(1)] as string) !== segment) return undefined;
  }
  return params;
}
