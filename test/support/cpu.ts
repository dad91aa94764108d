/**
 * How much work something was, for tests of "in proportion" and "at once".
 *
 * Always: it is the time that this process was given, not that on the wall, which others on the machine have a part in.
 */

/** Milliseconds of the processor. */
export function cpuMsOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
