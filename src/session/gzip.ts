/**
 * Compression around any packer, as Sente's gzip wrapper has it.
 *
 * Always: a frame is one flag byte and the payload as it is, or one gzip stream of it; no stream is inflated further than
 * it says that it goes, nor than the limit. Whatever is left uncompressed for whom, any peer's wrapper opens it.
 * Rules: docs/protocol/seals.md GZIP1-GZIP11.
 */
import { codec as platformCodec } from "#gzip";
import { SyncError } from "../core/errors.ts";
import type { GzipCodec } from "../wire/gzip-web.ts";
import { type Bytes, chain, type Packer, type Seal } from "../wire/packer.ts";
import { type Gain, noGain, stepGain } from "./gzip-gain.ts";
import { sealed } from "./sealed.ts";

export { isDense, mentions } from "./gzip-skip.ts";

export interface GzipOptions {
  /** Smaller payloads are left as they are. Default 1 024, which is Sente's. */
  readonly thresholdBytes?: number;
  /** 1 (fast) to 9 (small). Default 6. The compressor of browsers has none to choose. */
  readonly level?: number;
  /** A frame that would inflate to more is refused with `too-large`. Default 64 MiB. */
  readonly maxBytes?: number;
  /** True for packed frames that are left as they are: `isDense`, `mentions("media/")`, or one's own. Default: none. */
  readonly skip?: (payload: Uint8Array) => boolean;
  /** Leaves frames as they are while the last ones gained too little, and for peers that are near. Default false. */
  readonly adaptive?: boolean | AdaptiveOptions;
  /** Default: `node:zlib` in Node, else the platform's compression streams. */
  readonly codec?: GzipCodec;
}

export interface AdaptiveOptions {
  /** A peer whose round trip took less is near. Default 5; 0: none is. */
  readonly nearMs?: number;
}

const defaultNearMs = 5;
const rawFlag = 0;
const gzipFlag = 1;
/** A gzip stream has at least its header and trailer; the trailer ends with the length of what it holds. */
const leastGzipBytes = 18;
/** A stream that inflates to more than so many times its length is there to do harm; short ones may. */
const maxRatio = 100;
const looseBytes = 64 * 1024;

/** `inner`, its frames compressed where that makes them smaller. */
export function gzip(inner: Packer, options: GzipOptions = {}): Packer {
  return sealed("gzip", inner, gzipSeal(options));
}

function gzipSeal(options: GzipOptions): Seal {
  const { thresholdBytes = 1024, level, maxBytes = 64 * 1024 * 1024, codec = platformCodec, skip, adaptive = false } = options;
  if (level !== undefined && !(Number.isInteger(level) && level >= 1 && level <= 9)) {
    throw new SyncError("invalid", `A gzip level is 1 to 9, not ${level}.`);
  }
  let gain: Gain = noGain;
  const leave = (payload: Uint8Array): Bytes => flagged(rawFlag, payload);
  const open = (frame: Uint8Array, limitBytes?: number): Uint8Array | Promise<Uint8Array> => {
    if (frame.length === 0) throw malformed();
    const body = frame.subarray(1);
    // Who has a limit does not trust the other side.
    const fewBytes = limitBytes === undefined ? maxBytes : Math.min(limitBytes, Math.max(looseBytes, body.length * maxRatio));
    const mostBytes = Math.min(maxBytes, fewBytes);
    return frame[0] === gzipFlag ? inflate(codec, body, mostBytes) : body;
  };
  const seal: Seal = {
    shared: true,
    open,
    close(payload) {
      if (payload.length < thresholdBytes || skip?.(payload)) return leave(payload);
      if (gain.resting > 0) {
        gain = stepGain(gain, payload.length);
        return leave(payload);
      }
      return chain(codec.compress(payload, level), (body) => {
        if (adaptive) gain = stepGain(gain, payload.length, body.length);
        return body.length < payload.length ? flagged(gzipFlag, body) : leave(payload);
      });
    },
  };
  if (!adaptive) return seal;
  const { nearMs = defaultNearMs } = adaptive === true ? {} : adaptive;
  return { ...seal, near: { belowMs: nearMs, seal: { shared: true, open, close: leave } } };
}

function flagged(flag: number, body: Uint8Array): Bytes {
  const frame = new Uint8Array(1 + body.length);
  frame[0] = flag;
  frame.set(body, 1);
  return frame;
}

function inflate(codec: GzipCodec, body: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array> {
  if (body.length < leastGzipBytes) throw malformed();
  const length = new DataView(body.buffer, body.byteOffset, body.length).getUint32(body.length - 4, true);
  const judge = (payload: Uint8Array | undefined): Uint8Array => {
    if (!payload && length > maxBytes) throw new SyncError("too-large", `A frame that inflates to more than ${maxBytes} bytes.`);
    if (payload?.length !== length) throw malformed();
    return payload;
  };
  let payload: ReturnType<GzipCodec["decompress"]>;
  try {
    payload = codec.decompress(body, Math.min(length, maxBytes));
  } catch (cause) {
    throw malformed(cause);
  }
  if (!(payload instanceof Promise)) return judge(payload);
  return payload.then(judge, (cause) => {
    throw malformed(cause);
  });
}

function malformed(cause?: unknown): SyncError {
  return new SyncError("malformed", "Not a gzip frame.", { cause });
}
