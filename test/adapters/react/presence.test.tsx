/** `sente-sync/react/presence` against a real server: who renders again for what, and the ready parts. */
import { act, fireEvent, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { SyncProvider } from "sente-sync/react";
import {
  AvatarStack,
  Cursors,
  useBroadcastEvent,
  useEventListener,
  useFollow,
  useMyPresence,
  useOther,
  useOthers,
  useOthersMapped,
  usePresenter,
  useSelf,
  useStale,
  useTypingIndicator,
  useUpdateMyPresence,
} from "sente-sync/react/presence";
import { expect, test, vi } from "vitest";
import { Lobby, Plain, Sidebar, Slides } from "../../../examples/guides/react/presence.tsx";
import { createRoomWorld, guideRoom, hall, type Shown } from "../room.ts";
import { until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

const names = (others: readonly { readonly data: Shown }[]): string => others.map(({ data }) => data.name).join();

/** Joins, and shows what its body gives. */
function Joined({ body, name = "ada" }: { readonly name?: string; readonly body?: () => string }) {
  const [data] = useMyPresence(hall, { name, cursor: null });
  return <p>{body ? <Run body={body} /> : data.name}</p>;
}

test("a mounted component is a member, StrictMode or not, and leaves when it is gone", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const seen: string[] = [];
  bob.others.subscribe((others) => void seen.push(names(others)));
  await until(() => expect(bob.stale.get()).toBe(false));
  const page = renderWith(
    world.client("ada"),
    <StrictMode>
      <Joined />
      <Joined name="other" />
    </StrictMode>,
  );
  // One member, whose data the first of them began.
  expect(page.text).toBe("adaada");
  await until(() => expect(names(bob.others.get())).toBe("ada"));
  page.show(<Joined />);
  await until(() => expect(page.text).toBe("ada"));
  page.unmount();
  await until(() => expect(bob.others.get()).toEqual([]));
  expect(seen).toEqual(["", "ada", ""]);
  expect(world.errors).toEqual([]);
});

test("what is set shows at once; useSelf and useUpdateMyPresence go with it", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  let renders = 0;
  let update: (patch: Partial<Shown>) => void = () => {};
  const toolbar = () => {
    update = useUpdateMyPresence(hall);
    renders++;
    return null;
  };
  const body = () => `${useSelf(hall, ({ data }) => data.name)} ${useStale(hall)}`;
  const page = renderWith(
    world.client("ada"),
    <>
      <Joined body={body} />
      <Run body={toolbar} />
    </>,
  );
  await until(() => expect(page.text).toBe("ada false"));
  act(() => update({ name: "Ada" }));
  expect(page.text).toBe("Ada false");
  await until(() => expect(names(bob.others.get())).toBe("Ada"));
  expect(renders).toBe(1);
});

test("a component renders again only for what it selected", async () => {
  const world = createRoomWorld();
  const [bob, cid] = [world.enter("bob"), world.enter("cid")];
  const renders = { all: 0, names: 0, mapped: 0, cid: 0, count: 0 };
  const id = () => cid.self.get().id ?? "";
  await until(() => expect(id()).not.toBe(""));
  const all = () => {
    renders.all++;
    return <i>{useOthers(hall).length}</i>;
  };
  const names = () => {
    renders.names++;
    return (
      <b>
        {useOthers(
          hall,
          (others) => others.map(({ data }) => data.name),
          (one, other) => one.join() === other.join(),
        ).join()}
      </b>
    );
  };
  const mapped = () => {
    renders.mapped++;
    const mapped = useOthersMapped(hall, ({ data }) => data.page ?? 0);
    return <u>{mapped.map(([, page]) => page).join()}</u>;
  };
  const one = () => {
    renders.cid++;
    return <em>{useOther(hall, id())?.data.page}</em>;
  };
  const count = () => {
    renders.count++;
    return <s>{useOthers(hall, (others) => others.length)}</s>;
  };
  const page = renderWith(
    world.client("ada"),
    <>
      <Run body={all} />
      <Run body={names} />
      <Run body={mapped} />
      <Run body={one} />
      <Run body={count} />
    </>,
  );
  await until(() => expect(page.text).toBe("2bob,cid0,02"));
  const before = { ...renders };
  const moved = (which: keyof typeof renders): number => renders[which] - before[which];
  bob.set({ cursor: { x: 1, y: 1 } });
  await until(() => expect(moved("all")).toBe(1));
  expect(renders).toEqual({ ...before, all: before.all + 1 });
  cid.set({ page: 3 });
  await until(() => expect(page.text).toBe("2bob,cid0,332"));
  expect([moved("all"), moved("names"), moved("mapped"), moved("cid"), moved("count")]).toEqual([2, 0, 1, 1, 0]);
  bob.close();
  await until(() => expect(page.text).toBe("1cid331"));
  expect([moved("names"), moved("mapped"), moved("cid"), moved("count")]).toEqual([1, 2, 1, 1]);
});

test("events are broadcast and heard by the latest callback", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const heard: string[] = [];
  bob.on("ping", ({ data, from }) => void heard.push(`bob ${data} ${from?.data.name}`));
  let broadcast: (event: "ping", data: number) => boolean = () => false;
  const body = (tag: string) => () => {
    broadcast = useBroadcastEvent(hall);
    useEventListener(hall, "ping", ({ data, from }) => void heard.push(`${tag} ${data} ${from?.data.name}`));
    return "";
  };
  const page = renderWith(world.client("ada"), <Joined body={body("one")} />);
  await until(() => expect(names(bob.others.get())).toBe("ada"));
  await until(() => expect(broadcast("ping", 1)).toBe(true));
  page.show(<Joined body={body("two")} />);
  bob.broadcast("ping", 2);
  await until(() => expect(heard.sort()).toEqual(["bob 1 ada", "two 2 bob"]));
});

test("useTypingIndicator: typing ends with a pause, or where the field is left", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  const form = () => {
    const [typing, handlers] = useTypingIndicator(hall, { idleMs: 400 });
    return (
      <>
        <input aria-label="text" onInput={handlers.onInput} onBlur={handlers.onBlur} />
        {names(typing)}
      </>
    );
  };
  const page = renderWith(
    world.client("ada"),
    <>
      <Joined />
      <Run body={form} />
    </>,
  );
  const isTyping = (): unknown => bob.others.get()[0]?.data.typing;
  await until(() => expect(names(bob.others.get())).toBe("ada"));
  const field = screen.getByLabelText("text");
  fireEvent.input(field);
  await until(() => expect(isTyping()).toBe(true));
  await until(() => expect(isTyping()).toBe(false));
  fireEvent.input(field);
  await until(() => expect(isTyping()).toBe(true));
  fireEvent.blur(field);
  await until(() => expect(isTyping()).toBe(false));
  bob.set({ typing: true });
  await until(() => expect(page.text).toBe("adabob"));
});

test("useFollow: the member at once and at each change, until it is gone", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob", { page: 1 });
  const pages: unknown[] = [];
  let follow: (id: string) => void = () => {};
  const body = () => {
    const result = useFollow(hall, ({ data }) => void pages.push(data.page));
    ({ follow } = result);
    return result.following?.data.name ?? "nobody";
  };
  const page = renderWith(world.client("ada"), <Joined body={body} />);
  await until(() => expect(bob.others.get()).toHaveLength(1));
  expect(page.text).toBe("nobody");
  await until(() => expect(bob.self.get().id).toBeDefined());
  act(() => follow(bob.self.get().id as string));
  await until(() => expect(page.text).toBe("bob"));
  bob.set({ page: 2 });
  await until(() => expect(pages).toEqual([1, 2]));
  bob.close();
  await until(() => expect(page.text).toBe("nobody"));
});

test("usePresenter: who presents shows, the others follow", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob");
  let stage: ReturnType<typeof usePresenter<Shown, Shown, never, { readonly slide: number }>> | undefined;
  const body = () => {
    const own = usePresenter(hall);
    stage = own as never;
    return `${own.presenter?.data.name} ${own.shown?.slide} ${own.isPresenter}`;
  };
  const page = renderWith(world.client("ada"), <Joined body={body} />);
  expect(page.text).toBe("undefined undefined false");
  await until(() => expect(bob.others.get()).toHaveLength(1));
  await act(async () => {
    await stage?.take();
    await stage?.show({ slide: 4 });
  });
  await until(() => expect(page.text).toBe("ada 4 true"));
});

test("Cursors shows the others' pointers with names, and tells this one's", async () => {
  const world = createRoomWorld();
  const bob = world.enter("bob", { cursor: { x: 30, y: 40 } });
  const page = renderWith(
    world.client("ada"),
    <>
      <Joined />
      <Cursors of={hall} className="area" restMs={30}>
        <h1>Page</h1>
      </Cursors>
    </>,
  );
  const cursor = (): HTMLElement | null => document.querySelector(".sente-cursor");
  await until(() => expect(cursor()?.textContent).toBe("bob"));
  expect(cursor()?.style.transform).toBe("translate(30px, 40px)");
  expect(document.querySelector(".area h1")?.textContent).toBe("Page");
  await until(() => expect(names(bob.others.get())).toBe("ada"));
  fireEvent.pointerMove(document.querySelector(".area") as Element, { clientX: 7, clientY: 8 });
  await until(() => expect(bob.others.get()[0]?.data.cursor).toEqual({ x: 7, y: 8 }));
  fireEvent.pointerLeave(document.querySelector(".area") as Element);
  await until(() => expect(bob.others.get()[0]?.data.cursor).toBeNull());
  bob.close();
  await until(() => expect(cursor()).toBeNull());
  page.unmount();
});

test("AvatarStack shows one per person, fewer than all of many, and render draws them", async () => {
  const world = createRoomWorld();
  const page = renderWith(
    world.client("ada"),
    <AvatarStack of={hall} max={2} className="stack" label={({ user }) => `user ${user.id}`} />,
  );
  const avatars = (): (string | null)[] => [...document.querySelectorAll(".stack > li")].map((each) => each.textContent);
  const one = world.enter("bob");
  const two = world.enter("bob");
  await until(() => expect(avatars()).toEqual(["UB"]));
  world.enter("cid");
  world.enter("dan");
  await until(() => expect(avatars()).toEqual(["UB", "UC", "+1"]));
  // One of the two tabs of a person.
  one.close();
  const room = await world.room();
  await until(() => expect(room.members.get()).toHaveLength(3));
  expect(avatars()).toHaveLength(3);
  two.close();
  await until(() => expect(avatars()).toEqual(["UC", "UD"]));
  page.show(<AvatarStack of={hall} className="stack" render={({ user }) => <b>{user.id}</b>} />);
  expect(avatars()).toEqual(["cid", "dan"]);
});

test("the page of the guide: cursors, avatars, others, typing, presenting", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const world = createRoomWorld();
  const bob = world.enter("bob", { cursor: { x: 3, y: 4 } }, guideRoom);
  const page = renderWith(
    world.client("ada"),
    <>
      <Lobby name="Ada" />
      <Sidebar />
      <Slides />
    </>,
  );
  await until(() => expect(page.text).toContain("1 others: bob"));
  await until(() => expect(names(bob.others.get())).toBe("Ada"));
  await until(() => expect([...document.querySelectorAll(".sente-avatar")].map((each) => each.textContent)).toEqual(["B", "A"]));
  const heard: number[] = [];
  bob.on("ping", ({ data }) => void heard.push((data as unknown as { x: number }).x));
  fireEvent.click(screen.getByText("Ping"));
  await until(() => expect(heard).toEqual([1]));
  bob.broadcast("ping", { x: 7, y: 0 } as never);
  await until(() => expect(printed).toHaveBeenCalledWith("bob pings at 7"));
  bob.set({ typing: true });
  await until(() => expect(document.querySelector("aside")?.textContent).toContain("bobPing"));
  fireEvent.click(screen.getByText("Present"));
  await until(() => expect(page.text).toContain("Slide 1, Ada presents"));
  fireEvent.click(screen.getByText("Next"));
  await until(() => expect(page.text).toContain("Slide 2, Ada presents"));
  page.show(<Plain />);
  await until(() => expect(document.querySelector(".sente-cursor em")?.textContent).toBe("bob"));
  printed.mockRestore();
});

test("a server renders an empty room", () => {
  const world = createRoomWorld();
  const client = world.client("ada");
  const markup = renderToString(
    <SyncProvider client={client}>
      <Joined body={() => `${useOthers(hall).length} ${useStale(hall)}`} />
      <Cursors of={hall} />
      <AvatarStack of={hall} />
    </SyncProvider>,
  );
  expect(markup).toContain("0 true");
});
