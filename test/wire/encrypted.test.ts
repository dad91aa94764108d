/**
 * Encrypted frames: their form, what is refused, and what encryption does not do.
 * Rules: docs/protocol/seals.md CRYPT1-CRYPT6.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { encrypted } from "../../src/session/encrypted.ts";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { edn } from "../../src/wire/edn.ts";
import type { Seal } from "../../src/wire/packer.ts";
import { createVirtualEnv } from "../support/virtual-env.ts";

const key = Uint8Array.from({ length: 32 }, (_, i) => i);
const sealWith = (secret: CryptoKey | Uint8Array = key): Seal => encrypted(edn(), secret).seal as Seal;
const payload = new TextEncoder().encode('[["chat/say" {"text" "żółć"}]]');

describe("encrypted(edn) as a packer", () => {
  for (const { name, run } of packerContractSuite(() => encrypted(edn(), key), { runs: 50 })) test(name, run);
});
afterEach(() => vi.unstubAllGlobals());

function importKey(usages: KeyUsage[], name = "AES-GCM"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, name, false, usages);
}

async function expectMalformed(seal: Seal, frame: Uint8Array, why?: string): Promise<void> {
  await expect((async () => await seal.open(frame))(), why).rejects.toMatchObject({ name: "SyncError", code: "malformed" });
}

describe("encrypted", () => {
  test.each([0, 1, 15, 16, 17, 100_000])("CRYPT1 a payload of %i bytes is a frame of 29 more", async (length) => {
    const seal = sealWith();
    const plain = new Uint8Array(length).fill(3);
    const frame = await seal.close(plain);
    expect([frame[0], frame.length]).toEqual([1, length + 29]);
    expect(await seal.open(frame)).toEqual(plain);
  });

  test("CRYPT1 another implementation finds version, nonce, ciphertext and tag where they are said to be", async () => {
    const frame = await sealWith().close(payload);
    const iv = frame.slice(1, 13);
    const cipher = await importKey(["encrypt", "decrypt"]);
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, tagLength: 128 }, cipher, frame.slice(13));
    expect(new Uint8Array(plain)).toEqual(payload);
    const made = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, cipher, payload));
    expect(await sealWith().open(Uint8Array.of(1, ...iv, ...made))).toEqual(payload);
  });

  test("CRYPT1 nothing of the payload can be seen", async () => {
    const frame = await sealWith().close(payload);
    expect(Buffer.from(frame).includes(Buffer.from(payload.slice(0, 4)))).toBe(false);
  });

  test("CRYPT2 each sealing draws a nonce from env", async () => {
    const seal = encrypted(edn(), key, { env: createVirtualEnv() }).seal as Seal;
    const nonces = [await seal.close(payload), await seal.close(payload)].map((frame) => Array.from(frame.subarray(1, 13)));
    expect(nonces).toEqual([
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
    ]);
    const frames = await Promise.all(Array.from({ length: 50 }, async () => sealWith().close(payload)));
    expect(new Set(frames.map((frame) => frame.join())).size).toBe(50);
  });

  test("CRYPT3 a frame with any bit changed is malformed", async () => {
    const seal = sealWith();
    const frame = await seal.close(payload);
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const changed = frame.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      await expectMalformed(seal, changed, `bit ${bit}`);
    }
    expect(await seal.open(frame)).toEqual(payload);
  });

  test("CRYPT3 a frame that is cut or lengthened is malformed", async () => {
    const seal = sealWith();
    const frame = await seal.close(payload);
    for (let length = 0; length < frame.length; length++) await expectMalformed(seal, frame.slice(0, length), `length ${length}`);
    await expectMalformed(seal, Uint8Array.of(...frame, 0));
  });

  test("CRYPT3 a frame of another key is malformed", async () => {
    await expectMalformed(sealWith(key.slice(0, 16)), await sealWith().close(payload));
    await expectMalformed(sealWith(), await sealWith(key.slice().reverse()).close(payload));
  });

  test("CRYPT4 a key is 16 or 32 bytes, and these are copied", async () => {
    for (const length of [0, 15, 24, 31, 33]) {
      expect(() => sealWith(new Uint8Array(length)), `${length}`).toThrow(expect.objectContaining({ code: "invalid" }));
    }
    for (const length of [16, 32]) {
      const bytes = key.slice(0, length);
      const seal = sealWith(bytes);
      bytes.fill(0);
      expect(await sealWith(key.slice(0, length)).open(await seal.close(payload))).toEqual(payload);
    }
  });

  test("CRYPT4 a CryptoKey is for AES-GCM and both ways", async () => {
    expect(await sealWith(await importKey(["encrypt", "decrypt"])).open(await sealWith().close(payload))).toEqual(payload);
    const wrong = [importKey(["encrypt"]), importKey(["decrypt"]), importKey(["encrypt", "decrypt"], "AES-CBC")];
    for (const other of await Promise.all(wrong)) {
      expect(() => sealWith(other)).toThrow(expect.objectContaining({ code: "invalid" }));
    }
  });

  test("CRYPT4 without WebCrypto it is unsupported", () => {
    for (const crypto of [undefined, {}]) {
      vi.stubGlobal("crypto", crypto);
      expect(() => sealWith()).toThrow(expect.objectContaining({ code: "unsupported" }));
    }
  });

  test("CRYPT5 one frame is opened by everybody with the key", async () => {
    const seal = sealWith();
    expect(seal.shared).toBe(true);
    const frame = await seal.close(payload);
    for (let i = 0; i < 3; i++) expect(await sealWith().open(frame)).toEqual(payload);
  });

  test("CRYPT6 a frame that is repeated is opened again: replay is for others to see", async () => {
    const seal = sealWith();
    const frames = [await seal.close(payload), await seal.close(new Uint8Array(3))];
    for (const frame of [...frames.reverse(), ...frames]) expect((await seal.open(frame)).length).toBe(frame.length - 29);
  });
});
