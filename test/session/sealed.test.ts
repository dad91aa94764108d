/**
 * Transports with a seal: the transport's own contract on top of four seals, and what is the seal's own.
 * Rules: docs/protocol/seals.md SEAL1-SEAL10; docs/protocol/transports.md TRANSPORT1-TRANSPORT10.
 */
import { describe, expect, test, vi } from "vitest";
import { SyncError } from "../../src/core/errors.ts";
import { encrypted } from "../../src/session/encrypted.ts";
import { gzip } from "../../src/session/gzip.ts";
import { sealed as sealedBy, sealTransport } from "../../src/session/sealed.ts";
import { transportContractSuite } from "../../src/testing/contracts/transport.ts";
import { binaryFrame, type Recorder, realTime, record, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Frame, Transport } from "../../src/transport/transport.ts";
import { edn } from "../../src/wire/edn.ts";
import type { Bytes, Seal } from "../../src/wire/packer.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

const bytes = (text: string): Bytes => new TextEncoder().encode(text);
const textOf = (data: string | Uint8Array | undefined): string => Buffer.from(data as Uint8Array).toString();

/** What the contract sends as text is told as text again: a mark stands before the payload, which a seal knows nothing of. */
function marked(inner: Transport): Transport {
  const marks = new WeakMap<Frame, Frame>();
  const mark = (frame: Frame): Frame => {
    const { data, text } = frame;
    const known = marks.get(frame);
    if (known) return known;
    const payload = typeof data === "string" ? bytes(data) : data;
    const whole = new Uint8Array(1 + payload.length);
    whole[0] = Number(text);
    whole.set(payload, 1);
    const made = { data: whole, text: false };
    marks.set(frame, made);
    return made;
  };
  return {
    name: inner.name,
    get bufferedBytes() {
      return inner.bufferedBytes;
    },
    set handlers(handlers: Transport["handlers"]) {
      inner.handlers = {
        onFrame(data) {
          const payload = (data as Uint8Array).subarray(1);
          handlers.onFrame(data[0] === 1 ? textOf(payload) : payload);
        },
        onDrain: () => handlers.onDrain?.(),
        onClose: (code, reason) => handlers.onClose(code, reason),
      };
    },
    send: (frame) => inner.send(mark(frame)),
    cork: () => inner.cork(),
    uncork: () => inner.uncork(),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    close: (code, reason) => inner.close(code, reason),
    terminate: () => inner.terminate(),
  };
}

const identity: Seal = { shared: true, close: (payload) => payload as Bytes, open: (sealed) => sealed };

/** Takes 0 to 3 turns, drawn for each frame. */
function slow(): Seal {
  let state = 1;
  const later = async (payload: Uint8Array): Promise<Bytes> => {
    state = (state * 48_271) % 2_147_483_647;
    for (let turns = state & 3; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    return payload.slice().reverse();
  };
  return { shared: false, close: later, open: later };
}

const key = new Uint8Array(16).fill(5);
const seals: Record<string, () => Seal> = {
  "an identity": () => identity,
  "a slow seal": slow,
  "gzip": () => gzip(edn()).seal as Seal,
  "encryption": () => encrypted(edn(), key).seal as Seal,
};

for (const [name, create] of Object.entries(seals)) {
  describe(`memory with ${name} as a transport`, () => {
    const suite = transportContractSuite(
      async () => {
        const seal = create();
        const [client, server] = memoryPair().map((end) => marked(sealTransport(end, seal))) as [Transport, Transport];
        return { client, server, ...realTime, dispose: async () => {} };
      },
      { gathers: [], pauses: ["client", "server"] },
    );
    for (const { name, run } of suite) test(name, run);
  });
}

interface Step {
  readonly payload: string;
  finish(): void;
  fail(): void;
}

/** A seal whose every step ends when the test says so. */
function handSeal(shared = false): Seal & { closing: Step[]; opening: Step[] } {
  const step = (steps: Step[]) => (payload: Uint8Array) =>
    new Promise<Bytes>((resolve, reject) => {
      steps.push({
        payload: textOf(payload),
        finish: () => resolve(payload.slice()),
        fail: () => reject(new SyncError("malformed")),
      });
    });
  const [closing, opening]: [Step[], Step[]] = [[], []];
  return { shared, closing, opening, close: step(closing), open: step(opening) };
}

/** A sealed end and a bare one. */
function halfSealed(seal: Seal, options: Parameters<typeof sealTransport>[2] = {}) {
  const [inner, bare] = memoryPair();
  const pause = vi.spyOn(inner, "pause");
  const resume = vi.spyOn(inner, "resume");
  return { inner, pause, resume, sealed: record(sealTransport(inner, seal, options)), bare: record(bare) };
}

const { settle, until } = realTime;
const told = ({ frames }: Recorder): string[] => frames.map(textOf);

describe("a sealed transport", () => {
  test("SEAL1 frames leave sealed and binary, and are told as bytes", async () => {
    const seal = gzip(edn()).seal as Seal;
    const { sealed, bare } = halfSealed(seal);
    sealed.transport.send(textFrame("żółć"));
    sealed.transport.send(binaryFrame(2));
    bare.transport.send({ data: Uint8Array.of(0, 1, 2), text: false });
    await settle();
    expect(bare.frames).toEqual([Uint8Array.of(0, ...bytes("żółć")), Uint8Array.of(0, 7, 7)]);
    expect(sealed.frames).toEqual([Uint8Array.of(1, 2)]);
    expect(sealed.transport.name).toBe("memory");
  });

  test("SEAL2 frames keep their order, whichever is sealed and opened first", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    for (const text of ["a", "b", "c"]) {
      sealed.transport.send(textFrame(text));
      bare.transport.send({ data: bytes(text), text: false });
    }
    await settle();
    for (const steps of [seal.closing, seal.opening]) {
      expect(steps.map(({ payload }) => payload)).toEqual(["a", "b", "c"]);
      steps[2]?.finish();
      steps[1]?.finish();
    }
    await settle();
    expect([told(sealed), told(bare)]).toEqual([[], []]);
    seal.closing[0]?.finish();
    seal.opening[0]?.finish();
    await settle();
    expect([told(sealed), told(bare)]).toEqual([
      ["a", "b", "c"],
      ["a", "b", "c"],
    ]);
  });

  test("SEAL2 what takes no time does not overtake what takes some", async () => {
    const hand = handSeal();
    const seal: Seal = { ...hand, close: (payload) => (payload.length > 1 ? hand.close(payload) : (payload as Bytes)) };
    const { sealed, bare } = halfSealed(seal);
    for (const text of ["a", "slow", "b"]) sealed.transport.send(textFrame(text));
    await settle();
    expect(told(bare)).toEqual(["a"]);
    hand.closing[0]?.finish();
    await settle();
    expect(told(bare)).toEqual(["a", "slow", "b"]);
  });

  test("SEAL2 a seal that takes no time costs no turn", () => {
    const sent: string[] = [];
    const inner = memoryPair()[0];
    inner.send = ({ data }) => sent.push(textOf(data)) > 0;
    const sealed = record(sealTransport(inner, gzip(edn()).seal as Seal));
    sealed.transport.send(textFrame("now"));
    expect(sent).toEqual(["\0now"]);
    inner.handlers.onFrame(Uint8Array.of(0, 1));
    expect(sealed.frames).toEqual([Uint8Array.of(1)]);
    inner.handlers.onClose(1000, "");
    expect(sealed.events).toEqual(["frame", "close"]);
  });

  test.each([true, false])("SEAL3 a frame that goes to many is sealed once if the seal is shared: %s", async (shared) => {
    const seal = handSeal(shared);
    const worlds = [halfSealed(seal), halfSealed(seal), halfSealed(seal)];
    const frame = textFrame("to all");
    for (const { sealed } of worlds) sealed.transport.send(frame);
    worlds[0]?.sealed.transport.send(textFrame("to all"));
    expect(seal.closing).toHaveLength(shared ? 2 : 4);
    for (const step of seal.closing) step.finish();
    await settle();
    for (const { sealed } of worlds) sealed.transport.send(frame);
    expect(seal.closing).toHaveLength(shared ? 2 : 7);
    for (const step of seal.closing) step.finish();
    await settle();
    expect(worlds.map(({ bare }) => told(bare).length)).toEqual([3, 2, 2]);
  });

  test("SEAL3 one sealed Frame goes to all, so that it is framed once", async () => {
    const seal = encrypted(edn(), key).seal as Seal;
    const frame = textFrame("to all");
    const sent: Frame[] = [];
    for (let i = 0; i < 2; i++) {
      const inner = memoryPair()[0];
      inner.send = (sealedFrame) => sent.push(sealedFrame) > 0;
      sealTransport(inner, seal).send(frame);
    }
    const other = memoryPair()[0];
    other.send = (sealedFrame) => sent.push(sealedFrame) > 0;
    sealTransport(other, encrypted(edn(), key).seal as Seal).send(frame);
    await until(() => sent.length === 3);
    expect([sent[0] === sent[1], sent[0] === sent[2], frame]).toEqual([true, false, textFrame("to all")]);
  });

  test("SEAL4 frames that are being sealed are buffered, and drain", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    expect(sealed.transport.send(binaryFrame(65_536))).toBe(true);
    expect(sealed.transport.bufferedBytes).toBe(65_536);
    expect(sealed.transport.send(binaryFrame(1))).toBe(false);
    expect([sealed.transport.bufferedBytes, sealed.transport.uncork()]).toEqual([65_537, false]);
    seal.closing[0]?.finish();
    await until(() => bare.frames.length === 1);
    await settle();
    expect([sealed.drains, sealed.transport.bufferedBytes, sealed.transport.send(binaryFrame(0))]).toEqual([0, 1, false]);
    for (const step of seal.closing) step.finish();
    await until(() => bare.frames.length === 3);
    await settle();
    expect([sealed.drains, sealed.transport.bufferedBytes, sealed.transport.send(binaryFrame(1))]).toEqual([1, 0, true]);
  });

  test("SEAL4 what waits here and below counts together, and onDrain waits for both", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    bare.transport.pause();
    sealed.transport.send(binaryFrame(65_000));
    seal.closing[0]?.finish();
    await settle();
    expect(sealed.transport.send(binaryFrame(1000))).toBe(false);
    seal.closing[1]?.finish();
    await settle();
    expect([sealed.drains, sealed.transport.bufferedBytes]).toEqual([0, 66_000]);
    bare.transport.resume();
    await until(() => sealed.drains > 0);
    await settle();
    expect([sealed.drains, bare.frames.length]).toEqual([1, 2]);
  });

  test("SEAL4 nobody is told of a drain who was not told of a full buffer", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    for (let i = 0; i < 2; i++) sealed.transport.send(binaryFrame(30_000));
    for (const step of seal.closing) step.finish();
    await until(() => bare.frames.length === 2);
    await settle();
    expect(sealed.events).toEqual([]);
  });

  test("SEAL5 close goes out after what is still being sealed", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    sealed.transport.send(textFrame("a"));
    sealed.transport.send(textFrame("b"));
    sealed.transport.close(4001, "enough");
    sealed.transport.close(4002, "again");
    expect(sealed.transport.send(binaryFrame(100_000))).toBe(true);
    bare.transport.send({ data: bytes("late"), text: false });
    await settle();
    expect([seal.closing.length, seal.opening.length, bare.events]).toEqual([2, 0, []]);
    for (const step of seal.closing) step.finish();
    await until(() => bare.closes.length > 0 && sealed.closes.length > 0);
    expect([told(bare), bare.closes, sealed.events]).toEqual([["a", "b"], [{ code: 4001, reason: "enough" }], ["close"]]);
  });

  test("SEAL5 a close that waits too long drops the connection", async () => {
    const env = createVirtualEnv();
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal, { env });
    sealed.transport.send(textFrame("a"));
    sealed.transport.close();
    env.advance(1999);
    await settle();
    expect([sealed.events, bare.events]).toEqual([[], []]);
    env.advance(1);
    await settle();
    expect([sealed.closes, bare.closes]).toEqual([[{ code: 1006, reason: "" }], [{ code: 1006, reason: "" }]]);
    seal.closing[0]?.finish();
    await settle();
    expect([sealed.events, bare.events, env.timers]).toEqual([["close"], ["close"], 0]);
  });

  test("SEAL5 no timer stays once the close went out", async () => {
    const env = createVirtualEnv();
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal, { env });
    sealed.transport.send(textFrame("a"));
    sealed.transport.close();
    expect(env.timers).toBe(1);
    seal.closing[0]?.finish();
    await until(() => bare.closes.length > 0);
    expect([env.timers, bare.closes]).toEqual([0, [{ code: 1000, reason: "" }]]);
  });

  test("SEAL6 onClose comes after the frames that arrived before", async () => {
    const env = createVirtualEnv();
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal, { env });
    bare.transport.send({ data: bytes("a"), text: false });
    bare.transport.send({ data: bytes("b"), text: false });
    bare.transport.close(4001, "bye");
    await settle();
    seal.opening[1]?.finish();
    await settle();
    expect([sealed.events, sealed.transport.send(binaryFrame(100_000)), seal.closing.length]).toEqual([[], true, 0]);
    seal.opening[0]?.finish();
    await settle();
    expect([told(sealed), sealed.closes, sealed.events.at(-1)]).toEqual([["a", "b"], [{ code: 4001, reason: "bye" }], "close"]);
    expect(env.timers).toBe(0);
  });

  test("SEAL6 onClose waits no longer than closeTimeoutMs", async () => {
    const env = createVirtualEnv();
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal, { env, closeTimeoutMs: 500 });
    for (const text of ["a", "b"]) bare.transport.send({ data: bytes(text), text: false });
    bare.transport.close();
    await settle();
    seal.opening[0]?.finish();
    await settle();
    env.advance(499);
    expect(sealed.events).toEqual(["frame"]);
    env.advance(1);
    seal.opening[1]?.finish();
    await settle();
    expect(sealed.events).toEqual(["frame", "close"]);
  });

  test.each(["close", "terminate"] as const)("SEAL6 after %s it waits for no frame", async (end) => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    bare.transport.send({ data: bytes("a"), text: false });
    bare.transport.close(4001, "bye");
    await settle();
    sealed.transport[end]();
    expect(sealed.events).toEqual([]);
    await settle();
    seal.opening[0]?.finish();
    await settle();
    expect([sealed.events, sealed.closes]).toEqual([["close"], [{ code: 4001, reason: "bye" }]]);
  });

  test("SEAL6 a handler that closes is told of nothing more", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    const { handlers } = sealed.transport;
    const { onFrame } = handlers;
    handlers.onFrame = (data) => {
      onFrame(data);
      sealed.transport.close(4001, "enough");
    };
    for (const text of ["a", "b"]) bare.transport.send({ data: bytes(text), text: false });
    await settle();
    for (const step of seal.opening.toReversed()) step.finish();
    await until(() => sealed.closes.length > 0 && bare.closes.length > 0);
    expect([sealed.events, bare.closes[0]?.code]).toEqual([["frame", "close"], 4001]);
  });

  test("SEAL7 a frame that cannot be opened closes the connection in its place", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    for (const text of ["a", "bad", "c"]) bare.transport.send({ data: bytes(text), text: false });
    await settle();
    seal.opening[2]?.finish();
    seal.opening[1]?.fail();
    await settle();
    expect([sealed.events, bare.events]).toEqual([[], []]);
    seal.opening[0]?.finish();
    await until(() => sealed.closes.length > 0 && bare.closes.length > 0);
    const malformed = { code: 4007, reason: "malformed" };
    expect([told(sealed), sealed.closes, bare.closes]).toEqual([["a"], [malformed], [malformed]]);
  });

  test("SEAL7 what was sent before still leaves", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    sealed.transport.send(textFrame("last"));
    bare.transport.send({ data: bytes("bad"), text: false });
    await settle();
    seal.opening[0]?.fail();
    await settle();
    seal.closing[0]?.finish();
    await until(() => bare.closes.length > 0);
    expect([told(bare), bare.closes[0]?.code]).toEqual([["last"], 4007]);
  });

  test.each([
    ["gzip", gzip(edn()).seal as Seal, Uint8Array.of(1, 2, 3)],
    ["encryption", encrypted(edn(), key).seal as Seal, Uint8Array.of(1, 2, 3)],
    ["an identity", identity, "text"],
    ["gzip", gzip(edn()).seal as Seal, "\0[]"],
  ])("SEAL7 %s: a frame that is not sealed closes the connection", async (_, seal, data) => {
    const { sealed, bare } = halfSealed(seal);
    bare.transport.send({ data, text: typeof data === "string" });
    bare.transport.send({ data: Uint8Array.of(0), text: false });
    await until(() => sealed.closes.length > 0 && bare.closes.length > 0);
    expect([sealed.events, sealed.closes[0]?.code, bare.closes[0]?.code]).toEqual([["close"], 4007, 4007]);
  });

  test("SEAL7 and SEAL11 what would be too large, or grows out of nothing, is not opened: 1009, and why", async () => {
    const many = Uint8Array.from({ length: 90_000 }, (_, at) => (at * at) >> 3);
    const frame = async (payload: Uint8Array): Promise<Frame> => ({
      data: await (gzip(edn()).seal as Seal).close(payload),
      text: false,
    });
    const [fits, large, bomb] = [many, Uint8Array.from([...many, ...many]), new Uint8Array(90_000)];
    for (const [payload, code] of [
      [fits, undefined],
      [large, 1009],
      [bomb, 1009],
    ] as const) {
      const why: unknown[] = [];
      const { sealed, bare } = halfSealed(gzip(edn()).seal as Seal, {
        maxFrameBytes: 100_000,
        onBroken: (error) => why.push(error),
      });
      bare.transport.send(await frame(payload));
      await until(() => sealed.events.length > 0);
      expect([sealed.frames.map(({ length }) => length), sealed.closes[0]?.code]).toEqual([code ? [] : [90_000], code]);
      expect(why).toEqual(code ? [expect.objectContaining({ code: "too-large" })] : []);
    }
    const trusting = halfSealed(gzip(edn()).seal as Seal);
    trusting.bare.transport.send(await frame(bomb));
    await until(() => trusting.sealed.frames.length > 0);
  });

  test("SEAL8 while too much waits to be opened the transport below is paused", async () => {
    const seal = handSeal();
    const { sealed, bare, pause, resume } = halfSealed(seal);
    for (let i = 0; i < 3; i++) bare.transport.send(binaryFrame(40_000));
    for (let i = 0; i < 3; i++) bare.transport.send(binaryFrame(1));
    await settle();
    expect([seal.opening.length, pause.mock.calls.length, resume.mock.calls.length]).toEqual([2, 1, 0]);
    seal.opening[0]?.finish();
    await settle();
    expect([seal.opening.length, sealed.frames.length, pause.mock.calls.length, resume.mock.calls.length]).toEqual([3, 1, 2, 1]);
    for (let i = 1; i < 6; i++) {
      await until(() => seal.opening.length > i);
      seal.opening[i]?.finish();
    }
    await until(() => sealed.frames.length === 6);
    expect(resume).toHaveBeenCalledTimes(2);
  });

  test("SEAL8 after pause nothing is told, and after resume all of it, but never within the call", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    bare.transport.send({ data: bytes("a"), text: false });
    await settle();
    sealed.transport.pause();
    seal.opening[0]?.finish();
    bare.transport.send({ data: bytes("b"), text: false });
    await settle();
    expect(sealed.events).toEqual([]);
    sealed.transport.resume();
    expect(sealed.events).toEqual([]);
    await until(() => seal.opening.length === 2);
    seal.opening[1]?.finish();
    await until(() => sealed.frames.length === 2);
    expect(told(sealed)).toEqual(["a", "b"]);
  });

  test("SEAL8 a pause that comes right after resume holds", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed(seal);
    bare.transport.send({ data: bytes("a"), text: false });
    await settle();
    sealed.transport.pause();
    seal.opening[0]?.finish();
    await settle();
    sealed.transport.resume();
    sealed.transport.pause();
    await settle();
    expect(sealed.events).toEqual([]);
  });

  test("SEAL8 resume starts nothing below while too much waits, and a handler's pause holds at once", async () => {
    const seal = handSeal();
    const { sealed, bare, resume } = halfSealed(seal);
    for (let i = 0; i < 2; i++) bare.transport.send(binaryFrame(40_000));
    await settle();
    sealed.transport.pause();
    sealed.transport.resume();
    expect(resume).not.toHaveBeenCalled();
    const { handlers } = sealed.transport;
    const { onFrame } = handlers;
    handlers.onFrame = (data) => {
      onFrame(data);
      sealed.transport.pause();
    };
    await settle();
    for (const step of seal.opening.toReversed()) step.finish();
    await settle();
    expect([sealed.frames.length, resume.mock.calls.length]).toEqual([1, 0]);
  });

  test("SEAL8 a close takes the brake off, so that its answer can be read", async () => {
    const seal = handSeal();
    const { sealed, bare, resume } = halfSealed(seal);
    for (let i = 0; i < 2; i++) bare.transport.send(binaryFrame(40_000));
    await settle();
    sealed.transport.close();
    expect(resume).toHaveBeenCalledTimes(1);
  });

  test.each([
    ["fails later", () => Promise.reject(new Error("no key"))],
    [
      "fails at once",
      () => {
        throw new Error("no key");
      },
    ],
  ])("SEAL9 sealing that %s drops the connection", async (_, close) => {
    const seal: Seal = { ...identity, close: (payload) => (payload.length === 3 ? close() : (payload as Bytes)) };
    const { sealed, bare } = halfSealed(seal);
    sealed.transport.send(textFrame("a"));
    await settle();
    sealed.transport.send(textFrame("bad"));
    expect(sealed.events).toEqual([]);
    sealed.transport.send(textFrame("c"));
    await until(() => sealed.closes.length > 0 && bare.closes.length > 0);
    expect([told(bare), sealed.closes, bare.closes[0]?.code]).toEqual([["a"], [{ code: 1006, reason: "" }], 1006]);
  });

  /** Marks what it closes; for near peers another way. */
  const markSeal = (mark: number, belowMs?: number): Seal => {
    const open = (sealed: Uint8Array): Uint8Array => sealed.subarray(1);
    const close =
      (first: number) =>
      (payload: Uint8Array): Bytes =>
        Uint8Array.of(first, ...payload);
    const seal: Seal = { shared: true, open, close: close(mark) };
    return belowMs === undefined ? seal : { ...seal, near: { belowMs, seal: { ...seal, close: close(mark + 100) } } };
  };

  test("SEAL10 what is sent after a short round trip is closed by the near peers' seal", async () => {
    const { sealed, bare } = halfSealed(markSeal(1, 5));
    const frame = binaryFrame(1);
    for (const roundTripMs of [undefined, 5, 4.9, 0, 200, Number.NaN]) {
      if (roundTripMs !== undefined) sealed.transport.measured?.(roundTripMs);
      sealed.transport.send(frame);
    }
    bare.transport.send({ data: Uint8Array.of(101, 9), text: false });
    await settle();
    expect(bare.frames.map((data) => data[0])).toEqual([1, 1, 101, 101, 1, 1]);
    expect(sealed.frames).toEqual([Uint8Array.of(9)]);
  });

  test("SEAL10 what is being closed keeps its place and its way", async () => {
    const seal = handSeal();
    const { sealed, bare } = halfSealed({ ...seal, near: { belowMs: 5, seal: identity } });
    sealed.transport.send(textFrame("far"));
    sealed.transport.measured?.(1);
    sealed.transport.send(textFrame("near"));
    await settle();
    expect(told(bare)).toEqual([]);
    seal.closing[0]?.finish();
    await settle();
    expect([told(bare), seal.closing.length]).toEqual([["far", "near"], 1]);
  });

  test("SEAL10 a frame is closed once for all near peers, and once for all others", () => {
    const seal = markSeal(1, 5);
    const sent: Frame[] = [];
    const frame = binaryFrame(1);
    for (const roundTripMs of [1, 2, 100, 200]) {
      const inner = memoryPair()[0];
      inner.send = (sealedFrame) => sent.push(sealedFrame) > 0;
      const transport = sealTransport(inner, seal);
      transport.measured?.(roundTripMs);
      transport.send(frame);
    }
    expect([sent[0] === sent[1], sent[2] === sent[3], sent[0] === sent[2]]).toEqual([true, true, false]);
  });

  test.each([
    ["the inner one has one", 5, undefined, [3, 101]],
    ["the outer one has one", undefined, 5, [103, 1]],
    ["both have one", 5, 7, [103, 101]],
  ])("SEAL10 seals around each other, where %s", async (_, innerMs, outerMs, near) => {
    const first = { ...edn(), seal: markSeal(1, innerMs) };
    const both = sealedBy("outer", first, markSeal(3, outerMs)).seal as Seal;
    expect(both.near?.belowMs).toBe(5);
    const payload = Uint8Array.of(9);
    expect(await both.close(payload)).toEqual(Uint8Array.of(3, 1, 9));
    expect(await both.near?.seal.close(payload)).toEqual(Uint8Array.of(...near, 9));
    expect(await both.open(Uint8Array.of(...near, 9))).toEqual(payload);
    expect([both.near?.seal.shared, both.near?.seal.near]).toEqual([true, undefined]);
    expect(sealedBy("outer", { ...edn(), seal: markSeal(1) }, markSeal(3)).seal?.near).toBeUndefined();
  });
});
