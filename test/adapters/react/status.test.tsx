/** useStatus and useUser. */
import { useStatus, useUser } from "sente-sync/react";
import { expect, test } from "vitest";
import { createWorld, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

test("the status of the line is shown as it changes", async () => {
  const world = createWorld();
  const client = world.client();
  const status = () => {
    const { name, transport } = useStatus();
    return `${name} ${transport ?? ""}`;
  };
  const page = renderWith(client, <Run body={status} />);
  expect(page.text).toBe("connecting ");
  await until(() => expect(page.text).toBe("connected memory"));
  client.disconnect();
  await until(() => expect(page.text).toBe("disconnected "));
  client.connect();
  await until(() => expect(page.text).toBe("connected memory"));
});

test("the user is who the server says", async () => {
  const world = createWorld();
  const client = world.client({ autoConnect: false });
  const name = () => {
    const user = useUser();
    return user ? `anonymous ${user.anonymous}` : "nobody yet";
  };
  const page = renderWith(client, <Run body={name} />);
  expect(page.text).toBe("nobody yet");
  client.connect();
  await until(() => expect(page.text).toBe("anonymous true"));
});
