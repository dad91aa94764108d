/**
 * The order of test files: what takes longest begins first, so that no core is idle while the last one ends.
 *
 * Always: this says when a file runs and never whether; a name below that no file has changes nothing.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take over half a minute on two cores, longest first. What was measured here before is not known on a new machine. */
const long: readonly string[] = [
  "sim-durable/durable",
  "sim-durable/planted",
  "browser/pictures",
  "browser/chat",
  "browser/form",
  "browser/dashboard",
  "browser/editor",
  "sim-doc/planted",
  "browser/whiteboard",
  "browser/presence",
  "browser/outbox",
  "matrix/matrix",
  "sim/resume",
  "sim-doc/doc",
  "browser/peers",
  "browser/board",
  "client/long-poll",
  "transport/long-poll",
  "client/upgrade-cuts",
];

function rankOf({ moduleId }: TestSpecification): number {
  const rank = long.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
  return rank === -1 ? long.length : rank;
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}
