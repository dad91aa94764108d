/** What a simulation is made of: one seed, a clock, a network with faults, and a history to judge. */

export { type SimulatedDisk, type SimulatedDiskOptions, simulatedDisk } from "./disk.ts";
export { type DiskCall, type DiskFault, type DiskOperation, type DiskPlan, faultAt, swarmDisk } from "./disk-faults.ts";
export type { FaultName } from "./fault-table.ts";
export { calm, type Faults, swarmFaults } from "./faults.ts";
export { type FaultyStorage, faultyStorage } from "./faulty-storage.ts";
export { createHistory, type History, type Operation } from "./history.ts";
export type { FaultCounts } from "./link.ts";
export { createNetwork, type Network, type NetworkOptions, type Told } from "./memory-network.ts";
export { createRng, type Rng } from "./rng.ts";
export { type OperationContext, type SimulateOptions, type SimulationReport, simulate } from "./simulate.ts";
export type { SimulatedClient } from "./simulated-client.ts";
export type { SimulatedServer } from "./simulated-server.ts";
export { SimulationFailure } from "./simulation-failure.ts";
export type { FaultRates, Tape, TapeEvent } from "./tape.ts";
export {
  createVirtualClock,
  type RunOptions,
  type RunResult,
  type ScheduleOptions,
  type VirtualClock,
  type VirtualClockOptions,
} from "./virtual-clock.ts";
export type { StoredTopic, World, WorldOptions } from "./world.ts";
