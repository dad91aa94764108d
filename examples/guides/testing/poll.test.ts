/** The application's tests: many histories under faults, and one fault at a chosen moment. */
import { type ClientOptions, createClient } from "sente-sync/client";
import { createServer } from "sente-sync/server";
import { memoryNetwork, type NetworkOptions, virtualClock } from "sente-sync/testing";
import { expect, test } from "vitest";
import { openPoll, servePoll } from "./poll.ts";

// #region world
function createWorld(seed: number, faults: NonNullable<NetworkOptions["faults"]>) {
  const clock = virtualClock({ seed });
  const network = memoryNetwork({ clock, faults });

  const env = clock.envFor("server");
  const sync = createServer({ env });
  network.listen("server", (transport, url) => void sync.accept(transport, url), env);

  const openPage = (name: string, options: ClientOptions = {}) => {
    const connector = network.connector(name);
    const client = createClient("ws://server/chsk", { env: clock.envFor(name), connector, ...options });
    return { client, ...openPoll(client) };
  };
  return { clock, network, count: servePoll(sync), openPage };
}
// #endregion

// #region histories
test.each(Array.from({ length: 50 }, (_, index) => index))(
  "every vote that was stored is counted, on every page: seed %i",
  async (seed) => {
    const { clock, network, count, openPage } = createWorld(seed, "swarm");
    const pages = ["ada", "bob", "eve"].map((name) => openPage(name));
    const people = clock.rng.fork("people");
    const receipts: ReturnType<(typeof pages)[number]["vote"]>[] = [];
    for (let votes = 0; votes < 30; votes++) {
      const vote = () => receipts.push(people.pick(pages).vote(people.pick(["yes", "no"])));
      clock.schedule("people", people.int(20_000), "vote", vote);
    }
    await clock.advance(20_000);

    network.heal(); // no fault from here on
    for (const { client } of pages) client.connect();
    await clock.advance(60_000);

    for (const page of pages) expect(page.count.get()).toEqual(count.get());
    const counted = count.get().yes + count.get().no;
    const stored = receipts.filter(({ status }) => status === "stored").length;
    // A vote that was under way when its line broke may have been kept, or not; never twice.
    expect(counted).toBeGreaterThanOrEqual(stored);
    expect(counted).toBeLessThanOrEqual(receipts.length);
  },
);
// #endregion

// #region directed
test("a page whose line dies in silence shows the count again once its ping went unanswered", async () => {
  const { clock, network, count, openPage } = createWorld(1, {});
  const { client, ...page } = openPage("ada", { reconnect: { keepaliveMs: 20_000, pingTimeoutMs: 5000 } });
  const other = openPage("bob");
  await clock.advance(1000);

  network.halfOpen("ada", "in"); // nothing reaches ada any more, and nobody is told
  other.vote("yes");
  await clock.advance(1000);
  expect([count.get().yes, page.count.get()?.yes, client.status.get().name]).toEqual([1, 0, "connected"]);

  await clock.advance(30_000);
  expect([page.count.get()?.yes, client.status.get().name]).toEqual([1, "connected"]);
  expect(network.counts.halfOpens).toBe(1);
});
// #endregion
