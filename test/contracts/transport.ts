/**
 * What every transport and every connector keeps, whatever it runs on: a new one's test is a factory.
 * Rules: docs/protocol/transports.md TRANSPORT1-TRANSPORT10.
 */
import { afterEach, describe, expect, test } from "vitest";
import type { Connector, Frame, Transport } from "../../src/transport/transport.ts";

export interface World {
  /** Lets time pass until `done`. */
  until(done: () => boolean): Promise<void>;
  /** Lets all that is under way come to an end. */
  settle(): Promise<void>;
  dispose(): Promise<void>;
}

export interface TransportPair extends World {
  readonly client: Transport;
  readonly server: Transport;
}

type Side = "client" | "server";
const sides: readonly Side[] = ["client", "server"];

/** Which ends can do what not all can. */
export interface Traits {
  readonly gathers: readonly Side[];
  readonly pauses: readonly Side[];
}

export interface Recorder {
  readonly transport: Transport;
  readonly frames: (string | Uint8Array)[];
  readonly closes: { code: number; reason: string }[];
  drains: number;
  /** Callbacks in the order they came. */
  readonly events: string[];
}

/** Listens to everything a transport says. */
export function record(transport: Transport): Recorder {
  const recorder: Recorder = { transport, frames: [], closes: [], drains: 0, events: [] };
  transport.handlers = {
    onFrame(data) {
      recorder.frames.push(data);
      recorder.events.push("frame");
    },
    onDrain() {
      recorder.drains++;
      recorder.events.push("drain");
    },
    onClose(code, reason) {
      recorder.closes.push({ code, reason });
      recorder.events.push("close");
    },
  };
  return recorder;
}

export function textFrame(data: string): Frame {
  return { data, text: true };
}

export function binaryFrame(length: number, fill = 7): Frame {
  return { data: new Uint8Array(length).fill(fill), text: false };
}

/** Time passes by itself. */
export const realTime: Omit<World, "dispose"> = {
  async until(done) {
    const giveUpMs = performance.now() + 10_000;
    while (!done()) {
      if (performance.now() > giveUpMs) throw new Error("That never happened.");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  },
  settle: () => new Promise((resolve) => setTimeout(resolve, 40)),
};

const plain = (frames: readonly (string | Uint8Array)[]): unknown[] =>
  frames.map((data) => (typeof data === "string" ? data : Array.from(data.length > 64 ? [data.length, data[0]] : data)));

export function transportContract(name: string, openPair: () => Promise<TransportPair>, traits: Traits): void {
  const disposals: (() => Promise<void>)[] = [];
  const open = async () => {
    const pair = await openPair();
    disposals.push(pair.dispose);
    const ends = { client: record(pair.client), server: record(pair.server) };
    return {
      ...pair,
      ...ends,
      from: (side: Side) => ends[side],
      to: (side: Side) => ends[side === "client" ? "server" : "client"],
    };
  };
  afterEach(async () => {
    for (const dispose of disposals.splice(0)) await dispose();
  });

  describe(`${name} as a transport`, () => {
    test.each(sides)("TRANSPORT1 frames from the %s arrive whole and in order", async (side) => {
      const { from, to, until, settle } = await open();
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
      for (const frame of frames) from(side).transport.send(frame);
      await until(() => to(side).frames.length === frames.length);
      await settle();
      const expected = frames.map(({ data, text }) => (text && typeof data !== "string" ? new TextDecoder().decode(data) : data));
      expect(plain(to(side).frames)).toEqual(plain(expected));
    });

    test.each(sides)("TRANSPORT1 bytes from the %s are the receiver's to change", async (side) => {
      const { from, to, until } = await open();
      const frame = binaryFrame(4);
      from(side).transport.send(frame);
      await until(() => to(side).frames.length === 1);
      (to(side).frames[0] as Uint8Array).fill(99);
      from(side).transport.send(frame);
      await until(() => to(side).frames.length === 2);
      expect(plain(to(side).frames)[1]).toEqual([7, 7, 7, 7]);
    });

    test.each(sides)("TRANSPORT2 when the %s closes, both sides are told once, last", async (side) => {
      const { client, server, from, to, until, settle } = await open();
      from(side).transport.send(textFrame("a"));
      from(side).transport.send(textFrame("b"));
      from(side).transport.close(1000, "");
      await until(() => client.closes.length > 0 && server.closes.length > 0);
      await settle();
      expect(to(side).events).toEqual(["frame", "frame", "close"]);
      expect(from(side).events).toEqual(["close"]);
    });

    test("TRANSPORT2 when both close at once, each is told once", async () => {
      const { client, server, until, settle } = await open();
      client.transport.close(1000, "");
      server.transport.close(1000, "");
      await until(() => client.closes.length > 0 && server.closes.length > 0);
      await settle();
      expect([client.events, server.events]).toEqual([["close"], ["close"]]);
    });

    test.each(sides)("TRANSPORT2 when the %s drops the connection, both are told once", async (side) => {
      const { client, server, from, until, settle } = await open();
      from(side).transport.terminate();
      from(side).transport.terminate();
      from(side).transport.close();
      await until(() => client.closes.length > 0 && server.closes.length > 0);
      await settle();
      expect([client.closes.map(({ code }) => code), server.closes.map(({ code }) => code)]).toEqual([[1006], [1006]]);
    });

    test.each(sides)("TRANSPORT3 the %s's code and reason reach the other side", async (side) => {
      const { from, to, until } = await open();
      from(side).transport.close(4001, "too slow");
      await until(() => to(side).closes.length > 0);
      expect(to(side).closes).toEqual([{ code: 4001, reason: "too slow" }]);
    });

    test.each(sides)("TRANSPORT3 the %s closes with 1000 and no reason by default", async (side) => {
      const { from, to, until } = await open();
      from(side).transport.close();
      await until(() => to(side).closes.length > 0 && from(side).closes.length > 0);
      expect([...to(side).closes, ...from(side).closes]).toEqual([
        { code: 1000, reason: "" },
        { code: 1000, reason: "" },
      ]);
    });

    test.each(sides)("TRANSPORT4 the %s's last frames arrive before its close, also corked and large ones", async (side) => {
      const { from, to, until } = await open();
      from(side).transport.send(binaryFrame(300_000));
      from(side).transport.cork();
      from(side).transport.send(textFrame("last"));
      from(side).transport.close();
      await until(() => to(side).closes.length > 0);
      expect(to(side).events).toEqual(["frame", "frame", "close"]);
      expect(to(side).closes[0]?.code).toBe(1000);
    });

    test.each(sides)("TRANSPORT4 after its close the %s drops what it sends and hears no more frames", async (side) => {
      const { from, to, until, settle } = await open();
      to(side).transport.send(textFrame("on its way"));
      from(side).transport.close();
      from(side).transport.close();
      expect(from(side).transport.send(textFrame("x".repeat(200_000)))).toBe(true);
      from(side).transport.cork();
      expect(from(side).transport.send(textFrame("late"))).toBe(true);
      expect(from(side).transport.uncork()).toBe(true);
      await until(() => to(side).closes.length > 0 && from(side).closes.length > 0);
      expect(from(side).transport.send(textFrame("later"))).toBe(true);
      from(side).transport.close();
      from(side).transport.terminate();
      await settle();
      expect([from(side).events, to(side).events]).toEqual([["close"], ["close"]]);
    });

    test.each(sides)("TRANSPORT5 the %s's full buffer is told by false and then by onDrain, once", async (side) => {
      const { from, to, until, settle } = await open();
      expect(from(side).transport.send(textFrame("small"))).toBe(true);
      await settle();
      expect(from(side).drains).toBe(0);
      // Noise: a transport may compress.
      const frame: Frame = { data: crypto.getRandomValues(new Uint8Array(64 * 1024)), text: false };
      let sent = 1;
      let hasRoom = true;
      while (hasRoom && sent < 2000) {
        hasRoom = from(side).transport.send(frame);
        sent++;
      }
      expect(hasRoom).toBe(false);
      expect(from(side).transport.bufferedBytes).toBeGreaterThan(64 * 1024);
      expect(from(side).transport.send(frame)).toBe(false);
      sent++;
      await until(() => from(side).drains > 0 && to(side).frames.length === sent);
      await settle();
      expect(from(side).drains).toBe(1);
      expect(from(side).transport.bufferedBytes).toBe(0);
      expect(from(side).transport.send(textFrame("again"))).toBe(true);
    });

    test.each(sides)("TRANSPORT6 what the %s corks leaves in order", async (side) => {
      const { from, to, until, settle } = await open();
      const { transport } = from(side);
      transport.send(textFrame("0"));
      await until(() => to(side).frames.length === 1);
      transport.cork();
      const words = ["1", "ż".repeat(100), "", "x".repeat(2000), "5"];
      for (const word of words) expect(transport.send(textFrame(word))).toBe(true);
      expect(transport.send(binaryFrame(2))).toBe(true);
      expect(transport.send(textFrame("7"))).toBe(true);
      await settle();
      const early = to(side).frames.length - 1;
      expect(transport.uncork()).toBe(true);
      await until(() => to(side).frames.length === 8);
      expect(plain(to(side).frames)).toEqual(["0", ...words, [7, 7], "7"]);
      expect(early).toBe(traits.gathers.includes(side) ? 0 : 7);
    });

    test.each(sides)("TRANSPORT7 nothing is called back within a call of the %s", async (side) => {
      const { client, server, from, to, until } = await open();
      const { transport } = from(side);
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
        const before = client.events.length + server.events.length;
        call();
        expect(client.events.length + server.events.length).toBe(before);
      }
      await until(() => to(side).closes.length > 0 && from(side).closes.length > 0);
    });

    test.each(sides)("TRANSPORT9 one frame from the %s goes to many, unchanged", async (side) => {
      const pairs = await Promise.all([open(), open(), open()]);
      const frames: Frame[] = [
        { data: new TextEncoder().encode("shared"), text: true },
        { data: Uint8Array.of(1, 2, 3), text: false },
        textFrame("string"),
      ];
      for (const { from } of pairs) for (const frame of frames) from(side).transport.send(frame);
      for (const { from } of pairs) from(side).transport.cork();
      for (const { from } of pairs) for (const frame of frames) from(side).transport.send(frame);
      for (const { from } of pairs) from(side).transport.uncork();
      for (const { to, until } of pairs) {
        await until(() => to(side).frames.length === 6);
        expect(plain(to(side).frames)).toEqual(["shared", [1, 2, 3], "string", "shared", [1, 2, 3], "string"]);
      }
      expect(plain(frames.map(({ data }) => data))).toEqual([[115, 104, 97, 114, 101, 100], [1, 2, 3], "string"]);
    });

    test.each(traits.pauses)("TRANSPORT10 a paused %s reads nothing until it resumes", async (side) => {
      const { from, to, until, settle } = await open();
      from(side).transport.pause();
      await settle();
      to(side).transport.send(textFrame("a"));
      to(side).transport.send(textFrame("b"));
      await settle();
      expect(from(side).frames).toEqual([]);
      from(side).transport.resume();
      await until(() => from(side).frames.length === 2);
      expect(from(side).frames).toEqual(["a", "b"]);
    });
  });
}

export interface ConnectorWorld extends World {
  readonly connector: Connector;
  readonly url: string;
  /** What the server accepted so far. */
  readonly accepted: readonly Recorder[];
}

/** `refusedUrl`: where nobody listens, if the connector can be refused. */
export function connectorContract(name: string, open: () => Promise<ConnectorWorld>, refusedUrl?: string): void {
  const connect = async (url?: string) => {
    const world = await open();
    const said: string[] = [];
    const opening = world.connector.open(url ?? world.url, {
      onOpen(transport) {
        said.push("open");
        record(transport);
      },
      onFail: () => said.push("fail"),
    });
    return { ...world, said, opening };
  };

  describe(`${name} as a connector`, () => {
    test("TRANSPORT8 it says once that it opened, never at once", async () => {
      const { said, until, settle, dispose } = await connect();
      expect(said).toEqual([]);
      await until(() => said.length > 0);
      await settle();
      expect(said).toEqual(["open"]);
      await dispose();
    });

    if (refusedUrl !== undefined) {
      test("TRANSPORT8 it says once that it was refused, never at once", async () => {
        const { said, until, settle, dispose } = await connect(refusedUrl);
        expect(said).toEqual([]);
        await until(() => said.length > 0);
        await settle();
        expect(said).toEqual(["fail"]);
        await dispose();
      });
    }

    test("TRANSPORT8 a cancelled open says nothing and leaves nothing open", async () => {
      const { said, opening, accepted, settle, dispose } = await connect();
      opening.cancel();
      opening.cancel();
      await settle();
      expect(said).toEqual([]);
      expect(accepted.filter(({ closes }) => closes.length !== 1)).toEqual([]);
      await dispose();
    });

    test("TRANSPORT8 cancelling after it opened changes nothing", async () => {
      const { said, opening, accepted, until, settle, dispose } = await connect();
      await until(() => said.length > 0);
      opening.cancel();
      await settle();
      expect([said, accepted.map(({ closes }) => closes)]).toEqual([["open"], [[]]]);
      await dispose();
    });
  });
}
