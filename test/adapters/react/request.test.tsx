/** useRequest against a real server. */
import { act } from "@testing-library/react";
import { isSyncError, SyncError } from "sente-sync";
import { type RequestState, useRequest } from "sente-sync/react";
import { expect, test } from "vitest";
import { createWorld, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

type State = RequestState<string>;

function createProbe() {
  const world = createWorld();
  const states: State[] = [];
  const probe = ({ name, timeoutMs }: { name: string; timeoutMs?: number }) => {
    const state = useRequest(name, timeoutMs === undefined ? {} : { timeoutMs });
    states.push(state);
    return `${state.pending ? "pending" : "still"} ${JSON.stringify(state.data ?? null)} ${state.error?.code ?? "fine"}`;
  };
  return { world, probe, latest: (): State => states.at(-1) as State };
}

test("a request is still, pending, then has its reply", async () => {
  const { world, probe, latest } = createProbe();
  world.sync.on("user/get", ({ data }) => ({ name: `user ${(data as { id: string }).id}` }));
  const page = renderWith(world.client(), <Run body={() => probe({ name: "user/get" })} />);
  expect(page.text).toBe("still null fine");
  let reply: Promise<unknown> | undefined;
  act(() => {
    reply = latest().run({ id: "7" });
  });
  expect(page.text).toBe("pending null fine");
  expect(await reply).toEqual({ name: "user 7" });
  await until(() => expect(page.text).toBe('still {"name":"user 7"} fine'));
  act(() => void latest().run({ id: "8" }));
  expect(page.text).toBe('pending {"name":"user 7"} fine');
  await until(() => expect(page.text).toBe('still {"name":"user 8"} fine'));
});

test("an error is state, rejects for who awaits, and is no unhandled rejection", async () => {
  const { world, probe, latest } = createProbe();
  let isTaken = true;
  world.sync.on("name/take", () => {
    if (isTaken) throw new SyncError("app/taken");
    return "yours";
  });
  const page = renderWith(world.client(), <Run body={() => probe({ name: "name/take" })} />);
  act(() => void latest().run("ada"));
  await until(() => expect(page.text).toBe("still null app/taken"));
  await act(() => expect(latest().run("ada")).rejects.toMatchObject({ code: "app/taken" }));
  isTaken = false;
  act(() => void latest().run("ada"));
  expect(page.text).toBe("pending null fine");
  await until(() => expect(page.text).toBe('still "yours" fine'));
  // Vitest fails a run in which a rejection was unhandled.
  expect(isSyncError(latest().error)).toBe(false);
});

test("the latest call counts, whichever is answered last", async () => {
  const { world, probe, latest } = createProbe();
  const answers = new Map<string, (reply: string) => void>();
  world.sync.on("page/find", ({ data }) => new Promise((resolve) => answers.set(data as string, resolve)));
  const page = renderWith(world.client(), <Run body={() => probe({ name: "page/find" })} />);
  let first: Promise<unknown> | undefined;
  act(() => {
    first = latest().run("a");
  });
  act(() => void latest().run("ab"));
  await until(() => expect(answers.size).toBe(2));
  answers.get("ab")?.("found ab");
  await until(() => expect(page.text).toBe('still "found ab" fine'));
  answers.get("a")?.("found a");
  await act(async () => expect(await first).toBe("found a"));
  expect(page.text).toBe('still "found ab" fine');
});

test("no answer in time is an error", async () => {
  const { world, probe, latest } = createProbe();
  world.sync.on("never/answered", () => new Promise(() => {}));
  const page = renderWith(world.client(), <Run body={() => probe({ name: "never/answered", timeoutMs: 20 })} />);
  act(() => void latest().run());
  await until(() => expect(page.text).toBe("still null timeout"));
});

test("`run` stays the same until the name changes, and then the state is new", async () => {
  const { world, probe, latest } = createProbe();
  world.sync.on("test/one", () => 1);
  world.sync.on("test/two", () => 2);
  const page = renderWith(world.client(), <Run body={() => probe({ name: "test/one" })} />);
  const { run } = latest();
  await act(() => run());
  await until(() => expect(page.text).toBe("still 1 fine"));
  expect(latest().run).toBe(run);
  page.show(<Run body={() => probe({ name: "test/two" })} />);
  expect(page.text).toBe("still null fine");
  expect(latest().run).not.toBe(run);
  await act(() => latest().run());
  await until(() => expect(page.text).toBe("still 2 fine"));
});

test("an answer after unmounting disturbs nobody", async () => {
  const { world, probe, latest } = createProbe();
  world.sync.on("test/one", () => 1);
  const client = world.client();
  const page = renderWith(client, <Run body={() => probe({ name: "test/one" })} />);
  const { run } = latest();
  page.unmount();
  expect(await run()).toBe(1);
  expect(world.errors).toEqual([]);
});
