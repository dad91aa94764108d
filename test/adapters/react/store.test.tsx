/** useStore, useSyncStatus and useRejectedWrites against a real server. */
import { act } from "@testing-library/react";
import { Profiler } from "react";
import { useRejectedWrites, useStore, useSyncStatus, useTopicStatus } from "sente-sync/react";
import { expect, test } from "vitest";
import { createWorld, todos, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

test("a mutation is on the screen at once, with its client and the others", async () => {
  const world = createWorld();
  const [ada, bob] = [world.client(), world.client()];
  let add: ((text: string) => unknown) | undefined;
  const list = (who: string) => () => {
    const [value, run] = useStore(todos, ({ items }) => items.map(({ text }) => text).join(" "));
    if (who === "ada") add = run.add;
    const { status, pending } = useSyncStatus();
    return `${who}: ${value ?? "none"} ${status} ${pending}`;
  };
  const pages = [renderWith(ada, <Run body={list("ada")} />), renderWith(bob, <Run body={list("bob")} />)];
  expect(pages[0]?.text).toBe("ada: none synchronized 0");
  await until(() => expect(pages.map(({ text }) => text)).toEqual(["ada:  synchronized 0", "bob:  synchronized 0"]));
  act(() => void add?.("milk"));
  expect(pages[0]?.text).toBe("ada: milk synchronizing 1");
  await until(() => expect(pages.map(({ text }) => text)).toEqual(["ada: milk synchronized 0", "bob: milk synchronized 0"]));
});

test("what is rejected disappears, and is in the list of rejected writes until it is given up", async () => {
  const world = createWorld();
  const client = world.client();
  let add: ((text: string) => unknown) | undefined;
  const list = () => {
    const [items = [], run] = useStore(todos, (value) => value.items);
    add = run.add;
    const rejected = useRejectedWrites();
    return (
      <>
        {items.map(({ text }) => text).join(" ")} | {rejected.map(({ code }) => code).join(" ")}
        <button type="button" onClick={() => rejected[0]?.discard()} />
      </>
    );
  };
  const page = renderWith(client, <Run body={list} />);
  await until(() => expect(client.status.get().name).toBe("connected"));
  act(() => void add?.("odd"));
  act(() => void add?.("even"));
  expect(page.text).toBe("odd even | ");
  await until(() => expect(page.text).toBe("even | invalid"));
  act(() => document.querySelector("button")?.click());
  expect(page.text).toBe("even | ");
});

test("a component renders only when what it selected changed", async () => {
  const world = createWorld();
  const client = world.client();
  let renders = 0;
  let hit: (() => unknown) | undefined;
  const texts = () => {
    const [value = "none", run] = useStore(
      todos,
      ({ items }) => items.map(({ text }) => text),
      (one, other) => one.join() === other.join(),
    );
    hit = run.hit;
    return String(value);
  };
  const page = renderWith(
    client,
    <Profiler id="list" onRender={() => void renders++}>
      <Run body={texts} />
    </Profiler>,
  );
  await until(() => expect(page.text).toBe(""));
  const before = renders;
  for (let i = 0; i < 5; i++) act(() => void hit?.());
  await world.settle(client);
  expect(renders).toBe(before);
});

test("the status of a store, whoever looks first", async () => {
  const world = createWorld();
  const both = () => {
    const status = useTopicStatus(todos);
    const [value] = useStore(todos, ({ items }) => items.length);
    return `${status} ${value ?? "none"}`;
  };
  const page = renderWith(world.client(), <Run body={both} />);
  await until(() => expect(page.text).toBe("live 0"));
});
