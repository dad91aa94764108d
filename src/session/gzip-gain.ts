/**
 * Whether compressing pays: by what the last frames gained. Pure.
 *
 *   trying ──`patience` frames in a row gained too little──▶ resting for `shortestRest` frames ──▶ one try
 *     ▲                                                                                             │   │
 *     └───────────────────────────────────gained enough─────────────────────────────────────────────┘   └─ too little: rests twice as long
 *
 * Always: no rest is longer than `longestRest` frames, so that what compresses again is found out; an event that changes nothing gives
 * the same state back.
 * Rules: docs/protocol/seals.md GZIP10.
 */

export interface Gain {
  /** Frames in a row that gained too little. */
  readonly poor: number;
  /** Frames to leave as they are before the next try. */
  readonly resting: number;
}

/** Less than a tenth is too little. */
const leastGain = 0.1;
const patience = 4;
const shortestRest = 8;
const longestRest = 256;

export const noGain: Gain = { poor: 0, resting: 0 };

/** A frame of `before` bytes went by: compressed to `after`, or, while resting, left as it was. */
export function stepGain(gain: Gain, before: number, after?: number): Gain {
  if (after === undefined) return gain.resting > 0 ? { ...gain, resting: gain.resting - 1 } : gain;
  if (after <= before * (1 - leastGain)) return gain.poor === 0 ? gain : noGain;
  const poor = gain.poor + 1;
  if (poor < patience) return { poor, resting: 0 };
  // What was begun before the rest may end within it.
  if (gain.resting > 0) return gain;
  return { poor, resting: Math.min(longestRest, shortestRest * 2 ** (poor - patience)) };
}
