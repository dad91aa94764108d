/** The undo buttons of the guide, as they stand, and the hooks with a topic or a history. */
import { act, cleanup, render } from "@testing-library/react";
import { StrictMode } from "react";
import { createUndoHistory, shared, store, type UndoHistory } from "sente-sync/client";
import { SyncProvider, useCanUndo, useUndo, useUndoHistory } from "sente-sync/react";
import { shared as serveShared, store as serveStore } from "sente-sync/server";
import { afterEach, expect, test } from "vitest";
import { notes, Page, plan } from "../../../examples/guides/react/undo.tsx";
import { createWorld, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

afterEach(cleanup);

test("UNDO12 the buttons undo and redo in one stack, what one topic was written after the other", async () => {
  const world = createWorld();
  serveShared(world.sync, plan);
  const served = serveStore(world.sync, notes);
  const page = render(
    <StrictMode>
      <SyncProvider client={world.client()}>
        <Page />
      </SyncProvider>
    </StrictMode>,
  );
  const button = (name: string): HTMLButtonElement =>
    [...page.container.querySelectorAll("button")].find(({ textContent }) => textContent === name) as HTMLButtonElement;
  const click = (name: string): void => act(() => button(name).click());
  const seen = (): unknown => [
    page.container.querySelector("h1")?.textContent,
    page.container.querySelector("#notes")?.textContent,
    !button("Undo").disabled,
    !button("Redo").disabled,
  ];
  await until(() => expect(seen()).toEqual(["", "", false, false]));
  for (const name of ["Title", "Add"]) click(name);
  expect(seen()).toEqual(["Plan", "Milk", true, false]);
  await until(() => expect(served.get().texts).toEqual(["Milk"]));
  click("Undo");
  expect(seen()).toEqual(["Plan", "", true, true]);
  click("Undo");
  expect(seen()).toEqual(["", "", false, true]);
  for (const _ of [1, 2]) click("Redo");
  expect(seen()).toEqual(["Plan", "Milk", true, false]);
  await until(() => expect(served.get().texts).toEqual(["Milk"]));
});

test("UNDO9 the hooks take a store, a tree or a history", async () => {
  const world = createWorld();
  serveShared(world.sync, plan);
  serveStore(world.sync, notes);
  const client = world.client();
  const own = createUndoHistory();
  let undo: (() => unknown) | undefined;
  const found: UndoHistory[] = [];
  const page = renderWith(
    client,
    <Run
      body={() => {
        found.splice(0, found.length, useUndoHistory(plan), useUndoHistory(notes), useUndoHistory(own));
        undo = useUndo(notes);
        return [useCanUndo(plan), useCanUndo(notes), useCanUndo(own)].join(" ");
      }}
    />,
  );
  expect([page.text, found]).toEqual(["false false false", [shared(client, plan).history, store(client, notes).history, own]]);
  act(() => void store(client, notes).do.add("a"));
  expect(page.text).toBe("false true false");
  act(() => void undo?.());
  expect(page.text).toBe("false false false");
  act(() => void shared(client, plan, { history: own }).set(["title"], "b"));
  expect(page.text).toBe("false false true");
});
