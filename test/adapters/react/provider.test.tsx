/** Who makes, shares and closes the client. */
import { act, render } from "@testing-library/react";
import { Activity, type ReactNode, StrictMode, Suspense, use } from "react";
import { isSyncError } from "sente-sync";
import type { Client } from "sente-sync/client";
import { SyncProvider, useAtom, useClient, useStatus } from "sente-sync/react";
import { expect, test, vi } from "vitest";
import { createWorld, stats, until } from "../support.ts";
import { Run } from "./support.tsx";

const visitors = () => `${useAtom(stats, (value) => value.visitors) ?? "none"} ${useStatus().name}`;
const isOpen = (client: Client | undefined): boolean => client?.status.get().name !== "closed";

test("a provider makes one client, and closes it when it goes", async () => {
  const world = createWorld();
  const { container, rerender, unmount } = render(
    <SyncProvider create={() => world.client()}>{<Run body={visitors} />}</SyncProvider>,
  );
  await until(() => expect(container.textContent).toBe("1 connected"));
  rerender(<SyncProvider create={() => world.client()}>{<Run body={visitors} />}</SyncProvider>);
  expect(world.clients.length).toBe(1);
  unmount();
  await until(() => expect(isOpen(world.clients[0])).toBe(false));
  await until(() => expect(world.sync.stats().connections).toBe(0));
});

test("StrictMode's double mount opens one socket", async () => {
  const world = createWorld();
  const { container, unmount } = render(
    <StrictMode>
      <SyncProvider create={() => world.client()}>
        <Run body={visitors} />
      </SyncProvider>
    </StrictMode>,
  );
  await until(() => expect(container.textContent).toBe("1 connected"));
  await world.settle(world.clients[0]!);
  expect(world.accepts).toBe(1);
  expect(world.clients.length).toBe(1);
  unmount();
  await until(() => expect(world.sync.stats().connections).toBe(0));
});

test("another key makes another client and closes the one before", async () => {
  const world = createWorld();
  const create = () => world.client();
  const page = (user: string) => (
    <SyncProvider key={user} create={create}>
      <Run body={visitors} />
    </SyncProvider>
  );
  const { container, rerender } = render(page("ada"));
  await until(() => expect(container.textContent).toBe("1 connected"));
  rerender(page("bob"));
  await until(() => expect(container.textContent).toBe("1 connected"));
  expect(world.clients.length).toBe(2);
  await until(() => expect(world.clients.map(isOpen)).toEqual([false, true]));
});

test("two providers with the same function have a client each", async () => {
  const world = createWorld();
  const create = () => world.client();
  const { container } = render(
    <>
      <SyncProvider create={create}>{<Run body={visitors} />}</SyncProvider>
      <SyncProvider create={create}>{<Run body={visitors} />}</SyncProvider>
    </>,
  );
  await until(() => expect(container.textContent).toBe("1 connected1 connected"));
  expect(world.accepts).toBe(2);
});

test("a client that the application made is not closed by the provider", async () => {
  const world = createWorld();
  const client = world.client();
  const { container, unmount } = render(<SyncProvider client={client}>{<Run body={visitors} />}</SyncProvider>);
  await until(() => expect(container.textContent).toBe("1 connected"));
  unmount();
  await world.settle(client);
  expect(isOpen(client)).toBe(true);
});

test("another client in place of the first is used by all hooks", async () => {
  const world = createWorld();
  const [one, other] = [world.client(), world.client()];
  const seen: Client[] = [];
  const probe = () => {
    seen.push(useClient());
    return <Run body={visitors} />;
  };
  const { container, rerender } = render(<SyncProvider client={one}>{<Run body={probe} />}</SyncProvider>);
  await until(() => expect(container.textContent).toBe("1 connected"));
  rerender(<SyncProvider client={other}>{<Run body={probe} />}</SyncProvider>);
  await until(() => expect(container.textContent).toBe("1 connected"));
  one.close();
  world.live.update((draft) => void draft.visitors++);
  await until(() => expect(container.textContent).toBe("2 connected"));
  expect([seen[0], seen.at(-1)]).toEqual([one, other]);
});

test("a hidden part closes its client, and makes another when it is shown again", async () => {
  const world = createWorld();
  const page = (mode: "visible" | "hidden") => (
    <Activity mode={mode}>
      <SyncProvider create={() => world.client()}>
        <Run body={visitors} />
      </SyncProvider>
    </Activity>
  );
  const { container, rerender } = render(page("visible"));
  await until(() => expect(container.textContent).toBe("1 connected"));
  rerender(page("hidden"));
  await until(() => expect(isOpen(world.clients[0])).toBe(false));
  world.live.update((draft) => void draft.visitors++);
  rerender(page("visible"));
  await until(() => expect(container.textContent).toBe("2 connected"));
  expect(world.clients.map(isOpen)).toEqual([false, true]);
});

test("a client made for a render that was thrown away is closed", async () => {
  const world = createWorld();
  let arrive = (_: string): void => {};
  const arrived = new Promise<string>((resolve) => {
    arrive = resolve;
  });
  const late = () => use(arrived);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    // The provider is inside the boundary: React forgets what it made when it waits.
    const { container, unmount } = await act(async () =>
      render(
        <Suspense fallback="waiting">
          <SyncProvider create={() => world.client()}>
            <Run body={late} />
          </SyncProvider>
        </Suspense>,
      ),
    );
    expect(container.textContent).toBe("waiting");
    expect(world.clients.some(isOpen)).toBe(true);
    vi.advanceTimersByTime(5000);
    expect(world.clients.some(isOpen)).toBe(false);
    await act(async () => arrive("here"));
    expect(container.textContent).toBe("here");
    expect(world.clients.filter(isOpen).length).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect(world.clients.filter(isOpen).length).toBe(1);
    unmount();
    vi.advanceTimersByTime(0);
    expect(world.clients.some(isOpen)).toBe(false);
  } finally {
    vi.useRealTimers();
  }
});

test("a hook without a provider says what to do", () => {
  const errors: unknown[] = [];
  const attempt = (element: ReactNode): void => {
    try {
      render(element, { onCaughtError: () => {} });
    } catch (error) {
      errors.push(error);
    }
  };
  attempt(<Run body={visitors} />);
  expect(isSyncError(errors[0], "invalid")).toBe(true);
  expect(String(errors[0])).toContain("<SyncProvider>");
});
