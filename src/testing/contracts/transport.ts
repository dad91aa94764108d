/**
 * The contract of transports: what every transport keeps, whatever it runs on. A new one's test is a factory and its traits.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT7, TRANSPORT9, TRANSPORT10.
 */
import type { Frame } from "../../transport/transport.ts";
import { type ContractTest, equal, ok, suiteIn, type WorldTests } from "./suite.ts";
import {
  binaryFrame,
  type Recorder,
  record,
  type Side,
  type TransportPair,
  type TransportTraits,
  type TransportWorld,
  textFrame,
} from "./transport-world.ts";

/** One end, and the other one. */
interface Ends extends TransportWorld {
  readonly near: Recorder;
  readonly far: Recorder;
}
interface Several {
  readonly pairs: readonly Ends[];
  dispose(): Promise<void>;
}

/** Tests of a `Transport`, from either side. `openPair` opens a connection, which one test has for itself. */
export function transportContractSuite(
  openPair: () => TransportPair | Promise<TransportPair>,
  { gathers = [], pauses = [] }: TransportTraits = {},
): readonly ContractTest[] {
  const openFrom = (side: Side) => async (): Promise<Ends> => {
    const pair = await openPair();
    const [near, far] = side === "client" ? [pair.client, pair.server] : [pair.server, pair.client];
    // Called on the pair: its methods may need it.
    return {
      near: record(near),
      far: record(far),
      until: (done) => pair.until(done),
      settle: () => pair.settle(),
      dispose: () => pair.dispose?.(),
    };
  };
  const openThree = (side: Side) => async (): Promise<Several> => {
    const pairs = await Promise.all([1, 2, 3].map(openFrom(side)));
    return {
      pairs,
      async dispose() {
        for (const { dispose } of pairs) await dispose?.();
      },
    };
  };
  const fromSide = (side: Side): ContractTest[] => [
    ...suiteIn(openFrom(side), framesFrom(side)),
    ...suiteIn(openFrom(side), closesFrom(side)),
    ...suiteIn(openFrom(side), flowFrom(side, gathers.includes(side))),
    ...suiteIn(openThree(side), manyFrom(side)),
    ...(pauses.includes(side) ? suiteIn(openFrom(side), pausesOf(side)) : []),
  ];
  return [...suiteIn(openFrom("client"), bothClose), ...fromSide("client"), ...fromSide("server")];
}

const plain = (frames: readonly (string | Uint8Array)[]): unknown[] =>
  frames.map((data) => (typeof data === "string" ? data : Array.from(data.length > 64 ? [data.length, data[0]] : data)));

const framesFrom = (side: Side): WorldTests<Ends> => ({
  [`TRANSPORT1 frames from the ${side} arrive whole and in order`]: async ({ near, far, until, settle }) => {
    const frames: Frame[] = [
      textFrame("one"),
      binaryFrame(3),
      textFrame(""),
      binaryFrame(0),
      textFrame("żółć 🦆 \u0000 end"),
      { data: new TextEncoder().encode("bytes of tëxt"), text: true },
      binaryFrame(125, 1),
      binaryFrame(126, 2),
      binaryFrame(65_535, 3),
      binaryFrame(65_536, 4),
      textFrame("x".repeat(65_536)),
      binaryFrame(1024 * 1024, 5),
      textFrame("last"),
    ];
    for (const frame of frames) near.transport.send(frame);
    await until(() => far.frames.length === frames.length);
    await settle();
    const expected = frames.map(({ data, text }) => (text && typeof data !== "string" ? new TextDecoder().decode(data) : data));
    equal(plain(far.frames), plain(expected));
  },

  [`TRANSPORT1 bytes from the ${side} are the receiver's to change`]: async ({ near, far, until }) => {
    const frame = binaryFrame(4);
    near.transport.send(frame);
    await until(() => far.frames.length === 1);
    (far.frames[0] as Uint8Array).fill(99);
    near.transport.send(frame);
    await until(() => far.frames.length === 2);
    equal(plain(far.frames)[1], [7, 7, 7, 7]);
  },
});

const bothClose: WorldTests<Ends> = {
  "TRANSPORT2 when both close at once, each is told once": async ({ near, far, until, settle }) => {
    near.transport.close(1000, "");
    far.transport.close(1000, "");
    await until(() => near.closes.length > 0 && far.closes.length > 0);
    await settle();
    equal([near.events, far.events], [["close"], ["close"]]);
  },
};

const closesFrom = (side: Side): WorldTests<Ends> => ({
  [`TRANSPORT2 when the ${side} closes, both sides are told once, last`]: async ({ near, far, until, settle }) => {
    near.transport.send(textFrame("a"));
    near.transport.send(textFrame("b"));
    near.transport.close(1000, "");
    await until(() => near.closes.length > 0 && far.closes.length > 0);
    await settle();
    equal(far.events, ["frame", "frame", "close"]);
    equal(near.events, ["close"]);
  },

  [`TRANSPORT2 when the ${side} drops the connection, both are told once`]: async ({ near, far, until, settle }) => {
    near.transport.terminate();
    near.transport.terminate();
    near.transport.close();
    await until(() => near.closes.length > 0 && far.closes.length > 0);
    await settle();
    equal([near.closes.map(({ code }) => code), far.closes.map(({ code }) => code)], [[1006], [1006]]);
  },

  [`TRANSPORT3 the ${side}'s code and reason reach the other side`]: async ({ near, far, until }) => {
    near.transport.close(4001, "too slow");
    await until(() => far.closes.length > 0);
    equal(far.closes, [{ code: 4001, reason: "too slow" }]);
  },

  [`TRANSPORT3 the ${side} closes with 1000 and no reason by default`]: async ({ near, far, until }) => {
    near.transport.close();
    await until(() => far.closes.length > 0 && near.closes.length > 0);
    equal(
      [...far.closes, ...near.closes],
      [
        { code: 1000, reason: "" },
        { code: 1000, reason: "" },
      ],
    );
  },

  [`TRANSPORT4 the ${side}'s last frames arrive before its close, also corked and large ones`]: async ({ near, far, until }) => {
    near.transport.send(binaryFrame(300_000));
    near.transport.cork();
    near.transport.send(textFrame("last"));
    near.transport.close();
    await until(() => far.closes.length > 0);
    equal(far.events, ["frame", "frame", "close"]);
    equal(far.closes[0]?.code, 1000);
  },

  [`TRANSPORT4 after its close the ${side} drops what it sends and hears no more frames`]: async ({
    near,
    far,
    until,
    settle,
  }) => {
    far.transport.send(textFrame("on its way"));
    near.transport.close();
    near.transport.close();
    equal(near.transport.send(textFrame("x".repeat(200_000))), true);
    near.transport.cork();
    equal(near.transport.send(textFrame("late")), true);
    equal(near.transport.uncork(), true);
    await until(() => far.closes.length > 0 && near.closes.length > 0);
    equal(near.transport.send(textFrame("later")), true);
    near.transport.close();
    near.transport.terminate();
    await settle();
    equal([near.events, far.events], [["close"], ["close"]]);
  },
});

const flowFrom = (side: Side, gathers: boolean): WorldTests<Ends> => ({
  [`TRANSPORT5 the ${side}'s full buffer is told by false and then by onDrain, once`]: async ({ near, far, until, settle }) => {
    equal(near.transport.send(textFrame("small")), true);
    await settle();
    equal(near.drains, 0);
    // Noise: a transport may compress.
    const frame: Frame = { data: crypto.getRandomValues(new Uint8Array(64 * 1024)), text: false };
    let sent = 1;
    let hasRoom = true;
    while (hasRoom && sent < 2000) {
      hasRoom = near.transport.send(frame);
      sent++;
    }
    equal(hasRoom, false, "what send answered after 2000 frames of 64 KiB");
    ok(near.transport.bufferedBytes > 64 * 1024, "a full buffer holds more than 64 KiB");
    equal(near.transport.send(frame), false);
    sent++;
    await until(() => near.drains > 0 && far.frames.length === sent);
    await settle();
    equal(near.drains, 1);
    equal(near.transport.bufferedBytes, 0);
    equal(near.transport.send(textFrame("again")), true);
  },

  [`TRANSPORT6 what the ${side} corks leaves in order`]: async ({ near, far, until, settle }) => {
    const { transport } = near;
    transport.send(textFrame("0"));
    await until(() => far.frames.length === 1);
    transport.cork();
    const words = ["1", "ż".repeat(100), "", "x".repeat(2000), "5"];
    for (const word of words) equal(transport.send(textFrame(word)), true);
    equal(transport.send(binaryFrame(2)), true);
    equal(transport.send(textFrame("7")), true);
    await settle();
    const early = far.frames.length - 1;
    equal(transport.uncork(), true);
    await until(() => far.frames.length === 8);
    equal(plain(far.frames), ["0", ...words, [7, 7], "7"]);
    equal(early, gathers ? 0 : 7);
  },

  [`TRANSPORT7 nothing is called back within a call of the ${side}`]: async ({ near, far, until }) => {
    const { transport } = near;
    const calls: (() => unknown)[] = [
      () => transport.send(textFrame("a")),
      () => transport.cork(),
      () => transport.send(binaryFrame(100_000)),
      () => transport.uncork(),
      () => transport.pause(),
      () => transport.resume(),
      () => transport.close(),
      () => transport.terminate(),
    ];
    for (const call of calls) {
      const before = near.events.length + far.events.length;
      call();
      equal(near.events.length + far.events.length, before, String(call));
    }
    await until(() => far.closes.length > 0 && near.closes.length > 0);
  },
});

const manyFrom = (side: Side): WorldTests<Several> => ({
  [`TRANSPORT9 one frame from the ${side} goes to many, unchanged`]: async ({ pairs }) => {
    const frames: Frame[] = [
      { data: new TextEncoder().encode("shared"), text: true },
      { data: Uint8Array.of(1, 2, 3), text: false },
      textFrame("string"),
    ];
    for (const { near } of pairs) for (const frame of frames) near.transport.send(frame);
    for (const { near } of pairs) near.transport.cork();
    for (const { near } of pairs) for (const frame of frames) near.transport.send(frame);
    for (const { near } of pairs) near.transport.uncork();
    for (const { far, until } of pairs) {
      await until(() => far.frames.length === 6);
      equal(plain(far.frames), ["shared", [1, 2, 3], "string", "shared", [1, 2, 3], "string"]);
    }
    equal(plain(frames.map(({ data }) => data)), [[115, 104, 97, 114, 101, 100], [1, 2, 3], "string"]);
  },
});

const pausesOf = (side: Side): WorldTests<Ends> => ({
  [`TRANSPORT10 a paused ${side} reads nothing until it resumes`]: async ({ near, far, until, settle }) => {
    near.transport.pause();
    await settle();
    far.transport.send(textFrame("a"));
    far.transport.send(textFrame("b"));
    await settle();
    equal(near.frames, []);
    near.transport.resume();
    await until(() => near.frames.length === 2);
    equal(near.frames, ["a", "b"]);
  },
});
