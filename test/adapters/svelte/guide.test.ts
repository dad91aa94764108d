/** The pages of the guide "Svelte" (examples/guides/svelte/), as they stand. */
import { fireEvent, render } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import { serveGuide, until } from "../guide-server.ts";

test("the page shows what the server has, asks it, and moves to another room", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { sync, live } = await serveGuide();
  const { default: App } = await import("../../../examples/guides/svelte/app.svelte");
  const page = render(App);
  const text = (id: string) => page.container.querySelector(`#${id}`)?.textContent?.replace(/\s+/g, " ").trim();
  const click = (what: string) => fireEvent.click(page.container.querySelector(what)!);
  expect(text("visitors")).toBe("Loading…");
  await until(() => expect(text("visitors")).toBe("Visitors: 41, twice that is 82"));
  expect(text("line")).toBe("Connected as a guest");
  expect(sync.stats().connections).toBe(1);

  live.update((draft) => void draft.visitors++);
  await until(() => expect(text("visitors")).toBe("Visitors: 42, twice that is 84"));
  await click("#room button");
  await until(() => expect(text("room")).toBe("Tea in the kitchen? Ask for tea"));
  await click("#move");
  await click("#room button");
  await until(() => expect(text("room")).toBe("Tea in the kitchen?Tea in the garden? Ask for tea"));
  await click("#greeting button");
  await until(() => expect(text("greeting")).toBe("Greet Hello Ada"));
  sync.broadcast("news/item", { title: "new" });
  await until(() => expect(text("news")).toBe('[{"title":"new"}]'));
  page.unmount();
  await until(() => expect(sync.stats().connections).toBe(0));
  expect(printed).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

test("outside of components a live value is a store", async () => {
  const { sync } = await serveGuide();
  const { createClient } = await import("sente-sync/client");
  const { createTitle } = await import("../../../examples/guides/svelte/stores.ts");
  const client = createClient("/chsk");
  const titles: string[] = [];
  const stop = createTitle(client).subscribe((title) => void titles.push(title));
  await until(() => expect(titles).toEqual(["(0) My page", "(41) My page"]));
  stop();
  client.close();
  await until(() => expect(sync.stats().connections).toBe(0));
});
