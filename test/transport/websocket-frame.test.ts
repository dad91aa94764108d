import { expect, test } from "vitest";
import { binaryFrame, textFrame } from "../../src/testing/contracts/transport-world.ts";
import { frameHeaderBytes, frameOf, joinFrames, writeFrameHeader } from "../../src/transport/websocket-frame.ts";

const headerOf = (length: number, text: boolean): string => {
  const target = Buffer.alloc(12, 0xee);
  const end = writeFrameHeader(target, 1, length, text);
  expect(end).toBe(1 + frameHeaderBytes(length));
  expect([target[0], target[end]]).toEqual([0xee, 0xee]);
  return target.subarray(1, end).toString("hex");
};

test("TRANSPORT11 a header says final, opcode and the length in its shortest form", () => {
  expect(headerOf(0, true)).toBe("8100");
  expect(headerOf(0, false)).toBe("8200");
  expect(headerOf(125, true)).toBe("817d");
  expect(headerOf(126, true)).toBe("817e007e");
  expect(headerOf(65_535, false)).toBe("827effff");
  expect(headerOf(65_536, false)).toBe("827f0000000000010000");
  expect(headerOf(2 ** 32 + 5, false)).toBe("827f0000000100000005");
});

test("TRANSPORT11 a frame is one buffer, made once", () => {
  const frame = textFrame("é");
  expect(frameOf(frame).toString("hex")).toBe("8102c3a9");
  expect(frameOf(frame)).toBe(frame.framed);
  expect(frameOf({ data: Uint8Array.of(0x68), text: true }).toString("hex")).toBe("810168");
  expect(frameOf({ data: Uint8Array.of(0x68), text: false }).toString("hex")).toBe("820168");
});

test("TRANSPORT12 runs of short frames are joined, long ones stay by themselves, in order", () => {
  const framed = textFrame("framed");
  frameOf(framed);
  const long = textFrame("x".repeat(1025));
  const longBytes = { data: new Uint8Array(1025), text: false };
  const short = [textFrame("a"), binaryFrame(1), textFrame("c"), framed, textFrame("d"), textFrame("")];
  const frames = [...short, long, longBytes, textFrame("e")];
  const pieces = joinFrames(frames);
  expect(pieces.length).toBe(4);
  expect(pieces[1]).toBe(frameOf(long));
  expect(pieces[2]).toBe(frameOf(longBytes));
  expect(Buffer.concat(pieces).toString("hex")).toBe(Buffer.concat(frames.map(frameOf)).toString("hex"));
  // What goes to many is not copied for each, where it goes alone.
  expect(joinFrames([framed])).toEqual([framed.framed]);
  expect(joinFrames([framed])[0]).toBe(framed.framed);
});

test("TRANSPORT12 joined strings are framed as single ones are, whatever their length in bytes", () => {
  const letters = ["x", "é", "€", "🦆", "\ud800"];
  const frames = [];
  for (const letter of letters)
    for (let length = 1; length <= 1024 / letter.length; length++) frames.push(textFrame(letter.repeat(length)));
  const pieces = joinFrames(frames);
  expect(pieces.length).toBeGreaterThan(1);
  expect(Buffer.concat(pieces).equals(Buffer.concat(frames.map(frameOf)))).toBe(true);
});
