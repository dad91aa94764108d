/**
 * The contract of logs: what every log keeps, wherever its records live. A new one's test is a factory and its traits.
 * Rules: docs/protocol/storage.md LOG1-LOG16.
 */
import { durableTests, faultTests, relaxedTests } from "./log-durable.ts";
import { recordTests } from "./log-records.ts";
import { topicTests } from "./log-topics.ts";
import type { LogTraits, LogWorld } from "./log-world.ts";
import { type ContractTest, suiteIn } from "./suite.ts";

/** Tests of a `Log`. `create` makes an empty one, which one test has for itself. */
export function logContractSuite(create: () => LogWorld | Promise<LogWorld>, traits: LogTraits): readonly ContractTest[] {
  return suiteIn(create, {
    ...recordTests,
    ...topicTests(create, traits),
    ...(traits.durable ? durableTests : {}),
    ...(traits.relaxed ? relaxedTests : {}),
    ...(traits.faults ? faultTests : {}),
  });
}
