/**
 * `simulate`: an application under faults. Without a workload it makes a world for a test to direct; with one it runs a whole
 * history of that seed: clients do what the workload says while everything breaks that can, then all faults stop, and what has to
 * be true is asked.
 *
 * Always: the same options and seed, or tape, give the same history; a history that fails rejects with a SimulationFailure whose
 * tape fails as well.
 * Rules: docs/protocol/transports.md SIM17-SIM20.
 */
import type { User } from "../core/register.ts";
import type { FaultName } from "./fault-table.ts";
import { faultTable } from "./fault-table.ts";
import { createRng, type Rng } from "./rng.ts";
import { shrinkTape } from "./shrink.ts";
import type { SimulatedClient } from "./simulated-client.ts";
import { type Finding, SimulationFailure } from "./simulation-failure.ts";
import { drawTape, type FaultRates, type Tape } from "./tape.ts";
import { createWorld, type World, type WorldOptions } from "./world.ts";

export interface OperationContext<S, C, M> {
  /** Who does it; it is up. */
  readonly client: SimulatedClient<C>;
  readonly world: World<S, C, M>;
  readonly model: M;
  /** Of this operation alone. */
  readonly rng: Rng;
}

export interface SimulateOptions<S, C, M> extends Omit<WorldOptions<S, C, M>, "faults"> {
  /** What clients do, by name; one of them is drawn each time. */
  readonly workload: Readonly<Record<string, (context: OperationContext<S, C, M>) => void>>;
  /** Default 3. */
  readonly clients?: number;
  /** Of the client of that number. Default: one each. */
  readonly user?: (index: number) => User;
  /** Operations of the workload, of all clients. Default 100. */
  readonly ops?: number;
  /** `swarm` (default): each fault is there or not, as the seed has it. */
  readonly faults?: "swarm" | FaultRates;
  /** Faults that are left out of a swarm. */
  readonly without?: readonly FaultName[];
  /** Runs this instead of what the seed gives. */
  readonly tape?: Tape;
  /** What is true once all faults are over and everything is quiet; throws where it is not. */
  readonly after?: (world: World<S, C, M>) => void | Promise<void>;
  /** How long healing may take. Default 30 simulated seconds. */
  readonly settleWithin?: number | string;
  /** Runs that may be spent on a shorter tape of a history that failed. Default 200; 0: it is told as it is. */
  readonly shrinkRuns?: number;
}

export interface SimulationReport {
  readonly seed: number | string;
  readonly tape: Tape;
  readonly steps: number;
  readonly simulatedMs: number;
  /** Faults that happened, those of links and the disk included. */
  readonly faults: number;
  readonly serverLives: number;
  readonly states: Readonly<Record<string, number>>;
  /** Of every step: equal for equal histories. */
  readonly hash: string;
}

export function simulate<S, C = undefined, M = undefined>(options: SimulateOptions<S, C, M>): Promise<SimulationReport>;
export function simulate<S, C = undefined, M = undefined>(options: WorldOptions<S, C, M>): World<S, C, M>;
export function simulate<S, C, M>(
  options: WorldOptions<S, C, M> | SimulateOptions<S, C, M>,
): World<S, C, M> | Promise<SimulationReport> {
  return "workload" in options ? runSeed(options) : createWorld(options);
}

async function runSeed<S, C, M>(options: SimulateOptions<S, C, M>): Promise<SimulationReport> {
  const tape = options.tape ?? tapeOf(options);
  const { finding, report } = await runTape(options, tape);
  if (!finding) return report;
  const isFailing = async (candidate: Tape): Promise<boolean> => (await runTape(options, candidate)).finding !== undefined;
  const shrunk = await shrinkTape(tape, isFailing, options.shrinkRuns ?? 200);
  const trace: string[] = [];
  const onTrace = (atMs: number, node: string, what: string): void => {
    trace.push(`${atMs.toFixed(2).padStart(10)}  ${node.padEnd(8)} ${what}`);
    if (trace.length > 1000) trace.splice(0, 500);
  };
  const last = await runTape({ ...options, onTrace }, shrunk);
  throw new SimulationFailure(last.finding ?? finding, shrunk, trace);
}

function tapeOf<S, C, M>({
  seed,
  clients = 3,
  ops = 100,
  workload,
  faults = "swarm",
  without = [],
  storage,
}: SimulateOptions<S, C, M>): Tape {
  const rng = createRng(seed).fork("tape");
  const impossible: FaultName[] = storage ? [] : ["disk-full", "disk-sync", "server-power"];
  return drawTape({ seed, rng, clients, ops, workload: Object.keys(workload), faults, without: [...without, ...impossible] });
}

/** One history, to its end or its first finding. */
async function runTape<S, C, M>(
  options: SimulateOptions<S, C, M>,
  tape: Tape,
): Promise<{ readonly finding: Finding | undefined; readonly report: SimulationReport }> {
  const { workload, user, after, settleWithin = "30s" } = options;
  const world = createWorld<S, C, M>({ ...options, seed: tape.seed, faults: { network: tape.network, disk: tape.disk } });
  const { clock, network, server, model } = world;
  let struck = 0;
  let finding: Finding | undefined;
  for (let index = 0; index < tape.clients; index++) world.client(user && { user: user(index) });
  for (const { atMs, name, client: index, nth, fault } of tape.events) {
    clock.schedule("world", atMs, name, () => {
      const client = world.clients[index] as SimulatedClient<C>;
      if (fault) {
        struck++;
        faultTable[name as FaultName].run(world, client, fault);
      } else if (client.isUp) workload[name]?.({ client, world, model, rng: clock.rng.fork(`op/${nth}`) });
    });
  }
  try {
    await clock.run({ untilMs: tape.events.at(-1)?.atMs ?? 0 });
    world.heal();
    await world.settle(settleWithin);
    await after?.(world);
  } catch (error) {
    finding = { error, step: clock.steps, atMs: clock.nowMs };
  }
  const { refused, hung, cuts, halfOpens, clogs, slowed } = network.counts;
  const report = {
    seed: tape.seed,
    tape,
    steps: clock.steps,
    simulatedMs: clock.nowMs,
    faults: struck + refused + hung + cuts + halfOpens + clogs + slowed + (server.storage?.disk.faults ?? 0),
    serverLives: server.lives,
    states: world.states,
    hash: clock.traceHash(),
  };
  return { finding, report };
}
