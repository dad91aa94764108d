/** The page of the guide "Web components", as it stands in its file, over a real socket. */
import { readFileSync } from "node:fs";
import { presence as rooms, store } from "sente-sync/server";
import { expect, test } from "vitest";
import { todos } from "../../../examples/guides/elements-contract.ts";
import { cursors } from "../../../examples/guides/presence-contract.ts";
import { serveGuide, until } from "../guide-server.ts";
import { shown } from "./shown.ts";

test("the page of the guide: a value, cursors, avatars, and an element of its own", async () => {
  const { live, sync } = await serveGuide();
  rooms(sync, cursors);
  const list = store(sync, todos);
  list.do.add("Milk");
  const { createClient, presence } = await import("sente-sync/client");
  const html = readFileSync("examples/guides/elements.html", "utf8");
  document.body.innerHTML = /<body>([\s\S]*)<\/body>/.exec(html)?.[1] as string;
  await import("../../../examples/guides/elements.ts");
  const find = (selector: string): HTMLElement => document.querySelector<HTMLElement>(selector) as HTMLElement;
  await until(() => expect(shown(find("sente-value"))).toBe("41"));
  live.set({ visitors: 42, last: "bob" });
  await until(() => expect(shown(find("sente-value"))).toBe("42"));
  await until(() => expect(shown(find("todo-list"))).toBe("To do:Milk"));
  list.do.add("Bread");
  await until(() => expect(shown(find("todo-list"))).toBe("To do:MilkBread"));
  find("todo-list").setAttribute("done", "");
  expect(shown(find("todo-list"))).toBe("To do:");

  const bob = createClient(new URL("/chsk", location.href.replace("http", "ws")).href);
  const room = presence(bob, cursors({ room: "lobby" }), { name: "Bob", cursor: { x: 1, y: 2 } });
  await until(() => expect(room.others.get().map(({ data }) => data.name)).toEqual(["Ada"]));
  await until(() => expect(find("sente-avatars").shadowRoot?.querySelectorAll(".sente-avatar")).toHaveLength(2));
  await until(() => expect(find("sente-cursors").shadowRoot?.querySelector(".sente-cursor")?.textContent).toBe("Bob"));
  find("sente-client").remove();
  await until(() => expect(room.others.get()).toEqual([]));
  bob.close();
});
