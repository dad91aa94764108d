/**
 * Encryption around any packer, with one secret key that all peers have: AES-GCM by WebCrypto.
 *
 * Always: each sealing draws a new nonce; a frame that was changed in any bit is refused. A frame may be sealed once for
 * many, since they would be told the same bytes by the same key in any case. Who relays a frame learns its length and
 * time, can drop it, repeat it and change the order; who has the key can read and forge all of them.
 * Rules: docs/protocol/seals.md CRYPT1-CRYPT6.
 */
import { type Env, realEnv } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import { type Bytes, chain, type Packer, type Seal } from "../wire/packer.ts";
import { sealed } from "./sealed.ts";

export interface EncryptedOptions {
  /** Where nonces come from. Two that repeat under one key give the key's protection away. */
  readonly env?: Env;
}

const version = 1;
const nonceBytes = 12;
const headBytes = 1 + nonceBytes;
const tagBytes = 16;

/** `inner`, its frames encrypted with `key`: 16 or 32 secret bytes, or an AES-GCM key that may encrypt and decrypt. */
export function encrypted(inner: Packer, key: CryptoKey | Uint8Array, { env = realEnv }: EncryptedOptions = {}): Packer {
  return sealed("encrypted", inner, encryptionSeal(key, env));
}

function encryptionSeal(secret: CryptoKey | Uint8Array, env: Env): Seal {
  // A page that did not come by https has no WebCrypto.
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (!subtle) throw new SyncError("unsupported", "No WebCrypto here: it needs a secure context.");
  const key = secret instanceof Uint8Array ? importKey(subtle, secret) : checkKey(secret);
  return {
    shared: true,
    close: (payload) =>
      chain(key, async (known) => {
        const iv = env.randomBytes(nonceBytes) as Bytes;
        const body = await subtle.encrypt({ name: "AES-GCM", iv }, known, payload as Bytes);
        const frame = new Uint8Array(headBytes + body.byteLength);
        frame[0] = version;
        frame.set(iv, 1);
        frame.set(new Uint8Array(body), headBytes);
        return frame;
      }),
    open(frame) {
      if (frame.length < headBytes + tagBytes || frame[0] !== version) throw malformed();
      const iv = frame.subarray(1, headBytes) as Bytes;
      const body = frame.subarray(headBytes) as Bytes;
      return chain(key, (known) =>
        subtle.decrypt({ name: "AES-GCM", iv }, known, body).then(
          (payload) => new Uint8Array(payload),
          (cause) => {
            throw malformed(cause);
          },
        ),
      );
    },
  };
}

function importKey(subtle: SubtleCrypto, bytes: Uint8Array): Promise<CryptoKey> {
  if (bytes.length !== 16 && bytes.length !== 32)
    throw new SyncError("invalid", `A key has 16 or 32 bytes, not ${bytes.length}.`);
  return subtle.importKey("raw", bytes as Bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

function checkKey(key: CryptoKey): CryptoKey {
  if (key.algorithm.name === "AES-GCM" && key.usages.includes("encrypt") && key.usages.includes("decrypt")) return key;
  throw new SyncError("invalid", "Not an AES-GCM key that may encrypt and decrypt.");
}

function malformed(cause?: unknown): SyncError {
  return new SyncError("malformed", "Not a frame encrypted with this key.", { cause });
}
