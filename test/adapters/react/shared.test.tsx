/** useShared and its undo against a real server. */
import { act } from "@testing-library/react";
import type { ClientShared } from "sente-sync/client";
import { useCanRedo, useCanUndo, useRedo, useShared, useUndo } from "sente-sync/react";
import { expect, test } from "vitest";
import { createWorld, plan, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

type Plan = ClientShared<{ title: string; done: Record<string, boolean> }>;

test("a write is on the screen at once, with its client and the others, and can be undone", async () => {
  const world = createWorld();
  const own: Partial<{ handle: Plan; undo: () => unknown; redo: () => unknown }> = {};
  const view = (who: string) => () => {
    const [title = "none", handle] = useShared(plan, (value) => value.title);
    const [undo, redo, can] = [useUndo(plan), useRedo(plan), [useCanUndo(plan), useCanRedo(plan)]];
    if (who === "ada") Object.assign(own, { handle, undo, redo });
    return `${who}: ${title} ${can.join(" ")}`;
  };
  const [ada, bob] = ["ada", "bob"].map((who) => renderWith(world.client(), <Run body={view(who)} />));
  await until(() => expect([ada?.text, bob?.text]).toEqual(["ada:  false false", "bob:  false false"]));
  act(() => void own.handle?.set(["title"], "Plan"));
  expect(ada?.text).toBe("ada: Plan true false");
  await until(() => expect(bob?.text).toBe("bob: Plan false false"));
  act(() => void own.undo?.());
  expect(ada?.text).toBe("ada:  false true");
  await until(() => expect(bob?.text).toBe("bob:  false false"));
  act(() => void own.redo?.());
  await until(() => expect([ada?.text, bob?.text]).toEqual(["ada: Plan true false", "bob: Plan false false"]));
});

test("a component renders only when what it selected changed", async () => {
  const world = createWorld();
  let renders = 0;
  let handle: Plan | undefined;
  const title = () => {
    renders++;
    const [value = "none", own] = useShared(plan, (tree) => tree.title);
    handle = own;
    return value;
  };
  const page = renderWith(world.client(), <Run body={title} />);
  await until(() => expect(page.text).toBe(""));
  const before = renders;
  act(() => void handle?.set(["done", "a"], true));
  await until(() => expect(handle?.get()?.done).toEqual({ a: true }));
  expect(renders).toBe(before);
});
