/**
 * The gzip wrapper with both codecs: frames byte by byte, limits, and streams that are not what they say.
 * Rules: docs/protocol/seals.md GZIP1, GZIP2, GZIP4-GZIP7.
 */
import { deflateRawSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { edn } from "../../src/wire/edn.ts";
import { encrypted } from "../../src/session/encrypted.ts";
import { gzip } from "../../src/session/gzip.ts";
import { codec as nodeCodec } from "../../src/wire/gzip-node.ts";
import { codec as webCodec } from "../../src/wire/gzip-web.ts";
import type { Seal } from "../../src/wire/packer.ts";
import { packerContract } from "../contracts/packer.ts";

packerContract("gzip(edn)", () => gzip(edn()), { runs: 50 });

const codecs = { node: nodeCodec, web: webCodec };
const sealOf = (packer: { seal?: Seal }): Seal => packer.seal as Seal;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const long = bytes("all work and no play ".repeat(200));
const noise = crypto.getRandomValues(new Uint8Array(5000));
/** A frame with this body behind the flag for gzip. */
const compressed = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from([1, ...parts.flatMap((part) => [...part])]);
const opening = async (seal: Seal, frame: Uint8Array): Promise<unknown> => {
  try {
    return await seal.open(frame);
  } catch (error) {
    return isSyncError(error) ? error.code : error;
  }
};

describe.each(Object.entries(codecs))("gzip by the %s codec", (_, codec) => {
  const seal = sealOf(gzip(edn(), { codec }));

  test("GZIP1 a frame is a flag and a body", async () => {
    expect(await seal.close(bytes("[1]"))).toEqual(Uint8Array.from([0, ...bytes("[1]")]));
    const frame = await seal.close(long);
    expect(Array.from(frame.subarray(0, 4))).toEqual([1, 0x1f, 0x8b, 8]);
    expect(await seal.open(frame)).toEqual(long);
  });

  test("GZIP1 any payload is opened as it was", async () => {
    const payload = fc
      .uint8Array({ maxLength: 300 })
      .chain((part) => fc.nat(40).map((times) => Array<typeof part>(times).fill(part)));
    await fc.assert(
      fc.asyncProperty(payload, async (parts) => {
        const whole = Uint8Array.from(parts.flatMap((part) => [...part]));
        expect(await seal.open(await seal.close(whole))).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  test("GZIP1 any other flag is read as raw, and no byte at all is malformed", async () => {
    for (const flag of [0, 2, 91, 255]) expect(await seal.open(Uint8Array.of(flag, 7, 8))).toEqual(Uint8Array.of(7, 8));
    expect(await opening(seal, new Uint8Array())).toBe("malformed");
  });

  test("GZIP2 compression begins at the threshold", async () => {
    expect((await seal.close(new Uint8Array(1023)))[0]).toBe(0);
    expect((await seal.close(new Uint8Array(1024)))[0]).toBe(1);
    const eager = sealOf(gzip(edn(), { codec, thresholdBytes: 100 }));
    expect([(await eager.close(new Uint8Array(99)))[0], (await eager.close(new Uint8Array(100)))[0]]).toEqual([0, 1]);
  });

  test("GZIP2 what compression does not make smaller is left as it is", async () => {
    const frame = await seal.close(noise);
    expect([frame[0], frame.length]).toEqual([0, noise.length + 1]);
    expect(await seal.open(frame)).toEqual(noise);
  });

  test("GZIP4 a stream up to the limit is opened, and one beyond it is too large", async () => {
    const limited = sealOf(gzip(edn(), { codec, maxBytes: 100_000 }));
    expect(await limited.open(compressed(gzipSync(new Uint8Array(100_000))))).toEqual(new Uint8Array(100_000));
    expect(await opening(limited, compressed(gzipSync(new Uint8Array(100_001))))).toBe("too-large");
    expect(await opening(seal, compressed(gzipSync(new Uint8Array(64 * 1024 * 1024 + 1))))).toBe("too-large");
  });

  test("GZIP4 no memory is taken for what is beyond the limit, or beyond what the stream says", async () => {
    const limited = sealOf(gzip(edn(), { codec, maxBytes: 100_000 }));
    const bomb = gzipSync(new Uint8Array(64 * 1024 * 1024));
    const lie = Uint8Array.from(bomb);
    new DataView(lie.buffer).setUint32(lie.length - 4, 1000, true);
    const before = process.memoryUsage().arrayBuffers;
    expect([await opening(limited, compressed(bomb)), await opening(seal, compressed(lie))]).toEqual(["too-large", "malformed"]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(24 * 1024 * 1024);
  });

  test("GZIP4 a stream that says it is empty and is not is malformed", async () => {
    const body = Uint8Array.from(gzipSync("x"));
    expect(await opening(seal, compressed(body.fill(0, -4)))).toBe("malformed");
  });

  test("GZIP4 a stream that holds less than it says is malformed", async () => {
    const body = gzipSync(long);
    body[body.length - 4] = (body.at(-4) as number) + 1;
    expect(await opening(seal, compressed(body))).toBe("malformed");
  });

  test("GZIP4 an empty payload is no exception", async () => {
    expect(await seal.open(compressed(gzipSync("")))).toEqual(new Uint8Array());
  });

  test("GZIP5 a stream that is cut anywhere is malformed", async () => {
    const frame = await seal.close(long);
    for (let length = 1; length < frame.length; length++) {
      expect(await opening(seal, frame.slice(0, length)), `length ${length}`).toBe("malformed");
    }
  });

  test("GZIP5 a stream with any byte changed is malformed, or holds the same", async () => {
    const frame = await seal.close(long);
    for (let at = 1; at < frame.length; at++) {
      const changed = frame.slice();
      changed[at] = (changed[at] as number) ^ 0xff;
      const result = await opening(seal, changed);
      // Bytes of the header say when and where it was made.
      if (result instanceof Uint8Array) expect([result, at < 11], `byte ${at}`).toEqual([long, true]);
      else expect(result, `byte ${at}`).toBe("malformed");
    }
  });

  test.each([
    ["a byte", Uint8Array.of(5)],
    ["a zero", Uint8Array.of(0)],
    ["many zeros", new Uint8Array(1000)],
    ["text", bytes("and more")],
    ["the beginning of a stream", gzipSync(long).subarray(0, 20)],
    ["another stream", gzipSync(long)],
    ["an empty stream", gzipSync("")],
  ])("GZIP5 a stream that is followed by %s is malformed", async (_, more) => {
    expect(await opening(seal, compressed(gzipSync(long), more))).toBe("malformed");
  });

  test("GZIP5 streams that hold nothing may stand before it, and change nothing", async () => {
    expect(await seal.open(compressed(gzipSync(""), gzipSync(""), gzipSync(long)))).toEqual(long);
  });

  test("GZIP5 other formats are malformed", async () => {
    expect(await opening(seal, compressed(deflateRawSync(long)))).toBe("malformed");
    expect(await opening(seal, compressed(noise.subarray(0, 17)))).toBe("malformed");
    expect(await opening(seal, compressed(bytes("[1 2 3]".repeat(10))))).toBe("malformed");
  });

  test("GZIP6 the other codec opens the frame", async () => {
    const frame = await seal.close(long);
    for (const other of Object.values(codecs)) expect(await sealOf(gzip(edn(), { codec: other })).open(frame)).toEqual(long);
  });
});

test("GZIP2 level chooses between fast and small, and is 1 to 9", () => {
  const lengthAt = (level: number): number => (sealOf(gzip(edn(), { level })).close(mixed) as Uint8Array).length;
  const mixed = Uint8Array.from({ length: 60_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 63);
  expect(lengthAt(9)).toBeLessThan(lengthAt(1));
  for (const level of [0, 10, 1.5, Number.NaN]) {
    expect(() => gzip(edn(), { level })).toThrow(expect.objectContaining({ code: "invalid" }));
  }
});

test("GZIP5 in Node, zeros that end in the length of the stream before them are seen as well", () => {
  const body = gzipSync(long);
  const seal = sealOf(gzip(edn()));
  expect(() => seal.open(compressed(body, new Uint8Array(4), body.subarray(-4)))).toThrow(
    expect.objectContaining({ code: "malformed" }),
  );
});

test("GZIP6 in Node nothing waits: both ways are done within the call", () => {
  const seal = sealOf(gzip(edn()));
  expect(seal.shared).toBe(true);
  const frame = seal.close(long) as Uint8Array;
  expect(frame).toBeInstanceOf(Uint8Array);
  expect(seal.open(frame)).toEqual(long);
  expect(Object.getPrototypeOf(seal.open(frame))).toBe(Uint8Array.prototype);
});

test("GZIP6 the frame is left unchanged, wherever in a buffer it lies", async () => {
  for (const codec of Object.values(codecs)) {
    const seal = sealOf(gzip(edn(), { codec }));
    const outer = new Uint8Array(long.length + 20).fill(9);
    outer.set(long, 7);
    const frame = await seal.close(outer.subarray(7, 7 + long.length));
    const within = new Uint8Array(frame.length + 9);
    within.set(frame, 5);
    expect(await seal.open(within.subarray(5, 5 + frame.length))).toEqual(long);
    expect(within.subarray(5, 5 + frame.length)).toEqual(frame);
  }
});

test("GZIP7 seals lie around each other as they are written", async () => {
  const key = new Uint8Array(16).fill(1);
  const both = encrypted(gzip(edn()), key);
  expect([gzip(edn()).name, both.name, both.format]).toEqual(["gzip+edn", "encrypted+gzip+edn", "edn"]);
  const frame = await sealOf(both).close(long);
  expect(frame.length).toBeLessThan(long.length / 2);
  const inside = await sealOf(encrypted(edn(), key)).open(frame);
  expect(inside[0]).toBe(1);
  expect(sealOf(gzip(edn())).open(inside)).toEqual(long);
  expect(await sealOf(both).open(frame)).toEqual(long);
});
