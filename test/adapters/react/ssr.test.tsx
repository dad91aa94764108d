/** Rendering on a server, and a page that takes the markup over. */
import { act, render } from "@testing-library/react";
import { Suspense, use } from "react";
import { renderToString } from "react-dom/server";
import { atom, type Client, type ClientOptions, createClient } from "sente-sync/client";
import { SyncProvider, useAtom, useClient, useStatus, useTopicStatus, useUser } from "sente-sync/react";
import { expect, test } from "vitest";
import { board, createWorld, stats, until } from "../support.ts";
import { Run } from "./support.tsx";

const visitors = () => <b>{useAtom(stats, (value) => value.visitors) ?? "none"}</b>;
const facts = () => `${useStatus().name} ${useTopicStatus(stats)} ${useUser()?.id ?? "nobody"}`;

async function rendered(): Promise<{ world: ReturnType<typeof createWorld>; hydrate: string }> {
  const world = createWorld({ visitors: 41 });
  return { world, hydrate: (await world.sync.dehydrate({ topics: ["stats"] })) as string };
}

test("a server renders what it was given, and undefined for the rest", async () => {
  const { hydrate } = await rendered();
  const page = (options: ClientOptions) =>
    renderToString(
      <SyncProvider create={() => createClient("/chsk", { autoConnect: false, ...options })}>
        <Run body={visitors} />
      </SyncProvider>,
    );
  expect(page({ hydrate })).toBe("<b>41</b>");
  expect(page({})).toBe("<b>none</b>");
  expect(page({ hydrate })).toBe(page({ hydrate }));
});

test("a server renders the state before any connection", async () => {
  const world = createWorld();
  const client = world.client();
  const held = atom(client, stats);
  held.keep();
  await held.ready;
  const html = renderToString(
    <SyncProvider client={client}>
      <Run body={facts} />
    </SyncProvider>,
  );
  expect(html).toBe("initial idle nobody");
});

test("a page takes the markup over without a difference, then follows the server", async () => {
  const { world, hydrate } = await rendered();
  const page = (create: () => Client) => (
    <SyncProvider create={create}>
      <Run body={visitors} />
      <Run body={facts} />
    </SyncProvider>
  );
  const container = document.body.appendChild(document.createElement("div"));
  container.innerHTML = renderToString(page(() => createClient("/chsk", { autoConnect: false, hydrate })));
  const markup = container.querySelector("b");
  const errors: unknown[] = [];
  // By now the server is further.
  world.live.update((draft) => void draft.visitors++);
  render(
    page(() => world.client({ hydrate })),
    { container, hydrate: true, onRecoverableError: (error) => errors.push(error) },
  );
  await until(() => expect(container.textContent).toMatch(/^42connected live anonymous-/));
  expect(container.querySelector("b")).toBe(markup);
  expect(errors).toEqual([]);
});

test("a part that is taken over late still starts from the markup's value", async () => {
  const { world, hydrate } = await rendered();
  let arrive = (_: string): void => {};
  const arrived = new Promise<string>((resolve) => {
    arrive = resolve;
  });
  const lateBody = ({ wait }: { wait: Promise<string> | undefined }) => {
    if (wait) use(wait);
    return (
      <i>
        <Run body={visitors} />
      </i>
    );
  };
  const page = (create: () => Client, wait?: Promise<string>) => (
    <SyncProvider create={create}>
      <Run body={visitors} />
      <Suspense fallback="waiting">
        <Run body={() => lateBody({ wait })} />
      </Suspense>
    </SyncProvider>
  );
  const container = document.body.appendChild(document.createElement("div"));
  container.innerHTML = renderToString(page(() => createClient("/chsk", { autoConnect: false, hydrate })));
  const late = container.querySelector("i b");
  const errors: unknown[] = [];
  const onRecoverableError = (error: unknown): void => void errors.push(error);
  await act(async () =>
    render(
      page(() => world.client({ hydrate }), arrived),
      { container, hydrate: true, onRecoverableError },
    ),
  );
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(container.querySelector("b")?.textContent).toBe("42"));
  expect(late?.textContent).toBe("41");
  arrive("here");
  await until(() => expect(late?.textContent).toBe("42"));
  expect(container.querySelector("i b")).toBe(late);
  expect(errors).toEqual([]);
});

test("hydrated values say their position: what did not change is not sent again", async () => {
  const { world, hydrate } = await rendered();
  const client = world.client({ hydrate });
  const seen: unknown[] = [];
  const probe = () => {
    seen.push(useAtom(stats), useAtom(board({ id: "1" }))?.title);
    return useClient().status.get().name;
  };
  render(<SyncProvider client={client}>{<Run body={probe} />}</SyncProvider>);
  expect(seen.slice(0, 2)).toEqual([world.live.get(), undefined]);
  await until(() => expect(seen.at(-1)).toBe("board 1"));
  expect(new Set(seen.filter((_, i) => i % 2 === 0)).size).toBe(1);
});
