/** Presence over real WebSockets: who closes is gone within a second, whose line breaks comes back unseen, who is killed is gone alone. */
import { createClient, presence } from "sente-sync/client";
import { createServer, presence as rooms } from "sente-sync/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { openTcpProxy } from "../support/tcp-proxy.ts";
import { roomRef } from "./world.ts";

const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 40_000, interval: 5 });

test("PRESENCE20, PRESENCE21 and PRESENCE22 hold over sockets that close, break and vanish", async () => {
  const sync = createServer({ onError() {} });
  const room = rooms(sync, roomRef, { graceMs: 4000 });
  const port = await sync.listen(0);
  const proxy = await openTcpProxy(port);
  const enter = (name: string, at = port) => {
    const client = createClient(`ws://localhost:${at}/chsk`, { onError() {}, reconnect: { maxDelayMs: 50 } });
    return { client, room: presence(client, roomRef, { name }) };
  };
  const [ada, bob, cid] = [enter("ada"), enter("bob", proxy.port), enter("cid", proxy.port)];
  onTestFinished(async () => {
    for (const { client } of [ada, bob, cid]) client.close();
    await proxy.close();
    await sync.close();
  });
  const seen: string[] = [];
  const others = (): string =>
    ada.room.others
      .get()
      .map(({ data, status }) => `${data.name} ${status}`)
      .sort()
      .join();
  await until(() => expect(others()).toBe("bob online,cid online"));
  ada.room.others.listen(() => void seen.push(others()));
  proxy.cut();
  await until(() => expect(room.counters.returned).toBe(2));
  await until(() => expect(others()).toBe("bob online,cid online"));
  expect(seen.filter((each) => each.split(",").length < 2)).toEqual([]);
  expect(seen.join()).toContain("reconnecting");
  // One page is closed: exactly one is gone.
  const closedMs = performance.now();
  bob.client.close();
  await until(() => expect(others()).toBe("cid online"));
  expect(performance.now() - closedMs).toBeGreaterThan(400);
  // One is killed: nobody hears from it again.
  proxy.refuse(true);
  proxy.cut();
  await until(() => expect(others()).toBe("cid reconnecting"));
  await until(() => expect(others()).toBe(""));
  expect(room.members.get().map(({ data }) => data.name)).toEqual(["ada"]);
  proxy.refuse(false);
  await until(() => expect(others()).toBe("cid online"));
  expect(ada.room.broadcast("ping", 1)).toBe(true);
});
