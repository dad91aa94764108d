/** The user's own inbox on a client: what is kept, what is unread, and who is told. */
import { SyncError } from "sente-sync";
import { createClient, inbox, relay } from "sente-sync/client";
import { createServer, inbox as serveInbox } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import type { Storage } from "../../src/topic/log.ts";
import { createWorld } from "../server/world.ts";
import { handStorage } from "../support/hand-log.ts";
import { codeOf, mailWorld } from "./mail-world.ts";

const dataOf = (items: readonly { readonly data: unknown }[]): unknown[] => items.map(({ data }) => data);

test("INBOX10 two tabs and a later one share what is unread; a mark shows at once where it is made", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  for (const n of [1, 2, 3]) mail.notify("ada", "app/n", n);
  const [one, two] = [inbox((await world.as("ada")).client), inbox((await world.as("ada")).client)];
  const told: number[] = [];
  one.unread.subscribe((count) => void told.push(count));
  two.keep();
  await world.advance(10);
  expect([dataOf(two.items.get()), two.unread.get()]).toEqual([[1, 2, 3], 3]);
  const receipt = one.markRead(2);
  expect([one.unread.get(), two.unread.get(), told]).toEqual([1, 3, [0, 3, 1]]);
  await Promise.all([receipt?.stored, world.advance(10)]);
  expect([one.unread.get(), two.unread.get(), one.markRead(1)]).toEqual([1, 1, undefined]);
  expect(two.markRead()?.status).toBe("local");
  await world.advance(10);
  const three = inbox((await world.as("ada")).client);
  three.keep();
  await world.advance(10);
  expect([one.unread.get(), two.unread.get(), three.unread.get(), dataOf(three.items.get())]).toEqual([0, 0, 0, [1, 2, 3]]);
  expect([told, two.markRead()]).toEqual([[0, 3, 1, 0], undefined]);
});

test("INBOX10 a mark that is made offline shows at once, and reaches the others when the line is back", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  const { client } = await world.as("ada");
  const [one, two] = [inbox(client), inbox((await world.as("ada")).client)];
  for (const each of [one, two]) each.keep();
  mail.notify("ada", "app/n", 1);
  await world.advance(10);
  client.disconnect();
  one.markRead();
  await world.advance(1000);
  expect([one.unread.get(), two.unread.get()]).toEqual([0, 1]);
  client.connect();
  await world.advance(1000);
  expect([one.unread.get(), two.unread.get()]).toEqual([0, 0]);
});

test("INBOX10 a mark that is rejected is taken back", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  const { client, lies } = await world.as("ada");
  const own = inbox(client);
  own.keep();
  mail.notify("ada", "app/n", 1);
  await world.advance(10);
  lies.hear = (text) => text.replace(/:sync\/ack \[(\d+) (\d+) \d+\]/, ':sync/reject [$1 $2 {:code "read-only" :message "no"}]');
  // The entry is kept away too: as if the log had not taken it.
  const hear = lies.hear;
  lies.hear = (text) => (text.includes("sync/entries") ? undefined : hear(text));
  const outcome = codeOf(own.markRead()?.stored as Promise<void>);
  expect(own.unread.get()).toBe(0);
  await world.advance(10);
  expect([await outcome, own.unread.get()]).toEqual(["read-only", 1]);
});

test("INBOX11 a follower is told each message once, in order, across cuts: from the first unread one, or from now on", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  const { client, lies } = await world.as("ada");
  const own = inbox(client);
  const [unread, latest, early]: unknown[][] = [[], [], []];
  mail.notify("ada", "app/n", 0);
  await world.advance(10);
  own.subscribe(({ data }) => void early?.push(data), { from: "latest" });
  await world.advance(10);
  for (const n of [1, 2]) mail.notify("ada", "app/n", n);
  await world.advance(10);
  own.markRead(2);
  own.subscribe(({ data }) => void unread?.push(data));
  own.subscribe(({ data }) => void latest?.push(data), { from: "latest" });
  mail.notify("ada", "app/n", 3);
  await world.advance(10);
  lies.cut();
  mail.notify("ada", "app/n", 4);
  await world.advance(5000);
  // A cut in which more than the tail keeps came: a snapshot.
  lies.refuse = true;
  lies.cut();
  for (let n = 5; n <= 1100; n++) mail.notify("ada", "app/n", n);
  await world.advance(100);
  lies.refuse = false;
  await world.advance(60_000);
  const last = Array.from({ length: 1000 }, (_, n) => n + 101);
  // 5 to 100 are gone, and 2, 3 and 4, which it was told but did not mark.
  expect(unread).toEqual([2, 3, 4, ...last]);
  expect(latest).toEqual([3, 4, ...last]);
  expect(early).toEqual([1, 2, 3, 4, ...last]);
  expect(own.missed.get()).toBe(99);
});

test("INBOX11 who leaves is told no more, a listener that throws keeps nobody else from being told, and close ends all", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  const own = inbox((await world.as("ada")).client);
  const heard: unknown[] = [];
  const leave = own.subscribe(({ data }) => {
    heard.push(["leaver", data]);
    leave();
  });
  own.subscribe(() => {
    throw new Error("no");
  });
  own.subscribe(({ data }) => void heard.push(["stayer", data]));
  for (const n of [1, 2]) mail.notify("ada", "app/n", n);
  await world.advance(10);
  expect(heard).toEqual([
    ["leaver", 1],
    ["stayer", 1],
    ["stayer", 2],
  ]);
  expect(world.errors.map(({ where }) => where)).toEqual(["inbox/ada", "inbox/ada"]);
  own.close();
  own.close();
  mail.notify("ada", "app/n", 3);
  await world.advance(10_000);
  expect([heard.length, own.status.get()]).toEqual([3, "idle"]);
});

test("INBOX11 items keep their identity, and their store tells only when they change", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  const own = inbox((await world.as("ada")).client);
  const told: (readonly unknown[])[] = [];
  own.items.listen((items) => void told.push(items));
  mail.notify("ada", "app/n", { n: 1 });
  await world.advance(10);
  own.markRead();
  await world.advance(10);
  mail.notify("ada", "app/n", { n: 2 });
  await world.advance(10);
  expect([told.map((items) => items.length), told[0]?.[0] === told[1]?.[0]]).toEqual([[1, 2], true]);
  expect(own.items.get()[0]).toEqual({ event: "app/n", data: { n: 1 }, from: null, offset: 1, atMs: expect.any(Number) });
});

test("INBOX9 marks and messages survive a restart where the server has a storage; each is told once over it", async () => {
  const storage = handStorage(createWorld().env);
  storage.auto = true;
  const first = mailWorld({ storage });
  const mail = serveInbox(first.sync);
  const own = inbox((await first.as("ada")).client);
  own.keep();
  for (const n of [1, 2, 3]) mail.notify("ada", "app/n", n);
  await first.advance(100);
  await Promise.all([own.markRead(2)?.stored, first.advance(100)]);
  await first.sync.close();
  const second = mailWorld({ storage });
  serveInbox(second.sync).notify("ada", "app/n", 4);
  const again = inbox((await second.as("ada")).client);
  const heard: unknown[] = [];
  again.subscribe(({ data }) => void heard.push(data));
  await second.advance(100);
  expect([heard, dataOf(again.items.get()), again.unread.get()]).toEqual([[3, 4], [1, 2, 3, 4], 2]);
});

test("INBOX11 in a new epoch all that is unread is told: the offsets mean other messages", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  const { client, lies } = await world.as("ada");
  const own = inbox(client);
  const heard: unknown[] = [];
  own.subscribe(({ data }) => void heard.push(data), { from: "latest" });
  await world.advance(10);
  for (const n of [1, 2, 3]) mail.notify("ada", "app/n", n);
  await world.advance(10);
  // Another server that knows nothing of the first.
  const other = mailWorld();
  const otherMail = serveInbox(other.sync);
  for (const n of [11, 12]) otherMail.notify("ada", "app/n", n);
  await other.advance(10);
  world.goTo(other.sync);
  lies.cut();
  for (let i = 0; i < 50; i++) {
    await world.advance(200);
    await other.advance(200);
  }
  expect([heard, own.unread.get()]).toEqual([[1, 2, 3, 11, 12], 2]);
});

test("INBOX11 with `latest` the first state that is known is where it begins, also where that is of a second epoch", async () => {
  const world = mailWorld();
  serveInbox(world.sync);
  const { client, lies } = await world.as("ada");
  const { hear } = lies;
  // It is subscribed, and the line goes before it has the state.
  lies.hear = (text) => (text.includes("sync/snapshot") ? undefined : hear(text));
  const own = inbox(client);
  const heard: unknown[] = [];
  own.subscribe(({ data }) => void heard.push(data), { from: "latest" });
  await world.advance(10);
  const other = mailWorld();
  const otherMail = serveInbox(other.sync);
  otherMail.notify("ada", "app/n", 11);
  await other.advance(10);
  lies.hear = hear;
  world.goTo(other.sync);
  lies.cut();
  for (let i = 0; i < 50; i++) {
    if (i === 40) otherMail.notify("ada", "app/n", 12);
    await world.advance(200);
    await other.advance(200);
  }
  expect([dataOf(own.items.get()), heard]).toEqual([[11, 12], [12]]);
});

test("SUB12 what the disk does not give now is asked for again on the same line; what is written there waits", async () => {
  const inner = handStorage(createWorld().env);
  inner.auto = true;
  let fails = true;
  const storage: Storage = {
    name: "failing",
    async open(host) {
      const log = await inner.open(host);
      const unreadable = new SyncError("read-only", "The disk does not give what is stored.");
      return { ...log, open: (topic, options) => (fails ? Promise.reject(unreadable) : log.open(topic, options)) };
    },
  };
  const world = mailWorld({ storage });
  serveInbox(world.sync);
  const { client: ada, lies } = await world.as("ada");
  const { client: bob } = await world.as("bob");
  const own = inbox(ada);
  own.keep();
  const receipt = relay(bob).send({ user: "ada" }, "app/n", 1);
  await world.advance(4000);
  expect([own.status.get(), own.error?.code, receipt.status]).toEqual(["loading", "read-only", "local"]);
  const asked = (): number => lies.said.filter((text) => text.includes(":sync/subscribe")).length;
  // At once, after 1 s, and 2 s later.
  expect(asked()).toBe(3);
  fails = false;
  await Promise.all([receipt.stored, world.advance(4000)]);
  expect([own.status.get(), own.error, dataOf(own.items.get()), asked()]).toEqual(["live", undefined, [1], 4]);
});

test("INBOX13 an inbox begins with the user, and follows where another one signs in", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  mail.notify("ada", "app/n", "for ada");
  mail.notify("bob", "app/n", "for bob");
  await world.advance(10);
  let uid = "ada";
  const { client } = await world.as(() => uid, { autoConnect: false });
  const own = inbox(client);
  const heard: unknown[] = [];
  own.subscribe(({ data }) => void heard.push(data));
  await world.advance(10);
  expect([own.status.get(), own.items.get(), own.markRead()]).toEqual(["loading", [], undefined]);
  client.connect();
  await world.advance(10);
  expect([heard, own.status.get(), own.markRead()?.status]).toEqual([["for ada"], "live", "local"]);
  await world.advance(10);
  uid = "bob";
  client.reconnect();
  await world.advance(10_000);
  expect([heard, dataOf(own.items.get()), own.unread.get()]).toEqual([["for ada", "for bob"], ["for bob"], 1]);
});

test("INBOX13 without inbox(sync) it is refused, and on a plain Sente server it is feature-not-supported", async () => {
  const world = mailWorld();
  const own = inbox((await world.as("ada")).client);
  own.keep();
  await world.advance(10);
  expect([own.status.get(), own.error?.code]).toEqual(["refused", "not-declared"]);
  const { client, lies } = await world.as("ada", { autoConnect: false });
  lies.hear = (text) => text.replace(/ \{:v 1\}\]/, "]");
  client.connect();
  const plain = inbox(client);
  plain.keep();
  await world.advance(100);
  expect([client.status.get().name, plain.status.get(), plain.error?.code]).toEqual([
    "connected",
    "refused",
    "feature-not-supported",
  ]);
});

test("INBOX9, INBOX11 over a real WebSocket: a user who was away finds it all, and both tabs share the marks", async () => {
  const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "nobody" }), onError: () => {} });
  serveInbox(sync);
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const as = (uid: string) => {
    const client = createClient(`ws://127.0.0.1:${port}/chsk?uid=${uid}`);
    onTestFinished(() => client.close());
    return client;
  };
  onTestFinished(() => sync.close());
  await relay(as("bob")).send({ user: "ada" }, "chat/said", { text: "hi" }).stored;
  const [one, two] = [inbox(as("ada")), inbox(as("ada"))];
  for (const each of [one, two]) each.keep();
  await expect.poll(() => [one.unread.get(), two.unread.get()]).toEqual([1, 1]);
  expect(one.items.get()).toMatchObject([{ event: "chat/said", data: { text: "hi" }, from: { user: "bob" } }]);
  await one.markRead()?.stored;
  await expect.poll(() => [one.unread.get(), two.unread.get()]).toEqual([0, 0]);
});
