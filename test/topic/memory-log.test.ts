import { realEnv } from "../../src/core/env.ts";
import { createMemoryLog } from "../../src/topic/memory-log.ts";
import { logContract } from "../contracts/log.ts";

logContract(
  "memory",
  () => {
    let nowMs = 0;
    const env = { ...realEnv, nowMs: () => nowMs };
    return { log: createMemoryLog(env), nowMs: env.nowMs, advance: (ms) => void (nowMs += ms) };
  },
  { durable: false },
);
