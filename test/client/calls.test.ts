import { type ErrorCode, isSyncError, SyncError } from "sente-sync";
import { atom as hold } from "sente-sync/client";
import { atom as serve } from "sente-sync/server";
import { expect, test } from "vitest";
import { createWorld } from "../server/world.ts";
import { createLies } from "./lying-connector.ts";

/** The code a promise is rejected with, or what it gives. */
function outcome(promise: Promise<unknown>): { value: unknown } {
  const result = { value: "pending" as unknown };
  promise.then(
    (value) => void (result.value = { value }),
    (error: { code: ErrorCode }) => void (result.value = error.code),
  );
  return result;
}

test("CALL2 a request gives what the handler returned; an error the handler threw, with its code and data", async () => {
  const world = createWorld();
  world.sync.on("app/echo", ({ data }) => data);
  world.sync.on("app/taken", () => {
    throw new SyncError("app/taken", "Taken.", { data: { by: "bob" } });
  });
  const client = world.client();
  const [echo, taken, none] = [
    client.request("app/echo", { a: [1] }),
    client.request("app/taken", null),
    outcome(client.request("app/none", null)),
  ];
  const error = taken.catch((reason: unknown) => reason);
  await world.advance(10);
  expect(await echo).toEqual({ a: [1] });
  expect(isSyncError(await error, "app/taken")).toBe(true);
  expect(await error).toMatchObject({ message: "Taken.", data: { by: "bob" } });
  expect(none.value).toBe("unhandled-event");
});

test("CALL3 timeoutMs counts from the call, the wait for the line included; 5 000 by default", async () => {
  const world = createWorld();
  world.sync.on("app/slow", () => new Promise((resolve) => void world.env.setTimer(() => resolve("late"), 6000)));
  const lies = createLies(world.connector);
  lies.hang = true;
  const client = world.client({ connector: lies.connector, reconnect: { connectTimeoutMs: 100 } });
  const [short, usual] = [
    outcome(client.request("app/slow", null, { timeoutMs: 50 })),
    outcome(client.request("app/slow", null)),
  ];
  await world.advance(49);
  expect(short.value).toBe("pending");
  await world.advance(1);
  expect(short.value).toBe("timeout");
  lies.hang = false;
  await world.advance(2950);
  expect([client.status.get().name, usual.value]).toEqual(["connected", "pending"]);
  await world.advance(1999);
  expect(usual.value).toBe("pending");
  await world.advance(1);
  expect(usual.value).toBe("timeout");
  // The reply that comes after that is nobody's.
  await world.advance(10_000);
  expect(world.errors).toEqual([]);
});

test("CALL4 a request that was sent when the line is lost ends in closed, and is not sent again; one made meanwhile waits", async () => {
  const world = createWorld();
  const asked: unknown[] = [];
  world.sync.on("app/once", ({ data }) => {
    asked.push(data);
    return data === "sent" ? new Promise(() => {}) : data;
  });
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  await world.advance(10);
  const sent = outcome(client.request("app/once", "sent"));
  await world.advance(10);
  lies.cut();
  await world.settle();
  const waiting = outcome(client.request("app/once", "waiting"));
  expect(sent.value).toBe("closed");
  await world.advance(4000);
  expect([waiting.value, asked]).toEqual([{ value: "waiting" }, ["sent", "waiting"]]);
});

test("CALL4 a request that waits for the line outlives a line that breaks before it is ready", async () => {
  const world = createWorld();
  world.sync.on("app/echo", ({ data }) => data);
  const lies = createLies(world.connector);
  // The handshake comes, hello is never answered.
  lies.hear = (text) => (text.includes(":chsk/handshake") ? text : undefined);
  const client = world.client({ connector: lies.connector });
  const waiting = outcome(client.request("app/echo", 1));
  await world.advance(10);
  lies.cut();
  lies.hear = (text) => text;
  await world.advance(2000);
  expect(waiting.value).toEqual({ value: 1 });
});

test("CALL5 at most maxCallbacks requests wait, those for the line included; the next is refused with limit", async () => {
  const world = createWorld();
  world.sync.on("app/echo", ({ data }) => data);
  const client = world.client({ limits: { maxCallbacks: 2 } });
  const [one, two, three] = [1, 2, 3].map((n) => outcome(client.request("app/echo", n)));
  await world.advance(10);
  expect([one?.value, two?.value, three?.value]).toEqual([{ value: 1 }, { value: 2 }, "limit"]);
  const four = outcome(client.request("app/echo", 4));
  await world.advance(10);
  expect(four.value).toEqual({ value: 4 });
});

test("CALL5 what a client asks for itself is not counted", async () => {
  const world = createWorld();
  serve(world.sync, "a", { initial: 7 });
  world.sync.on("app/never", () => new Promise(() => {}));
  const client = world.client({ limits: { maxCallbacks: 1 } });
  const never = outcome(client.request("app/never", null));
  await world.advance(10);
  const held = hold<number>(client, "a");
  held.keep();
  await world.advance(10);
  expect([held.get(), never.value]).toEqual([7, "pending"]);
});

test("CALL6 close rejects what waits with closed, and every request after it", async () => {
  const world = createWorld();
  const client = world.client();
  const before = outcome(client.request("app/x", 1));
  client.close();
  const after = outcome(client.request("app/x", 1));
  await world.advance(10);
  expect([before.value, after.value]).toEqual(["closed", "closed"]);
});

test("CALL6 what cannot be packed, or is larger than the server takes, is refused where it is sent, and holds no place", async () => {
  const world = createWorld({ limits: { maxFrameBytes: 2000 } });
  world.sync.on("app/echo", ({ data }) => data);
  const client = world.client({ limits: { maxCallbacks: 1 } });
  await world.advance(10);
  const bad = [outcome(client.request("app/echo", () => 1)), outcome(client.request("app/echo", "ü".repeat(1000)))];
  await world.settle();
  expect(bad.map(({ value }) => value)).toEqual(["invalid", "too-large"]);
  expect(() => client.send("app/echo", "x".repeat(2000))).toThrow("2000");
  const fine = outcome(client.request("app/echo", "x".repeat(1900)));
  await world.advance(10);
  expect(fine.value).toEqual({ value: "x".repeat(1900) });
});

test("CALL7 send says what becomes of an event: queued, ok, backpressure, closed", async () => {
  const world = createWorld();
  const heard: unknown[] = [];
  world.sync.on("app/x", ({ data }) => void heard.push(data));
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector, limits: { maxBufferedBytes: 100_000 } });
  expect(client.send("app/x", 1)).toBe("queued");
  await world.advance(10);
  expect([heard, client.send("app/x", 2)]).toEqual([[1], "ok"]);
  await world.advance(10);
  expect(client.send("app/x", "x".repeat(150_000))).toBe("ok");
  expect(client.send("app/x", 4)).toBe("backpressure");
  await world.advance(10);
  expect(client.send("app/x", 5)).toBe("ok");
  await world.advance(10);
  lies.refuse = true;
  lies.cut();
  await world.settle();
  expect(client.send("app/x", 6)).toBe("closed");
  client.close();
  expect(client.send("app/x", 7)).toBe("closed");
  await world.advance(10);
  expect(heard.map((data) => (typeof data === "string" ? data.length : data))).toEqual([1, 2, 150_000, 5]);
});

test("CALL7 an event that waits for the first line and cannot be packed is reported, and keeps nothing back", async () => {
  const world = createWorld();
  const heard: unknown[] = [];
  world.sync.on("app/x", ({ data }) => void heard.push(data));
  const client = world.client();
  client.send("app/x", () => 1);
  client.send("app/x", 2);
  await world.advance(10);
  expect(heard).toEqual([2]);
  expect(world.errors).toMatchObject([{ error: { code: "invalid" } }]);
});

test("EVENT6 a client hears each pushed event under its name, and none of chsk's", async () => {
  const world = createWorld();
  const client = world.client();
  const heard: unknown[] = [];
  const off = client.on("app/x", (message) => void heard.push(message));
  client.on("chsk/state", () => heard.push("never"));
  await world.advance(10);
  world.sync.broadcast("app/x", { n: 1 });
  world.sync.broadcast("chsk/state", 1);
  await world.advance(10);
  off();
  world.sync.broadcast("app/x", { n: 2 });
  await world.advance(10);
  expect(heard).toEqual([{ event: "app/x", data: { n: 1 } }]);
});

test("WRAP3 what a client cannot read is reported and ignored", async () => {
  const world = createWorld();
  const lies = createLies(world.connector);
  const client = world.client({ connector: lies.connector });
  await world.advance(10);
  const [line] = lies.lines;
  for (const text of ["[[", "[]", "[1 nil]", "[[[:sync/entries 1]] nil]", "[[[:sync/ack []]] nil]", '["x" "ffffff"]'])
    line?.handlers.onFrame(text);
  expect(world.errors.map(({ error }) => (error as { code: string }).code)).toEqual([
    "malformed",
    "malformed",
    "malformed",
    "malformed",
    "malformed",
  ]);
  expect(client.status.get().name).toBe("connected");
});
