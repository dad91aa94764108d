/** Bounded, observable rings: what everything queues in. Rules: docs/protocol/tail.md. */
export type { Bucket, Rate } from "./bucket.ts";
export { createBucket, take, waitMs } from "./bucket.ts";
export type { Lane, LaneLimits, LaneSnapshot, Lanes, LanesSnapshot } from "./lanes.ts";
export { createLanes, defaultLaneLimits } from "./lanes.ts";
export type { QueueCounters, QueueMetrics, QueueStatus } from "./metrics.ts";
export type {
  Capacity,
  DropReason,
  Overflow,
  Queue,
  QueueOptions,
  QueueSnapshot,
  Received,
  ReceiveNow,
  ReceiveResult,
  SendNow,
  SendResult,
} from "./queue.ts";
export { createQueue, defaultQueueLimits } from "./queue.ts";
export type { Tail, TailOptions, TailSnapshot } from "./tail.ts";
export { createTail, defaultTailLimits } from "./tail.ts";
export type { WaitOptions } from "./waiters.ts";
