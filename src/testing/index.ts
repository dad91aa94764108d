/** What a simulation is made of: one seed, a clock, a network with faults, and a history to judge. */
export { calm, type Faults, swarmFaults } from "./faults.ts";
export { createHistory, type History, type Operation } from "./history.ts";
export type { FaultCounts } from "./link.ts";
export { createNetwork, type Network, type NetworkOptions, type Told } from "./memory-network.ts";
export { createRng, type Rng } from "./rng.ts";
export {
  createVirtualClock,
  type RunOptions,
  type RunResult,
  type ScheduleOptions,
  type VirtualClock,
  type VirtualClockOptions,
} from "./virtual-clock.ts";
