/** The server's end of a polled connection in virtual time; polls and posts are made by hand. */
import { expect, test } from "vitest";
import { record } from "../../src/testing/contracts/transport-world.ts";
import { readPollBody } from "../../src/transport/poll-body.ts";
import { type Poll, PollTransport } from "../../src/transport/poll-server.ts";
import type { Frame } from "../../src/transport/transport.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

const timeout: Frame = { data: "[:chsk/timeout nil]", text: true };
const text = (data: string): Frame => ({ data, text: true });

/** A transport, what its owner hears, and polls whose answers are kept. */
function open(name?: string) {
  const env = createVirtualEnv();
  const transport = new PollTransport({ env, timeoutMs: 20_000, graceMs: 5000, timeout, ...(name !== undefined && { name }) });
  const heard = record(transport);
  /** What a poll was answered with: a text, what a body says, or "broken" off; undefined while it is held. */
  const poll = (arrived?: number) => {
    const held: { answer?: unknown; readonly run: Poll; taken: boolean } = {
      taken: false,
      run: (frame) => {
        if (held.answer !== undefined) throw new Error("Answered twice");
        held.answer = !frame ? "broken" : name === undefined ? frame.data : readPollBody(frame.data as Uint8Array);
      },
    };
    held.taken = transport.hold(held.run, arrived);
    return held;
  };
  const settle = () => new Promise(setImmediate);
  return { env, transport, heard, poll, settle };
}

test("AJAX5 a poll is held until there is a message; each takes one, and what is left waits for the next", () => {
  const { transport, poll } = open();
  const first = poll();
  expect(first.answer).toBe(undefined);
  transport.send(text("a"));
  expect(first.answer).toBe("a");
  transport.send(text("b"));
  transport.send(text("c"));
  expect(transport.bufferedBytes).toBe(2);
  expect([poll().answer, poll().answer, transport.bufferedBytes]).toEqual(["b", "c", 0]);
});

test("AJAX5 a poll to which nothing is told is answered with the timeout message, and later ones are held anew", () => {
  const { env, transport, heard, poll } = open();
  const first = poll();
  env.advance(19_999);
  expect(first.answer).toBe(undefined);
  env.advance(1);
  expect(first.answer).toBe(timeout.data);
  env.advance(4999);
  const second = poll();
  env.advance(19_999);
  expect(second.answer).toBe(undefined);
  transport.send(text("a"));
  expect(second.answer).toBe("a");
  expect(heard.closes).toEqual([]);
});

test("AJAX5 the frames of one cork do not leave before its end; the owner hears when there is room again", () => {
  const { transport, heard, poll } = open();
  const first = poll();
  transport.cork();
  // One message is all that this poll takes.
  expect(transport.send(text("a"))).toBe(false);
  expect(first.answer).toBe(undefined);
  expect(transport.uncork()).toBe(false);
  expect([first.answer, heard.drains]).toEqual(["a", 0]);
  const second = poll();
  expect([second.answer, heard.drains]).toEqual([undefined, 1]);
  transport.send(text("b"));
  expect(second.answer).toBe("b");
});

test("AJAX12 one of ours is told 64 KiB at a time, and all that waits in one body", () => {
  const { transport, heard, poll } = open("n");
  const first = poll(0);
  transport.cork();
  expect(transport.send(text("x".repeat(65_536)))).toBe(true);
  expect(transport.send(text("y"))).toBe(false);
  expect(transport.bufferedBytes).toBe(65_537);
  expect(transport.uncork()).toBe(false);
  expect(first.answer).toMatchObject({ first: 0, frames: ["x".repeat(65_536), "y"], name: "n" });
  expect(heard.drains).toBe(0);
  poll(2);
  expect(heard.drains).toBe(1);
});

test("AJAX7 a second poll takes the place of the first, which is answered with nothing a second later", () => {
  const { env, transport, poll } = open();
  const first = poll();
  const second = poll();
  transport.send(text("a"));
  expect([first.answer, second.answer]).toEqual([undefined, "a"]);
  env.advance(999);
  expect(first.answer).toBe(undefined);
  env.advance(1);
  expect(first.answer).toBe(timeout.data);
});

test("AJAX7 of ours the first poll gets an empty body", () => {
  const { env, poll } = open("n");
  const first = poll(0);
  const second = poll(0);
  env.advance(1000);
  expect([first.answer, second.answer]).toEqual([{ first: 0, frames: [] }, undefined]);
});

test("AJAX8 without a poll for the grace the connection ends with 1006; a poll that comes in time keeps it", async () => {
  const { env, transport, heard, poll, settle } = open();
  poll();
  transport.send(text("a"));
  env.advance(4999);
  const second = poll();
  // It broke off: the grace begins anew, and what is said meanwhile waits.
  transport.drop(second.run);
  transport.send(text("b"));
  env.advance(4999);
  const third = poll();
  expect([second.answer, third.answer]).toEqual([undefined, "b"]);
  env.advance(5000);
  await settle();
  expect(heard.closes).toEqual([{ code: 1006, reason: "" }]);
  expect([poll().taken, env.timers]).toEqual([false, 0]);
  // Nothing comes of what ended.
  transport.send(text("c"));
  transport.terminate();
  await settle();
  expect([heard.closes.length, transport.bufferedBytes]).toEqual([1, 0]);
});

test("AJAX8 a poll that broke off after another took its place ends nothing", async () => {
  const { env, transport, heard, poll, settle } = open();
  const first = poll();
  const second = poll();
  transport.drop(first.run);
  env.advance(6000);
  await settle();
  transport.send(text("a"));
  expect([second.answer, heard.closes]).toEqual(["a", []]);
});

test("AJAX9 who closes breaks off the held poll, after what had been said", async () => {
  const { transport, heard, poll, settle } = open();
  const first = poll();
  transport.cork();
  transport.send(text("a"));
  transport.send(text("b"));
  transport.close(1001, "bye");
  transport.send(text("c"));
  expect(first.answer).toBe("a");
  expect(heard.closes).toEqual([]);
  expect(poll().answer).toBe("b");
  await settle();
  expect(heard.closes).toEqual([{ code: 1001, reason: "bye" }]);
});

test("AJAX9 with nothing to say the poll breaks off at once; with no poll the close waits for one, or for the grace", async () => {
  const { transport, heard, poll, settle } = open();
  const first = poll();
  transport.close(1000, "");
  await settle();
  expect([first.answer, heard.closes]).toEqual(["broken", [{ code: 1000, reason: "" }]]);

  const second = open();
  second.transport.drop(second.poll().run);
  second.transport.close(4003, "gone");
  await settle();
  expect(second.heard.closes).toEqual([]);
  second.env.advance(5000);
  await settle();
  expect(second.heard.closes).toEqual([{ code: 4003, reason: "gone" }]);

  const third = open();
  const held = third.poll();
  third.transport.terminate();
  await settle();
  expect([held.answer, third.heard.closes]).toEqual(["broken", [{ code: 1006, reason: "" }]]);
});

test("AJAX10 the name is told with the first body, and not again", () => {
  const { transport, poll } = open("n");
  transport.send(text("hello"));
  expect(poll(0).answer).toEqual({ first: 0, frames: ["hello"], name: "n" });
  transport.send(text("a"));
  expect(poll(1).answer).toEqual({ first: 1, frames: ["a"] });
});

test("AJAX12 frames are kept until a poll says that they arrived: an answer that was lost is told again, and what came since", () => {
  const { transport, poll } = open("n");
  poll(0);
  transport.send(text("a"));
  transport.send(text("b"));
  // The first answer carried "a"; it was lost.
  expect(poll(0).answer).toMatchObject({ first: 0, frames: ["a", "b"] });
  transport.send(text("c"));
  // Of the second one "a" had been read.
  expect(poll(1).answer).toEqual({ first: 1, frames: ["b", "c"] });
  expect(poll(3).answer).toBe(undefined);
});

test("AJAX12 a poll that tells of frames that were never told, or are forgotten, is refused and changes nothing", () => {
  const { transport, poll } = open("n");
  poll(0);
  transport.send(text("a"));
  const held = poll(1);
  expect([poll(0).taken, poll(2).taken]).toEqual([false, false]);
  transport.send(text("b"));
  expect(held.answer).toEqual({ first: 1, frames: ["b"] });
});

test("AJAX12 a poll of ours that times out is answered with an empty body", () => {
  const { env, transport, poll } = open("n");
  transport.send(text("hello"));
  poll(0);
  const held = poll(1);
  env.advance(20_000);
  expect(held.answer).toEqual({ first: 1, frames: [] });
});

test("AJAX13 a post that comes twice counts once; one with a hole before it is refused whole", () => {
  const { transport, heard, poll } = open("n");
  poll(0);
  let done = 0;
  const post = (first: number, ...frames: string[]) => transport.post(first, frames, () => done++);
  expect(post(0, "a", "b")).toBe("taken");
  expect(post(0, "a", "b")).toBe("taken");
  expect(post(3, "d")).toBe("gap");
  expect(post(1, "b", "c")).toBe("taken");
  expect([heard.frames, done]).toEqual([["a", "b", "c"], 3]);
});

test("AJAX14 while reading is paused a post has no answer, and new frames are not taken", () => {
  const { transport, heard, poll } = open("n");
  poll(0);
  const answered: string[] = [];
  transport.handlers.onFrame = (frame) => {
    heard.frames.push(frame);
    if (frame === "b") transport.pause();
  };
  // What had been read already is told.
  expect(transport.post(0, ["a", "b", "c"], () => answered.push("first"))).toBe("taken");
  expect(transport.post(0, ["a", "b", "c"], () => answered.push("again"))).toBe("taken");
  expect(transport.post(3, ["d"], () => answered.push("new"))).toBe("paused");
  expect([heard.frames, answered, transport.paused]).toEqual([["a", "b", "c"], [], true]);
  transport.resume();
  expect([answered, transport.paused]).toEqual([["first", "again"], false]);
  expect(transport.post(3, ["d"], () => answered.push("new"))).toBe("taken");
  expect([heard.frames.at(-1), answered.at(-1)]).toEqual(["d", "new"]);
});

test("AJAX15 a close is told behind what was said, with its code and reason", async () => {
  const { transport, heard, poll, settle } = open("n");
  const held = poll(0);
  transport.cork();
  transport.send(text("a"));
  transport.close(4003, "disconnected");
  expect(held.answer).toEqual({ first: 0, frames: ["a"], name: "n", close: { code: 4003, reason: "disconnected" } });
  await settle();
  expect(heard.closes).toEqual([{ code: 4003, reason: "disconnected" }]);
  expect(transport.post(0, ["late"], () => {})).toBe("over");
  expect(heard.frames).toEqual([]);
});

test("AJAX15 a close by the client ends the connection, and answers the posts that wait", async () => {
  const { transport, heard, poll, settle } = open("n");
  const held = poll(0);
  let done = 0;
  transport.pause();
  transport.post(0, [], () => done++);
  transport.closed(1000, "CLOSE_NORMAL");
  await settle();
  expect([held.answer, done, heard.closes]).toEqual(["broken", 1, [{ code: 1000, reason: "CLOSE_NORMAL" }]]);
});
