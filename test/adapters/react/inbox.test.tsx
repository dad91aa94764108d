/** useInbox against a real server. */
import { act } from "@testing-library/react";
import { useInbox } from "sente-sync/react";
import { inbox } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

test("mail comes, is counted, and is read in every component", async () => {
  const world = createWorld();
  const mail = inbox(world.sync);
  const client = world.client();
  let read: (() => unknown) | undefined;
  const count = () => {
    const { unread, markRead } = useInbox();
    read = () => markRead();
    return `unread ${unread}`;
  };
  const list = () =>
    useInbox()
      .items.map(({ event, data }) => `${event} ${String(data)}`)
      .join(", ");
  const page = renderWith(
    client,
    <>
      <Run body={count} />: <Run body={list} />
    </>,
  );
  expect(page.text).toBe("unread 0: ");
  await until(() => expect(client.user.get()).toBeDefined());
  const { id } = client.user.get() as { id: string };
  mail.notify(id, "invoice/paid", 12);
  mail.notify(id, "invoice/paid", 13);
  await until(() => expect(page.text).toBe("unread 2: invoice/paid 12, invoice/paid 13"));
  act(() => void read?.());
  await until(() => expect(page.text).toBe("unread 0: invoice/paid 12, invoice/paid 13"));
});
