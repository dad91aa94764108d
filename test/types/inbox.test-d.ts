/** What must compile, and below `@ts-expect-error` what must not: messages between users. The compiler runs this; nothing else does. */
import { defineChannel, defineEvents, type } from "sente-sync";
import { type ClientAddress, createClient, inbox, relay } from "sente-sync/client";
import { createServer, inbox as serveInbox } from "sente-sync/server";
import { expectType } from "./expect.ts";

const events = defineEvents({
  "chat/message": { data: type<{ text: string }>() },
  "lunch/proposed": { data: type<{ place: string }>(), reply: type<boolean>() },
  "app/wave": {},
  "invoice/paid": { data: type<number>(), inbox: true },
});

export async function typed(): Promise<void> {
  const sync = createServer({ events });
  const mail = serveInbox(sync);
  sync.send("ada", "invoice/paid", 1);
  // @ts-expect-error what goes into inboxes goes to a user
  sync.broadcast("invoice/paid", 1);
  expectType<number>()(await mail.notify("ada", "chat/message", { text: "hi" }).stored);
  mail.notify("ada", "app/wave");
  // @ts-expect-error no such event
  mail.notify("ada", "chat/other", {});
  // @ts-expect-error the data is an object with a text
  mail.notify("ada", "chat/message", "hi");

  const browser = createClient("ws://localhost/chsk", { events });
  const to = relay(browser);
  to.send({ user: "ada" }, "chat/message", { text: "hi" });
  to.send({ client: { user: "ada", replica: "r" } }, "app/wave");
  to.send({ topic: defineChannel("room") }, "app/wave");
  to.send({ topic: "room" }, "app/wave");
  // @ts-expect-error a target is a user, a client or a topic
  to.send("ada", "app/wave");
  expectType<boolean>()(await to.request({ user: "ada" }, "lunch/proposed", { place: "park" }));
  // @ts-expect-error many readers are not asked
  void to.request({ topic: "room" }, "lunch/proposed", { place: "park" });

  inbox(browser).subscribe((message) => {
    expectType<ClientAddress | null>()(message.from);
    if (message.event === "chat/message") expectType<{ text: string }>()(message.data);
    if (message.event === "lunch/proposed") message.reply?.(true);
    // @ts-expect-error an answer is a boolean
    if (message.event === "lunch/proposed") message.reply?.("yes");
  });
  expectType<number>()(inbox(browser).unread.get());
  inbox(browser).on("invoice/paid", ({ data, reply }) => {
    expectType<number>()(data);
    reply?.(null);
  });
  browser.on("app/wave", ({ event }) => expectType<string>()(event));
  // @ts-expect-error it is told by the inbox
  browser.on("invoice/paid", () => {});
}

export function untyped(): void {
  serveInbox(createServer()).notify("ada", "any/event", { n: 1 });
  const browser = createClient("ws://localhost/chsk");
  relay(browser).send({ user: "ada" }, "any/event", { n: 1 });
  const [first] = inbox(browser).items.get();
  expectType<string | undefined>()(first?.event);
}
