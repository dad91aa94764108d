import { describe, test } from "vitest";
import { realEnv } from "../../src/core/env.ts";
import { logContractSuite } from "../../src/testing/contracts/log.ts";
import { createMemoryLog } from "../../src/topic/memory-log.ts";

describe("memory log", () => {
  const suite = logContractSuite(
    () => {
      let nowMs = 0;
      const env = { ...realEnv, nowMs: () => nowMs };
      return { log: createMemoryLog(env), nowMs: env.nowMs, advance: (ms) => void (nowMs += ms) };
    },
    { durable: false },
  );
  for (const { name, run } of suite) test(name, run);
});
