/**
 * Bytes as base64, strictly: the standard alphabet, with padding, one text for each sequence of bytes.
 * Rules: docs/protocol.md EDN8, JSON2.
 */

/** Arguments of one `fromCharCode` call; engines take at least 65 535. */
const chunkLength = 8192;

export function encodeBase64(bytes: Uint8Array): string {
  let units = "";
  for (let i = 0; i < bytes.length; i += chunkLength) units += String.fromCharCode(...bytes.subarray(i, i + chunkLength));
  return btoa(units);
}

/** Nothing if `text` is not what `encodeBase64` gives. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const units = atob(text);
    return btoa(units) === text ? Uint8Array.from(units, (unit) => unit.charCodeAt(0)) : undefined;
  } catch {
    return undefined;
  }
}
