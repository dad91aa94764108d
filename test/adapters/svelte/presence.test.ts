/** `sente-sync/svelte/presence` against a real server. */
import { fireEvent, screen } from "@testing-library/svelte";
import { follow, pointer, presence, presenter, typing } from "sente-sync/svelte/presence";
import { expect, test } from "vitest";
import Guide from "../../../examples/guides/svelte/presence.svelte";
import Parts from "../../../examples/guides/svelte/presence-parts.svelte";
import { createRoomWorld, guideRoom, hall, type Shown, talk } from "../room.ts";
import { until } from "../support.ts";
import Drawn from "./drawn.svelte";
import Runes from "./runes.svelte";
import Store from "./store.svelte";
import { renderWith } from "./support.ts";
import Tracked from "./tracked.svelte";

const names = (others: readonly { readonly data: Shown }[]): string => others.map(({ data }) => data.name).join();
const joining = (name: string) => () => presence(hall, { name, cursor: null }).select(names);

test.each([Runes, Store])("a mounted component is a member, and leaves with its end", async (component) => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const page = renderWith(world.client("ada"), component, { make: joining("ada") });
  await until(() => expect([page.text, names(bob.others.get())]).toEqual(['"bob"', "ada"]));
  bob.set({ name: "Bob" });
  await until(() => expect(page.text).toBe('"Bob"'));
  page.unmount();
  await until(() => expect(bob.others.get()).toEqual([]));
  expect(world.errors).toEqual([]);
});

test("effects run again only for what was selected", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const saw: unknown[] = [];
  const tags: unknown[] = [];
  const client = world.client("ada");
  renderWith(client, Runes, {
    make: () => presence(hall).select((others) => others.length),
    saw: (value: unknown) => saw.push(value),
  });
  const list = (): unknown =>
    presence(hall).select(
      (others) => others.map(({ data }) => data.page),
      (one, other) => one.join() === other.join(),
    );
  renderWith(client, Runes, { make: list, saw: (value: unknown) => tags.push(value) });
  await until(() => expect(saw).toEqual([0, 1]));
  const before = tags.length;
  bob.set({ cursor: { x: 1, y: 2 } });
  bob.set({ page: 5 });
  await until(() => expect(tags.at(-1)).toEqual([5]));
  expect([saw.length, tags.length]).toEqual([2, before + 1]);
});

test("self, users, stale and the handle are of the room that the ref names", async () => {
  const world = createRoomWorld();
  const client = world.client("ada");
  const room = presence(client, hall);
  const pages = [
    renderWith(client, Runes, { make: () => presence(hall, { name: "ada", cursor: null }).self }),
    renderWith(client, Runes, { make: () => room.users }),
    renderWith(client, Runes, { make: () => room.stale }),
  ];
  await until(() => expect(pages.map(({ text }) => text.includes("ada") || text)).toEqual([true, true, "false"]));
  room.handle.set({ name: "Ada" });
  await until(() => expect(pages[0]?.text).toContain('"Ada"'));
});

test("pointers glide and rest, and this one's is told", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob", { cursor: { x: 3, y: 4 } });
  const client = world.client("ada");
  renderWith(client, Runes, { make: joining("ada") });
  const page = renderWith(client, Tracked, { make: () => pointer(hall, { restMs: 30 }) });
  await until(() => expect(page.text).toBe("bob 3 4"));
  await until(() => expect(bob.others.get()).toHaveLength(1));
  const area = screen.getByTestId("area");
  await fireEvent.pointerMove(area, { clientX: 5, clientY: 6 });
  await until(() => expect(bob.others.get()[0]?.data.cursor).toEqual({ x: 5, y: 6 }));
  await fireEvent.pointerLeave(area);
  await until(() => expect(bob.others.get()[0]?.data.cursor).toBeNull());
});

test("typing, following and presenting", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const client = world.client("ada");
  renderWith(client, Runes, { make: joining("ada") });
  let types: ReturnType<typeof typing<Shown, Shown, never>> | undefined;
  let follows: ReturnType<typeof follow<Shown, Shown, never>> | undefined;
  let stage: ReturnType<typeof presenter<Shown, Shown, never, { readonly slide: number }>> | undefined;
  const typed = renderWith(client, Runes, { make: () => (types = typing(hall, { idleMs: 400 }) as never) });
  const followed = renderWith(client, Runes, { make: () => (follows = follow(hall) as never) });
  const shown = renderWith(client, Runes, {
    make: () => {
      const own = presenter(hall);
      stage = own as never;
      return own.shown;
    },
  });
  await until(() => expect(bob.others.get()).toHaveLength(1));
  types?.onInput();
  await until(() => expect(bob.others.get()[0]?.data.typing).toBe(true));
  await until(() => expect(bob.others.get()[0]?.data.typing).toBe(false));
  bob.set({ typing: true });
  await until(() => expect(typed.text).toContain("bob"));
  expect(followed.text).toBe("none");
  follows?.follow(bob.self.get().id as string);
  await until(() => expect(followed.text).toContain("bob"));
  follows?.stop();
  await until(() => expect(followed.text).toBe("none"));
  await stage?.take();
  await stage?.show({ slide: 2 });
  await until(() => expect(shown.text).toBe('{"slide":2}'));
  await stage?.give();
});

test("the page of the guide shows who is there and where they point", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob", { cursor: { x: 3, y: 4 } }, guideRoom);
  const page = renderWith(world.client("ada"), Guide, { name: "Ada" });
  await until(() => expect(page.text).toBe("Here with bob bob"));
  expect(names(bob.others.get())).toBe("Ada");
});

test("actions draw cursors and avatars of the room that the ref names, and take them away with the component", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob", { cursor: { x: 3, y: 4 } });
  world.enter("cid");
  const far = world.enter("dan", { cursor: { x: 1, y: 1 } }, talk({ id: "garden" }));
  const page = renderWith(world.client("ada"), Drawn, { id: "hall" });
  await until(() => expect(page.text).toBe("at bob BS+1"));
  expect(screen.getByTestId("area").style.position).toBe("relative");
  bob.set({ name: "Bob" });
  await until(() => expect(page.text).toBe("at Bob BS+1"));
  expect(document.querySelector<HTMLElement>(".sente-cursor")?.style.transform).toBe("translate(3px, 4px)");
  bob.close();
  await until(() => expect(page.text).toBe("CS"));
  await page.set({ id: "garden" });
  await until(() => expect(page.text).toBe("at dan DS"));
  const area = screen.getByTestId("area");
  page.unmount();
  expect(area.children).toHaveLength(0);
  far.set({ name: "Dan" });
  expect(world.errors).toEqual([]);
});

test("the parts of the guide: others over the page, and who is here", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob", { cursor: { x: 3, y: 4 } }, guideRoom);
  const page = renderWith(world.client("ada"), Parts, { name: "Ada" });
  await until(() => expect(page.text).toBe("BA Any pagebob"));
  expect(names(bob.others.get())).toBe("Ada");
});
