// @vitest-environment node
/** Rendering in Node, where there is no page. */
import { renderToString } from "react-dom/server";
import { SyncProvider, useAtom } from "sente-sync/react";
import { expect, test } from "vitest";
import { createWorld, stats, until } from "../support.ts";
import { Run } from "./support.tsx";

test("what a provider made for one rendering is closed after it", async () => {
  const world = createWorld();
  const visitors = () => useAtom(stats, (value) => value.visitors) ?? "none";
  const html = renderToString(
    <SyncProvider create={() => world.client()}>
      <Run body={visitors} />
    </SyncProvider>,
  );
  expect(html).toBe("none");
  expect(world.clients.length).toBe(1);
  await until(() => expect(world.clients[0]?.status.get().name).toBe("closed"));
  await until(() => expect(world.sync.stats().connections).toBe(0));
});
