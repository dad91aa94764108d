/**
 * The gzip wrapper with both codecs: frames byte by byte, limits, and streams that are not what they say.
 * Rules: docs/protocol/seals.md GZIP1, GZIP2, GZIP4-GZIP11.
 */
import { deflateRawSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSyncError } from "../../src/core/errors.ts";
import { encrypted } from "../../src/session/encrypted.ts";
import { gzip, isDense, mentions } from "../../src/session/gzip.ts";
import { type Gain, noGain, stepGain } from "../../src/session/gzip-gain.ts";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { edn } from "../../src/wire/edn.ts";
import { codec as nodeCodec } from "../../src/wire/gzip-node.ts";
import { codec as webCodec } from "../../src/wire/gzip-web.ts";
import type { Seal } from "../../src/wire/packer.ts";

describe("gzip(edn) as a packer", () => {
  for (const { name, run } of packerContractSuite(() => gzip(edn()), { runs: 50 })) test(name, run);
});

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

const flagOf = (frame: Uint8Array | Promise<Uint8Array>): number | undefined => (frame as Uint8Array)[0];

test("GZIP8 what is to be skipped is left as it is, and nobody is asked about what is small", () => {
  const asked: number[] = [];
  const skip = (payload: Uint8Array): boolean => asked.push(payload.length) > 0 && payload[0] === 33;
  const seal = sealOf(gzip(edn(), { skip }));
  const skipped = seal.close(bytes(`!${"x".repeat(2000)}`)) as Uint8Array;
  expect([skipped.length, flagOf(skipped), flagOf(seal.close(long)), flagOf(seal.close(bytes("!small")))]).toEqual([
    2002, 0, 1, 0,
  ]);
  expect(asked).toEqual([2001, long.length]);
  expect(sealOf(gzip(edn())).open(skipped)).toEqual(bytes(`!${"x".repeat(2000)}`));
});

test("GZIP9 bytes are dense that look like noise", () => {
  const base64 = Buffer.from(noise).toString("base64");
  const rows = Array.from({ length: 200 }, (_, id) => ({ id, name: `item ${(id * 7919) % 1000}`, price: (id * 31) % 97 }));
  const mostlyNoise = Buffer.concat([bytes('+[[:app/image {:name "a.jpg" :bytes "'), noise]);
  const cases: [string, Uint8Array, boolean][] = [
    ["noise", noise, true],
    ["a long noise", Buffer.concat(Array.from({ length: 50 }, () => crypto.getRandomValues(new Uint8Array(5000)))), true],
    ["a short noise", noise.subarray(0, 600), true],
    ["gzip", gzipSync(JSON.stringify(rows.map((row) => ({ ...row, salt: Math.sin(row.id) })))), true],
    ["noise behind a name", mostlyNoise, true],
    ["base64", bytes(base64), false],
    ["prose", long, false],
    ["JSON", bytes(JSON.stringify(rows)), false],
    ["numbers", new Uint8Array(Float64Array.from({ length: 500 }, (_, i) => i * 1.5).buffer), false],
    ["a quarter of noise", Buffer.concat([noise.subarray(0, 1000), new Uint8Array(3000)]), false],
    ["nothing", new Uint8Array(), false],
    ["a byte", Uint8Array.of(1), false],
  ];
  for (const [name, payload, expected] of cases) expect(isDense(payload), name).toBe(expected);
});

test("GZIP9 mentions finds ids near the beginning, whatever packed them", () => {
  const skip = mentions("app/image", "media/");
  const cases: [string, boolean][] = [
    ['+[[:app/image "…"]]', true],
    ['[["~:media/clip","…"]]', true],
    ["[[:app/images nil]]", true],
    ["[[:app/imag nil]]", false],
    ["[[:aapp/image nil]]", true],
    [`${"x".repeat(119)}app/image`, true],
    [`${"x".repeat(120)}app/image`, false],
    ["", false],
  ];
  for (const [text, expected] of cases) expect(skip(bytes(text)), text).toBe(expected);
  expect(mentions()(long)).toBe(false);
});

test("GZIP10 after four poor frames it rests, ever longer, and what gains ends it", () => {
  /** Before and after each step: what it gained (`-`: left as it was), and the state that follows. */
  const poor = [1000, 901] as const;
  const good = [1000, 900] as const;
  const left = [1000] as const;
  const table: [Gain, readonly [number, number?], Gain][] = [
    [noGain, good, noGain],
    [noGain, left, noGain],
    [noGain, poor, { poor: 1, resting: 0 }],
    [{ poor: 2, resting: 0 }, poor, { poor: 3, resting: 0 }],
    [{ poor: 3, resting: 0 }, good, noGain],
    [{ poor: 3, resting: 0 }, poor, { poor: 4, resting: 8 }],
    [{ poor: 4, resting: 8 }, left, { poor: 4, resting: 7 }],
    [{ poor: 4, resting: 1 }, left, { poor: 4, resting: 0 }],
    [{ poor: 4, resting: 0 }, left, { poor: 4, resting: 0 }],
    [{ poor: 4, resting: 0 }, poor, { poor: 5, resting: 16 }],
    [{ poor: 4, resting: 0 }, good, noGain],
    // Begun before the rest.
    [{ poor: 4, resting: 8 }, poor, { poor: 4, resting: 8 }],
    [{ poor: 4, resting: 8 }, good, noGain],
    [{ poor: 8, resting: 0 }, poor, { poor: 9, resting: 256 }],
    [{ poor: 5000, resting: 0 }, poor, { poor: 5001, resting: 256 }],
  ];
  for (const [before, event, after] of table) expect(stepGain(before, ...event), JSON.stringify([before, event])).toEqual(after);
  expect(stepGain(noGain, ...good)).toBe(noGain);
});

test.each(Object.entries(codecs))("GZIP10 a seal that gains nothing tries less and less, by the %s codec", async (_, codec) => {
  let tries = 0;
  const compress = (payload: Uint8Array): ReturnType<typeof codec.compress> => {
    tries++;
    return codec.compress(payload);
  };
  const counting = { ...codec, compress };
  const seal = sealOf(gzip(edn(), { codec: counting, adaptive: true }));
  for (let n = 0; n < 4 + 8 + 1 + 16 + 1; n++) expect(flagOf(await seal.close(noise))).toBe(0);
  expect(tries).toBe(4 + 1 + 1);
  const lefts: number[] = [];
  while (flagOf(await seal.close(long)) === 0) lefts.push(1);
  expect(lefts.length).toBe(32);
  for (let n = 0; n < 3; n++) expect(flagOf(await seal.close(long))).toBe(1);
  const steady = sealOf(gzip(edn(), { codec: counting }));
  tries = 0;
  for (let n = 0; n < 10; n++) await steady.close(noise);
  expect(tries).toBe(10);
});

test("GZIP11 for near peers nothing is compressed, and whoever else opens it", () => {
  const { near } = sealOf(gzip(edn(), { adaptive: { nearMs: 2 } }));
  const frame = near?.seal.close(long) as Uint8Array;
  expect([near?.belowMs, near?.seal.shared, flagOf(frame), frame.length]).toEqual([2, true, 0, long.length + 1]);
  for (const seal of [sealOf(gzip(edn())), near?.seal as Seal]) expect(seal.open(frame)).toEqual(long);
  expect(near?.seal.open(sealOf(gzip(edn())).close(long) as Uint8Array)).toEqual(long);
  expect([sealOf(gzip(edn(), { adaptive: true })).near?.belowMs, sealOf(gzip(edn())).near]).toEqual([5, undefined]);
});
