// @vitest-environment node
/** Rendering on a server. */
import { createClient } from "sente-sync/client";
import { atom, status, user } from "sente-sync/svelte";
import { render } from "svelte/server";
import { expect, test } from "vitest";
import { createWorld, stats } from "../support.ts";
import Board from "./board.svelte";
import Root from "./root.svelte";
import Runes from "./runes.svelte";
import Store from "./store.svelte";

function rendered(client: unknown, child: unknown, childProps: object): string {
  const { body } = render(Root as never, { props: { client, child, childProps } } as never);
  return body
    .replace(/<!--.*?-->/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

test.each([
  { form: "live.current", component: Runes },
  { form: "$live", component: Store },
])("$form is what the server was given, and undefined for the rest", async ({ component }) => {
  const hydrate = (await createWorld({ visitors: 41 }).sync.dehydrate({ topics: ["stats"] })) as string;
  const make = () => atom(stats, (value) => value.visitors);
  expect(rendered(() => createClient("/chsk", { hydrate }), component, { make })).toBe("41");
  expect(rendered(() => createClient("/chsk"), component, { make })).toBe("none");
  expect(rendered(() => createClient("/chsk"), component, { make: status })).toBe('{"name":"initial"}');
  expect(rendered(() => createClient("/chsk"), component, { make: user })).toBe("none");
});

test("a getter names the topic on a server as well", () => {
  expect(rendered(() => createClient("/chsk"), Board, { id: "a" })).toBe("loading loading");
});

test("what a function made for one rendering is closed after it", () => {
  const world = createWorld();
  const text = rendered(() => world.client(), Runes, { make: () => atom(stats) });
  expect(text).toBe("none");
  expect(world.clients.map((client) => client.status.get().name)).toEqual(["closed"]);
});
