/**
 * The server that the guides to React and Svelte talk to, over a real socket, at the origin of the test's page.
 * The page's own WebSocket is jsdom's, whose events are not those of the globals here: `ws` stands in for it. It must
 * be there before the client's code is loaded, which is why tests import the guide's pages after `serveGuide`.
 */
import { atom, channel, createServer, type Server, type ServerAtom } from "sente-sync/server";
import { onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { events, room, stats } from "../../examples/guides/react/contract.ts";

declare const jsdom: { reconfigure(settings: { url: string }): void };

export const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 40_000, interval: 2 });

export async function serveGuide(): Promise<{
  sync: Server<typeof events>;
  live: ServerAtom<{ visitors: number; last: string }>;
}> {
  const sync = createServer({ events });
  const live = atom(sync, stats);
  channel(sync, room);
  live.set({ visitors: 41, last: "bob" });
  sync.on("greeting/get", ({ data }) => `Hello ${data.name}`);
  const port = await sync.listen(0);
  vi.stubGlobal("WebSocket", WebSocket);
  jsdom.reconfigure({ url: `http://localhost:${port}/` });
  onTestFinished(() => sync.close());
  return { sync, live };
}
