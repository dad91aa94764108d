import { describe, expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { readPollBody, writePollBody } from "../../src/transport/poll-body.ts";
import type { Frame } from "../../src/transport/transport.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");
const text = (data: string | Uint8Array): Frame => ({ data, text: true });
const binary = (data: Uint8Array): Frame => ({ data, text: false });

describe("AJAX11", () => {
  test("AJAX11 a body is the number of its first frame, then each frame behind its kind and length", () => {
    const frames = [text("é"), binary(Uint8Array.of(1, 2))];
    const body = writePollBody(258, frames, { name: "ab", close: { code: 1001, reason: "x" } });
    expect(hex(body)).toBe(
      ["00000102", "00000002", hex(Buffer.from("ab")), "40000002", "c3a9", "80000002", "0102", "c0000003", "03e9", "78"].join(""),
    );
    expect(readPollBody(body)).toEqual({
      first: 258,
      frames: ["é", Uint8Array.of(1, 2)],
      name: "ab",
      close: { code: 1001, reason: "x" },
    });
  });

  test("AJAX11 text that is bytes already is text, and an empty body has no frames", () => {
    expect(readPollBody(writePollBody(0, [text(Buffer.from("a")), text(""), binary(new Uint8Array())]))).toEqual({
      first: 0,
      frames: ["a", "", new Uint8Array()],
    });
    expect(readPollBody(writePollBody(2 ** 32 - 1, []))).toEqual({ first: 2 ** 32 - 1, frames: [] });
    expect(readPollBody(writePollBody(0, [text("\uFEFFa")])).frames).toEqual(["\uFEFFa"]);
  });

  test("AJAX11 a body is read where it lies, and its bytes are the reader's to keep", () => {
    const body = writePollBody(7, [binary(Uint8Array.of(1, 2, 3))]);
    const around = new Uint8Array(body.length + 10);
    around.set(body, 5);
    const { first, frames } = readPollBody(around.subarray(5, 5 + body.length));
    around.fill(0);
    expect([first, frames]).toEqual([7, [Uint8Array.of(1, 2, 3)]]);
  });

  test.each([
    ["nothing", ""],
    ["half a number", "0000"],
    ["half a header", "00000000 4000"],
    ["a frame that ends early", "00000000 40000002 61"],
    ["a length beyond everything", "00000000 bfffffff 61"],
    ["text that is no UTF-8", "00000000 40000001 ff"],
    ["a name that is no UTF-8", "00000000 00000001 ff"],
    ["a close without a code", "00000000 c0000001 03"],
    ["a close that says nothing was said", "00000000 c0000002 03ee"],
    ["a close of no known code", "00000000 c0000002 0000"],
    ["a reason that is no UTF-8", "00000000 c0000003 03e8 ff"],
  ])("AJAX11 %s is malformed", (_, body) => {
    let caught: unknown;
    try {
      readPollBody(bytes(body));
    } catch (error) {
      caught = error;
    }
    expect(isSyncError(caught) && caught.code).toBe("malformed");
  });
});
