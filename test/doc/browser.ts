/** A browser's line between its tabs, in memory and virtual time. */
import type { OpenTabLine, TabLine } from "sente-sync/doc";
import type { Env } from "../../src/core/env.ts";

export interface Browser {
  readonly open: OpenTabLine;
  /** All that was posted, in order. */
  readonly posted: { readonly name: string; readonly message: unknown }[];
  /** As a tab of that name would hear it. */
  say(name: string, message: unknown): void;
}

export function createBrowser(env: Env): Browser {
  const lines = new Map<TabLine, { readonly name: string; readonly receive: (message: unknown) => void }>();
  const posted: Browser["posted"] = [];
  const say = (to: string, message: unknown, from?: TabLine): void => {
    posted.push({ name: to, message });
    const copy = structuredClone(message);
    env.setTimer(() => {
      for (const [line, { name, receive }] of [...lines]) if (name === to && line !== from) receive(copy);
    }, 0);
  };
  return {
    posted,
    say,
    open(name, receive) {
      const line: TabLine = {
        post: (message) => say(name, message, line),
        close: () => void lines.delete(line),
      };
      lines.set(line, { name, receive });
      return line;
    },
  };
}
