/**
 * A token bucket: so many at once, so many per second after that.
 *
 * Always: what `take` granted from creation until `nowMs` is at most burst + perSecond x elapsed seconds.
 * Plain data and no clock: 20 000 connections keep two buckets each, and time comes in as an argument.
 * Rules: docs/protocol/tail.md BUCKET1-BUCKET8.
 */
import { SyncError } from "../core/errors.ts";

/** Shared between buckets; either may be Infinity. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Bucket {
  readonly rate: Rate;
  tokens: number;
  /** Monotonic clock when `tokens` was right. */
  atMs: number;
}

/** A full bucket. */
export function createBucket(rate: Rate, nowMs: number): Bucket {
  if (!(rate.perSecond > 0 && rate.burst > 0)) throw new SyncError("invalid", "perSecond and burst must be above 0");
  return { rate, tokens: rate.burst, atMs: nowMs };
}

/** True: taken. False: nothing taken. */
export function take(bucket: Bucket, nowMs: number, amount = 1): boolean {
  refill(bucket, nowMs);
  if (!(amount >= 0 && amount <= bucket.tokens)) return false;
  bucket.tokens -= amount;
  return true;
}

/** How long until `take` succeeds if nobody takes in between: 0 for now, Infinity for what it never grants. */
export function waitMs(bucket: Bucket, nowMs: number, amount = 1): number {
  refill(bucket, nowMs);
  if (!(amount >= 0 && amount <= bucket.rate.burst)) return Number.POSITIVE_INFINITY;
  if (amount <= bucket.tokens) return 0;
  // One more than the arithmetic says: neither rounding nor a timer that is early may send the caller back in vain.
  return Math.ceil(((amount - bucket.tokens) * 1000) / bucket.rate.perSecond) + 1;
}

function refill(bucket: Bucket, nowMs: number): void {
  if (!(nowMs > bucket.atMs)) return;
  const { perSecond, burst } = bucket.rate;
  bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) * perSecond) / 1000);
  bucket.atMs = nowMs;
}
