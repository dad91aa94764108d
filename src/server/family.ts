/**
 * What every verb of a server does with its target: a name, or a ref, gives the handle of one topic, opened now; a pattern gives a
 * family, whose topics are opened by their params when somebody asks.
 *
 * Rules: docs/protocol.md TOPIC1-TOPIC7.
 */
import { type Pattern, type Ref, toRef } from "../core/definitions.ts";
import type { ServerCore } from "./core.ts";
import type { Declaration, Hosted } from "./topics.ts";

export type ParamValues = { readonly [name: string]: string };

/** A server's handle of a pattern. */
export interface Family<Handle, P> {
  /** The topic of those params, loaded, or begun if there is none. Rejects where it cannot be read, or its seed throws. */
  open(params: P): Promise<Handle>;
  /** The names of those open. */
  list(options?: { readonly prefix?: string }): string[];
  /** Its readers see status `deleted`; the next `open` starts anew. */
  delete(params: P): void;
}

/** What a ref, a pattern or a name was defined with. */
export function optionsOf(target: { readonly options: object } | string): object {
  return typeof target === "string" ? {} : target.options;
}

/** What it is called in errors that concern all of its topics. */
export function patternOf(target: { readonly pattern: string } | string): string {
  return typeof target === "string" ? target : target.pattern;
}

/** Declares the target; `host` serves one topic, and tells its handle before it returns. */
export function declareKind<Handle>(
  core: ServerCore,
  kind: string,
  target: Ref | Pattern<string, unknown, never> | string,
  declaration: Pick<Declaration, "authorize" | "writeAction">,
  host: (name: string, params: ParamValues, onHandle: (handle: Handle) => void) => Hosted | Promise<Hosted>,
): Handle | Family<Handle, never> {
  const ref = toRef(kind, target as Ref | string) as Ref | Pattern<string, unknown, never>;
  const handles = new Map<string, Handle>();
  core.topics.declare({
    ...declaration,
    kind,
    pattern: ref.pattern,
    host: (name, params) => host(name, params, (handle) => void handles.set(name, handle)),
  });

  if (typeof ref !== "function") {
    const opening = core.topics.open(ref.topic);
    if (opening instanceof Promise) opening.catch((error: unknown) => core.report(error, ref.topic));
    return handles.get(ref.topic) as Handle;
  }
  return {
    async open(params: never) {
      const { topic } = ref(params);
      await core.topics.open(topic);
      return handles.get(topic) as Handle;
    },
    list: ({ prefix = "" } = {}) => [...handles.keys()].filter((name) => name.startsWith(prefix)),
    delete(params: never) {
      const { topic } = ref(params);
      core.topics.delete(topic, "deleted");
      handles.delete(topic);
    },
  };
}
