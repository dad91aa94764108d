/** request against a real server. */
import { SyncError } from "sente-sync";
import { type LiveRequest, request } from "sente-sync/svelte";
import { expect, test } from "vitest";
import { createWorld, until } from "../support.ts";
import Request from "./request.svelte";
import { renderWith } from "./support.ts";

type Made = LiveRequest<string>;

function createProbe(name: string, timeoutMs?: number) {
  const world = createWorld();
  let made: Made | undefined;
  const page = renderWith(world.client(), Request, {
    name,
    timeoutMs,
    made(request: Made) {
      made = request;
    },
  });
  return { world, page, request: made as unknown as Made };
}

test("a request is still, pending, then has its reply, as properties and as a store", async () => {
  const { world, page, request } = createProbe("user/get");
  let answer = (): void => {};
  world.sync.on(
    "user/get",
    ({ data }) =>
      new Promise((resolve) => {
        answer = () => resolve({ name: `user ${(data as { id: string }).id}` });
      }),
  );
  expect(page.text).toBe("still null fine");
  const reply = request.run({ id: "7" });
  await until(() => expect(page.text).toBe("pending null fine"));
  await world.settle(world.clients[0]!);
  answer();
  expect(await reply).toEqual({ name: "user 7" });
  await until(() => expect(page.text).toBe('still {"name":"user 7"} fine'));
  void request.run({ id: "8" });
  await until(() => expect(page.text).toBe('pending {"name":"user 7"} fine'));
  await world.settle(world.clients[0]!);
  answer();
  await until(() => expect(page.text).toBe('still {"name":"user 8"} fine'));
});

test("an error is state, rejects for who awaits, and is no unhandled rejection", async () => {
  const { world, page, request } = createProbe("name/take");
  world.sync.on("name/take", () => {
    throw new SyncError("app/taken");
  });
  void request.run("ada");
  await until(() => expect(page.text).toBe("still null app/taken"));
  await expect(request.run("ada")).rejects.toMatchObject({ code: "app/taken" });
});

test("no answer in time is an error", async () => {
  const { world, page, request } = createProbe("never/answered", 20);
  world.sync.on("never/answered", () => new Promise(() => {}));
  void request.run();
  await until(() => expect(page.text).toBe("still null timeout"));
});

test("the latest call counts, whichever is answered last", async () => {
  const { world, page, request } = createProbe("page/find");
  const answers = new Map<string, (reply: string) => void>();
  world.sync.on("page/find", ({ data }) => new Promise((resolve) => answers.set(data as string, resolve)));
  const first = request.run("a");
  void request.run("ab");
  await until(() => expect(answers.size).toBe(2));
  answers.get("ab")?.("found ab");
  await until(() => expect(page.text).toBe('still "found ab" fine'));
  answers.get("a")?.("found a");
  expect(await first).toBe("found a");
  expect(request.data).toBe("found ab");
});

test("outside of components it works with a client that is given", async () => {
  const world = createWorld();
  world.sync.on("test/one", () => 1);
  const one = request(world.client(), "test/one");
  const states: boolean[] = [];
  const stop = one.subscribe(({ pending }) => void states.push(pending));
  expect(await one.run()).toBe(1);
  expect([one.data, one.error, one.pending]).toEqual([1, undefined, false]);
  expect(states).toEqual([false, true, false]);
  stop();
});
