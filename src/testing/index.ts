/**
 * What tests are made of: simulations from one seed, with a clock, a network and disks of their own; and the contracts that a
 * storage, a transport, a packer or a kind keeps, for any test runner.
 */

export { connectorContractSuite } from "./contracts/connector.ts";
export { type KindLaw, type KindSubject, kindLaws, type Random } from "./contracts/kind.ts";
export { logContractSuite } from "./contracts/log.ts";
export type { LogTraits, LogWorld } from "./contracts/log-world.ts";
export { type OutboxClient, type OutboxWorld, outboxContractSuite } from "./contracts/outbox.ts";
export { type PackerTraits, packerContractSuite } from "./contracts/packer.ts";
export { type StorageTraits, type StorageWorld, storageContractSuite } from "./contracts/storage.ts";
export { ContractFailure, type ContractTest } from "./contracts/suite.ts";
export { transportContractSuite } from "./contracts/transport.ts";
export {
  type ConnectorWorld,
  type Recorder,
  realTime,
  record,
  type Side,
  type TransportPair,
  type TransportTraits,
  type TransportWorld,
} from "./contracts/transport-world.ts";
export { type SimulatedDisk, type SimulatedDiskOptions, simulatedDisk } from "./disk.ts";
export { type DiskCall, type DiskFault, type DiskOperation, type DiskPlan, faultAt, swarmDisk } from "./disk-faults.ts";
export type { FaultName } from "./fault-table.ts";
export { calm, type Faults, swarmFaults } from "./faults.ts";
export { type FaultyStorage, faultyStorage } from "./faulty-storage.ts";
export { createHistory, type History, type Operation } from "./history.ts";
export type { FaultCounts } from "./link.ts";
export { memoryNetwork, type Network, type NetworkOptions, type Told } from "./memory-network.ts";
export { createRng, type Rng } from "./rng.ts";
export { type OperationContext, type SimulateOptions, type SimulationReport, simulate } from "./simulate.ts";
export type { SimulatedClient } from "./simulated-client.ts";
export type { SimulatedServer } from "./simulated-server.ts";
export { SimulationFailure } from "./simulation-failure.ts";
export type { FaultRates, Tape, TapeEvent } from "./tape.ts";
export {
  type RunOptions,
  type RunResult,
  type ScheduleOptions,
  type VirtualClock,
  type VirtualClockOptions,
  virtualClock,
} from "./virtual-clock.ts";
export type { StoredTopic, World, WorldOptions } from "./world.ts";
