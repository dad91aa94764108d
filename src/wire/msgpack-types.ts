/**
 * Extension types: Sente's own below 32, ours from there on.
 *
 * Always: a number keeps its meaning; what goes leaves a hole.
 * Rules: docs/protocol/msgpack.md MSGPACK3-MSGPACK6, MSGPACK8.
 */

export const instantType = -1;
export const keywordType = 0;
export const symbolType = 1;
export const charType = 2;
export const ratioType = 3;
export const setType = 4;
export const intsType = 5;
export const floatsType = 6;
export const doublesType = 7;
export const cachedKeyType = 8;
export const uuidType = 9;
/** Decimal digits. */
export const bigintType = 32;
/** The text without `M`. */
export const decimalType = 33;
/** The packed tag, a string, and the packed value. */
export const taggedType = 34;
/** UTF-16 units, big-endian: for a string with an unpaired surrogate, which UTF-8 cannot carry. */
export const unitsType = 35;

/** Map keys that one payload may refer to. */
export const maxCachedKeys = 256;
