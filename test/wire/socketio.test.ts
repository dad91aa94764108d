/**
 * The socket.io packer beyond the contract: its frames byte by byte, hostile packets, and what the parser itself would do.
 * Rules: docs/protocol/seals.md SIO1-SIO6.
 */
import fc from "fast-check";
import { Decoder } from "socket.io-parser";
import { describe, expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { keyword, Tagged } from "../../src/core/values.ts";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { equalValues } from "../../src/wire/equal.ts";
import { json } from "../../src/wire/json.ts";
import { type Budget, defaultBudget } from "../../src/wire/packer.ts";
import { socketio } from "../../src/wire/socketio.ts";
import { cpuMsOf } from "../support/cpu.ts";
import { value as anyValue, objectOf } from "../support/values.ts";

describe("socketio as a packer", () => {
  for (const { name, run } of packerContractSuite(socketio, { cannotSplice: true })) test(name, run);
});

const packer = socketio();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (packed: string | Uint8Array): string => (typeof packed === "string" ? packed : new TextDecoder().decode(packed));
const again = (value: unknown): unknown => packer.unpack(packer.pack(value));

/** A frame with parts, as SIO1 says. */
function frameOf(...parts: (string | Uint8Array)[]): Uint8Array {
  const all = parts.map((part) => (typeof part === "string" ? bytes(part) : part));
  return Uint8Array.from([0, ...all.flatMap((part) => [0, 0, part.length >> 8, part.length & 255, ...part])]);
}

function expectRefused(packed: string | Uint8Array, code = "malformed"): void {
  expect(() => packer.unpack(packed), text(packed)).toThrow(expect.objectContaining({ name: "SyncError", code }));
}

describe("frames", () => {
  test("SIO1 a value without bytes is the text of one packet", () => {
    expect(text(packer.pack([{ "user/name": "Ada", id: 1 }, null]))).toBe('2["value",[{"user/name":"Ada","id":1},null]]');
    expect(text(packer.pack(keyword("a/b")))).toBe('2["value","~:a/b"]');
  });

  test("SIO1 bytes are attachments, each part after its length", () => {
    const value = [Uint8Array.of(1, 2), { a: new Uint8Array() }];
    const packet = '52-["value",[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":1}}]]';
    expect(packer.pack(value)).toEqual(frameOf(packet, Uint8Array.of(1, 2), new Uint8Array()));
    expect(again(value)).toEqual(value);
  });

  test("SIO1 socket.io's own decoder reads the parts", () => {
    const decoder = new Decoder();
    const packets: unknown[] = [];
    decoder.on("decoded", (packet) => packets.push(packet));
    decoder.add(text(packer.pack({ a: 1 })));
    const frame = packer.pack([Uint8Array.of(7)]) as Uint8Array;
    const length = new DataView(frame.buffer).getUint32(1);
    decoder.add(text(frame.subarray(5, 5 + length)));
    decoder.add(Buffer.from(frame.subarray(9 + length)));
    expect(packets).toEqual([
      { type: 2, nsp: "/", data: ["value", { a: 1 }] },
      { type: 2, nsp: "/", data: ["value", [Buffer.from([7])]] },
    ]);
  });

  test("SIO1 more attachments than the parser allows by default are carried", () => {
    const value = Array.from({ length: 500 }, (_, i) => new Uint8Array(i).fill(i));
    expect(again(value)).toEqual(value);
  });
});

describe("values", () => {
  test("SIO2 without bytes and -0 the packet holds the text of the JSON packer", () => {
    const reference = json();
    const hasOther = (packed: string): boolean => /"~b|-0[,\]}]|-0$|"__proto__"|"_placeholder"/.test(packed);
    const same = (value: unknown): void => {
      const packed = reference.pack(value) as string;
      fc.pre(!hasOther(packed));
      expect(JSON.parse(text(packer.pack(value)).slice(1))).toEqual(["value", JSON.parse(packed)]);
    };
    fc.assert(fc.property(anyValue, same), { numRuns: 400 });
  });

  test("SIO2 the sign of zero survives", () => {
    expect(text(packer.pack([-0, 0, Number.NaN, -1 / 0]))).toBe('2["value",["~z-0",0,"~zNaN","~z-Inf"]]');
    expect(again(-0)).toBe(-0);
    expect(again(["~z-0"])).toEqual(["~z-0"]);
  });

  test("SIO2 bytes survive wherever a value may stand", () => {
    const some = (): Uint8Array => Uint8Array.of(1, 2, 3);
    const places = [some(), [some()], { a: some() }, new Set([some()]), new Map([[some(), some()]]), new Tagged("t", some())];
    expect(equalValues(again(places), places)).toBe(true);
    expect(packer.pack(places)[0]).toBe(0);
    const integerKeys = objectOf([
      ["b", some()],
      ["10", Uint8Array.of(10)],
      ["9", [Uint8Array.of(9), some()]],
    ]);
    expect(again(integerKeys)).toEqual(integerKeys);
  });

  test("SIO2 a Buffer is bytes like others", () => {
    expect(again([Buffer.from("ab")])).toEqual([Uint8Array.of(97, 98)]);
  });

  test.each(["__proto__", "_placeholder"])("SIO3 an object with the key %s is a tagged map, and the same object again", (key) => {
    for (const inner of [true, { num: 0 }, Uint8Array.of(5)]) {
      const object = objectOf([
        [key, inner],
        ["num", 0],
        ["with bytes", Uint8Array.of(9)],
      ]);
      const back = again([Uint8Array.of(1), object]) as object[];
      expect(equalValues(back, [Uint8Array.of(1), object])).toBe(true);
      expect(Object.getPrototypeOf(back[1])).toBe(Object.prototype);
      expect(Object.hasOwn(back[1] as object, key)).toBe(true);
    }
    expect(text(packer.pack(objectOf([[key, 1]])))).toBe(`2["value",["~#map",["~:${key}",1]]]`);
  });

  test("SIO3 other keys that mean something elsewhere stay keys of an object", () => {
    const object = { toJSON: "a", constructor: 1, base64: true, num: 0, toString: Uint8Array.of(1) };
    expect(again(object)).toEqual(object);
  });
});

describe("hostile packets", () => {
  const one = Uint8Array.of(1);
  const at = (num: unknown): string => JSON.stringify({ _placeholder: true, num });

  test.each([
    ["one twice", frameOf(`51-["value",[${at(0)},${at(0)}]]`, one)],
    ["one twice, and another never", frameOf(`52-["value",[${at(0)},${at(0)}]]`, one, one)],
    ["out of order", frameOf(`52-["value",[${at(1)},${at(0)}]]`, one, one)],
    ["one never", frameOf('51-["value",[]]', one)],
    ["past the last", frameOf(`51-["value",[${at(1)}]]`, one)],
    ["a negative number", frameOf(`51-["value",[${at(-1)}]]`, one)],
    ["a fraction", frameOf(`51-["value",[${at(0.5)}]]`, one)],
    ["no number", frameOf(`51-["value",[${at("0")}]]`, one)],
    ["the length of the list", frameOf(`51-["value",[${at("length")}]]`, one)],
    ["nothing", frameOf('51-["value",[{"_placeholder":true}]]', one)],
    ["as the event's name", frameOf(`51-[${at(0)},1]`, one)],
  ])("SIO4 an attachment that is referred to %s is malformed", (_, frame) => expectRefused(frame));

  test("SIO4 bytes that were read are copies", () => {
    const frame = Buffer.from(packer.pack([Uint8Array.of(1, 2)]) as Uint8Array);
    const [back] = packer.unpack(frame) as [Uint8Array];
    frame.fill(9);
    expect(back).toEqual(Uint8Array.of(1, 2));
    expect([Object.getPrototypeOf(back) === Uint8Array.prototype, back.buffer.byteLength]).toEqual([true, 2]);
  });

  test.each([
    '0{"sid":"x"}',
    "0",
    "1",
    '3["value",1]',
    '4"no"',
    '6["value",1]',
    '7["value",1]',
    'x["value",1]',
    '2/admin,["value",1]',
    '212["value",1]',
    '2 ["value",1]',
    '2["other",1]',
    '2["value"]',
    '2["value",1,2]',
    "2[]",
    "2{}",
    "2",
    "",
    '2["value",1',
    '2["value",1]x',
    '51-["value",1]',
    '50-["value",1]',
    '5["value",1]',
    '5-1-["value",1]',
    '5999999999-["value",{"_placeholder":true,"num":0}]',
    '2["connect",1]',
    '2["value","~q"]',
  ])("SIO5 %s is no value", (packet) => {
    expectRefused(packet);
    expectRefused(bytes(packet));
    expectRefused(frameOf(packet, one));
  });

  test.each([
    ["no parts", Uint8Array.of(0)],
    ["one part, the packet", frameOf('2["value",1]')],
    ["an empty packet", frameOf("", one)],
    ["fewer attachments than the packet says", frameOf(`52-["value",[${at(0)},${at(1)}]]`, one)],
    ["more attachments than the packet says", frameOf(`51-["value",[${at(0)}]]`, one, one)],
    ["an attachment in place of the packet", frameOf(one, one)],
    ["a packet that is no UTF-8", frameOf(Uint8Array.of(0x32, 0xff), one)],
    ["a length beyond the frame", Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3)],
    ["a length cut off", Uint8Array.of(...frameOf(`51-["value",[${at(0)}]]`, one), 0, 0)],
  ])("SIO5 a frame with %s is malformed", (_, frame) => expectRefused(frame));

  test("SIO5 a frame with attachments is refused at every length but its own", () => {
    const frame = packer.pack([Uint8Array.of(1, 2), { a: new Uint8Array() }]) as Uint8Array;
    for (let length = 0; length < frame.length; length++) expectRefused(frame.slice(0, length));
    expectRefused(Uint8Array.of(...frame, 0, 0, 0, 0));
  });

  test("SIO5 any change of a frame gives a value or a SyncError", () => {
    const frame = packer.pack(["é", Uint8Array.of(1, 2), { a: Uint8Array.of(3), b: [keyword("k"), 1.5] }]) as Uint8Array;
    const change = fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(change, (changes) => {
        const changed = frame.slice();
        for (const [place, byte] of changes) changed[place] = byte;
        try {
          packer.pack(packer.unpack(changed));
        } catch (error) {
          if (!isSyncError(error)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("SIO5 depth without end is refused, not a full stack", () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    expectRefused(`2["value",${deep}]`, "too-deep");
    const cpuMs = cpuMsOf(() =>
      expect(() => packer.unpack(largeFrame(`51-["value",[${at(0)},${deep}]]`, one))).toThrow(
        expect.objectContaining({ name: "SyncError" }),
      ),
    );
    expect(cpuMs).toBeLessThan(2000);
  });

  test("SIO4 attachments count as values, and many take no longer than their number", () => {
    const budget: Budget = { ...defaultBudget, maxValues: 100 };
    const packed = packer.pack(Array.from({ length: 100 }, () => one));
    expect(packer.unpack(packer.pack(Array.from({ length: 99 }, () => one)), budget)).toHaveLength(99);
    expect(() => packer.unpack(packed, budget)).toThrow(expect.objectContaining({ code: "too-large" }));
    const empty = new Uint8Array(1 + 4 * 260_000);
    const cpuMs = cpuMsOf(() => expect(() => packer.unpack(empty)).toThrow(expect.objectContaining({ code: "malformed" })));
    expect(cpuMs).toBeLessThan(2000);
  });
});

/** `frameOf` for parts longer than 64 KiB. */
function largeFrame(packet: string, attachment: Uint8Array): Uint8Array {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(packet.length, 1);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(attachment.length);
  return new Uint8Array(Buffer.concat([head, Buffer.from(packet), length, attachment]));
}

test("SIO6 what failed leaves nothing behind, and there is no splice", () => {
  expectRefused(frameOf('52-["value",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]', Uint8Array.of(1)));
  expect(again([Uint8Array.of(1)])).toEqual([Uint8Array.of(1)]);
  expect(again({ a: 1 })).toEqual({ a: 1 });
  expect([packer.splice, packer.seal, packer.name, packer.binary]).toEqual([undefined, undefined, "socketio", true]);
});
