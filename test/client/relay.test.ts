/** Messages between users: who they are from, who may send them, and what the sender is told. */
import { createClient, inbox, relay } from "sente-sync/client";
import { createServer, inbox as serveInbox } from "sente-sync/server";
import { expect, onTestFinished, test } from "vitest";
import { createWorld, pushed } from "../server/world.ts";
import { handStorage } from "../support/hand-log.ts";
import { codeOf, mailWorld } from "./mail-world.ts";

type Heard = { readonly data: unknown; readonly from: unknown };
const told = (items: readonly Heard[]): unknown[] =>
  items.map(({ data, from }) => [data, (from as { user: string } | null)?.user]);

test("RELAY1 what is sent to a user who is away is there when that user comes; the receipt says when it is stored", async () => {
  const world = mailWorld();
  serveInbox(world.sync);
  const { client } = await world.as("bob");
  const receipt = relay(client).send({ user: "ada" }, "chat/said", { text: "hi" });
  expect(receipt.status).toBe("local");
  await world.advance(10);
  expect([receipt.status, receipt.offset, receipt.durability]).toEqual(["stored", 1, "memory"]);
  await world.advance(3_600_000);
  const own = inbox((await world.as("ada")).client);
  own.keep();
  await world.advance(10);
  expect(told(own.items.get())).toEqual([[{ text: "hi" }, "bob"]]);
});

test("RELAY1 what is sent offline waits, and what a cut left without answer is sent again: each arrives once, in order", async () => {
  const world = mailWorld();
  const mail = serveInbox(world.sync);
  const own = inbox((await world.as("ada")).client);
  own.keep();
  const { client, lies } = await world.as("bob");
  const to = relay(client);
  client.disconnect();
  const receipts = [1, 2].map((n) => to.send({ user: "ada" }, "app/n", n));
  await world.advance(100);
  expect(receipts.map(({ status }) => status)).toEqual(["local", "local"]);
  lies.hear = (text) => (text.includes("sync/ack") ? undefined : text);
  client.connect();
  await world.advance(100);
  receipts.push(to.send({ user: "ada" }, "app/n", 3));
  await world.advance(100);
  expect([receipts.map(({ status }) => status), told(own.items.get()).length]).toEqual([["sent", "sent", "sent"], 3]);
  lies.hear = (text) => text;
  lies.cut();
  await world.advance(10_000);
  expect([receipts.map(({ status }) => status), mail.counters.stored]).toEqual([["stored", "stored", "stored"], 3]);
  expect(told(own.items.get())).toEqual([1, 2, 3].map((n) => [n, "bob"]));
});

test("RELAY1 a message that the server stored, and was killed before it said so, is not stored again after the restart", async () => {
  const storage = handStorage(createWorld().env);
  storage.auto = true;
  const first = mailWorld({ storage });
  serveInbox(first.sync);
  const { client, lies } = await first.as("bob");
  lies.hear = (text) => (text.includes("sync/ack") ? undefined : text);
  const receipt = relay(client).send({ user: "ada" }, "app/n", 1);
  await first.advance(100);
  expect(receipt.status).toBe("sent");
  await first.sync.close();
  const second = mailWorld({ storage, env: first.env });
  const mail = serveInbox(second.sync);
  lies.hear = (text) => text;
  first.goTo(second.sync);
  await first.advance(60_000);
  const own = inbox((await first.as("ada")).client);
  own.keep();
  await first.advance(100);
  expect([receipt.status, told(own.items.get()), mail.counters.stored]).toEqual(["stored", [[1, "bob"]], 0]);
});

test("RELAY3 where authorize says no to relay the message is rejected, and the receiver hears nothing", async () => {
  const world = mailWorld({ authorize: ({ action, user }) => action !== "relay" || user.id === "bob" });
  serveInbox(world.sync);
  const own = inbox((await world.as("ada")).client);
  own.keep();
  const [bob, eve] = [(await world.as("bob")).client, (await world.as("eve")).client];
  const outcomes = Promise.all([bob, eve].map((client) => codeOf(relay(client).send({ user: "ada" }, "app/n", 1).stored)));
  await world.advance(10);
  expect([await outcomes, told(own.items.get())]).toEqual([["fine", "forbidden"], [[1, "bob"]]]);
});

test("RELAY4 a message for one client is shown to that client alone, on a later line too; without it there, not-found", async () => {
  const world = mailWorld();
  serveInbox(world.sync);
  const plain = await world.peer("client-id=p&uid=ada");
  const { client: one, lies } = await world.as("ada");
  const { client: two } = await world.as("ada");
  const { client: bob } = await world.as("bob");
  const [first, second, bobs] = [inbox(one), inbox(two), inbox(bob)];
  for (const each of [first, second, bobs]) each.keep();
  relay(one).send({ user: "bob" }, "chat/said", "from one");
  await world.advance(10);
  const { from } = bobs.items.get()[0] as { from: { user: string; replica: string } };
  relay(bob).send({ client: from }, "chat/said", "for one");
  await world.advance(10);
  expect([told(first.items.get()), first.unread.get(), told(second.items.get()), second.unread.get()]).toEqual([
    [["for one", "bob"]],
    1,
    [],
    0,
  ]);
  expect(pushed(plain.frames, "chat/said")).toEqual([]);
  lies.cut();
  await world.advance(10_000);
  relay(bob).send({ client: from }, "chat/said", "again");
  await world.advance(10);
  expect(told(first.items.get())).toEqual([
    ["for one", "bob"],
    ["again", "bob"],
  ]);
  one.close();
  await world.advance(10);
  const gone = codeOf(relay(bob).send({ client: from }, "chat/said", "gone").stored);
  const other = codeOf(relay(bob).send({ client: { user: "eve", replica: from.replica } }, "chat/said", "gone").stored);
  await world.advance(10);
  expect(await Promise.all([gone, other])).toEqual(["not-found", "not-found"]);
});

test("RELAY5 a request ends with the first answer, which no inbox shows; whoever else asked hears nothing of it", async () => {
  const world = mailWorld();
  serveInbox(world.sync);
  const { client: bob } = await world.as("bob");
  const { client: ada } = await world.as("ada");
  const adas = inbox(ada);
  adas.keep();
  const bobs = inbox(bob);
  const calls: unknown[] = [];
  bobs.subscribe(({ event, data, reply }) => {
    calls.push([event, data, typeof reply]);
    if (event === "sum/ask") for (const more of [0, 1]) reply?.((data as number) + more);
  });
  const asked = relay(ada).request({ user: "bob" }, "sum/ask", 41);
  const told = relay(ada).send({ user: "bob" }, "sum/tell", 1);
  const late = relay(ada)
    .request({ user: "bob" }, "sum/never", 2)
    .catch(({ code }) => code);
  await world.advance(6000);
  expect([await asked, await late, told.status, calls]).toEqual([
    41,
    "timeout",
    "stored",
    [
      ["sum/ask", 41, "function"],
      ["sum/tell", 1, "undefined"],
      ["sum/never", 2, "function"],
    ],
  ]);
  expect([adas.items.get(), adas.unread.get()]).toEqual([[], 0]);
});

test("RELAY5 the answer is heard over a cut of either line", async () => {
  const world = mailWorld();
  serveInbox(world.sync);
  const { client: bob, lies: bobs } = await world.as("bob");
  const { client: ada, lies: adas } = await world.as("ada");
  const replies: ((data: unknown) => unknown)[] = [];
  inbox(bob).subscribe(({ reply }) => reply && replies.push(reply));
  const asked = relay(ada).request({ user: "bob" }, "app/ask", 1, { timeoutMs: 60_000 });
  await world.advance(10);
  adas.cut();
  bobs.cut();
  replies[0]?.("yes");
  await world.advance(30_000);
  expect([await asked, replies.length]).toEqual(["yes", 1]);
});

test("RELAY6 a request ends in timeout, in the rejection of its message, in closed, or in limit where too many wait", async () => {
  const world = mailWorld({ authorize: ({ action, params }) => action !== "relay" || params["user"] !== "eve" });
  serveInbox(world.sync);
  const { client } = await world.as("ada", { limits: { maxPending: 2 } });
  const ask = (user: string, timeoutMs?: number): Promise<unknown> =>
    codeOf(relay(client).request({ user }, "app/ask", 1, timeoutMs === undefined ? {} : { timeoutMs }));
  const forbidden = ask("eve");
  await world.advance(10);
  expect(await forbidden).toBe("forbidden");
  const outcomes: unknown[] = [];
  void ask("bob").then((code) => outcomes.push(["default", code]));
  void ask("bob", 1000).then((code) => outcomes.push(["short", code]));
  void ask("bob").then((code) => outcomes.push(["third", code]));
  await world.advance(999);
  expect(outcomes).toEqual([["third", "limit"]]);
  await world.advance(1);
  expect(outcomes.slice(1)).toEqual([["short", "timeout"]]);
  await world.advance(3999);
  expect(outcomes.length).toBe(2);
  await world.advance(1);
  expect(outcomes.slice(2)).toEqual([["default", "timeout"]]);
  const open = ask("bob");
  await world.advance(10);
  client.close();
  expect([await open, await ask("bob")]).toEqual(["closed", "closed"]);
});

test("RELAY7 an answer is a message back: authorize is asked for it, and a message from the server has nobody to answer", async () => {
  const world = mailWorld({ authorize: ({ action, user }) => action !== "relay" || user.id === "ada" });
  const mail = serveInbox(world.sync);
  const bobs = inbox((await world.as("bob")).client);
  bobs.keep();
  const asked = codeOf(relay((await world.as("ada")).client).request({ user: "bob" }, "app/ask", 1));
  mail.notify("bob", "app/told", 1);
  await world.advance(10);
  const [first, second] = ["app/ask", "app/told"].map((name) => bobs.items.get().find(({ event }) => event === name));
  const outcome = codeOf(first?.reply?.(2)?.stored as Promise<void>);
  await world.advance(5000);
  expect([await outcome, await asked, second?.reply]).toEqual(["forbidden", "timeout", undefined]);
});

test("RELAY1, RELAY5 over a real WebSocket: a message and a request with its answer", async () => {
  const sync = createServer({ authenticate: ({ url }) => ({ id: url.searchParams.get("uid") ?? "nobody" }), onError: () => {} });
  onTestFinished(() => sync.close());
  serveInbox(sync);
  const port = await sync.listen(0, { host: "127.0.0.1" });
  const as = (uid: string) => {
    const client = createClient(`ws://127.0.0.1:${port}/chsk?uid=${uid}`);
    onTestFinished(() => client.close());
    return client;
  };
  const [ada, bob] = [as("ada"), as("bob")];
  inbox(bob).subscribe(({ data, reply }) => void reply?.({ sum: (data as number[]).reduce((a, b) => a + b) }));
  expect(await relay(ada).request({ user: "bob" }, "sum/ask", [1, 2, 3])).toEqual({ sum: 6 });
  await relay(ada).send({ user: "ada" }, "note/self", "!").stored;
});
