/**
 * The long tiers of the simulation, on two cores: so many seeds of each kind of durable history under each limits, and of resume
 * (test/sim). What is done is written down as it is done, so that a run that was stopped goes on where it was.
 *
 *     npm run sim:full
 *     npm run sim:release -- --seeds 1000000 --hours 4 --report .cache/sim-report
 *
 * Always: the report (`.json`, and `.md` to be read) says which seeds of which commit ran, what they had in them, and each failure with
 * its tape; one seed of a hundred is run again in another process, and has to be the same.
 */
import { execFile } from "node:child_process";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { parseArgs, promisify } from "node:util";
import { bundleSimulation } from "../sim/bundle.ts";
import { describeFailure } from "../sim/histories.ts";
import { bundleDurable } from "./bundles.ts";
import { joined, kinds, type Summary } from "./histories.ts";

/** Histories that are counted together. */
interface Row {
  readonly name: string;
  run(from: number, count: number): Promise<Summary>;
}

interface Done {
  readonly commit: string;
  readonly first: number;
  /** By row: how many of its blocks ran, from the first on, and what they had. */
  readonly rows: Record<string, { readonly blocks: readonly number[]; readonly summary: Summary }>;
}

/** Seeds for one process. */
const blockSeeds = 50;
const maxFailures = 3;
const shrinkRuns = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    hours: { type: "string", default: "24" },
    report: { type: "string", default: ".cache/sim-report" },
    first: { type: "string", default: "1000" },
  },
});
const [seeds, hours, first] = [values.seeds, values.hours, values.first].map(Number) as [number, number, number];
const blocks = Math.ceil(seeds / blockSeeds);
const endMs = performance.now() + hours * 3_600_000;

const { stdout } = await promisify(execFile)("git", ["describe", "--always", "--dirty"]).catch(() => ({ stdout: "unknown" }));
const commit = stdout.trim();
const before = await readFile(`${values.report}.json`, "utf8").then(
  (text) => JSON.parse(text) as Done,
  () => undefined,
);
// Of another commit, or other seeds: that was another run.
const done: Done = before?.commit === commit && before.first === first ? before : { commit, first, rows: {} };

await mkdir(dirname(values.report), { recursive: true });
const resume = await bundleSimulation();
const programs = { default: await bundleDurable("default"), tight: await bundleDurable("tight") };
const rows: readonly Row[] = [
  ...[...kinds.keys()].flatMap((kind) =>
    (["default", "tight"] as const).map((limits) => ({
      name: `${kind}, ${limits}`,
      run: (from: number, count: number) => programs[limits].run(kind, from, count, maxFailures, shrinkRuns) as Promise<Summary>,
    })),
  ),
  { name: "resume", run: runResume },
];

async function runResume(from: number, count: number): Promise<Summary> {
  const { failures, ...summary } = await resume.run({ from, count, maxFailures });
  const described = failures.map(async (failure) => ({
    kind: "resume",
    seed: Number(failure.seed),
    message: await describeFailure(failure),
    trace: [],
  }));
  return { ...summary, failures: await Promise.all(described), stored: 0, lives: 0, steps: 0, simulatedMs: 0 };
}

/** What a block had, and whether it has the same when it is run again. */
async function runBlock({ name, run }: Row, from: number): Promise<Summary> {
  const failed = (seed: number, message: string) => ({ kind: name, seed, message, trace: [] });
  let summary: Summary;
  try {
    summary = await run(from, blockSeeds);
  } catch (error) {
    return { ...joined([]), failures: [failed(from, `the block from this seed on did not end: ${String(error)}`)] };
  }
  for (const [key, hash] of Object.entries(summary.hashes)) {
    const seed = Number(key.split(" ").at(-1));
    const again = (await run(seed, 1)).hashes[key];
    if (again !== hash)
      summary = { ...summary, failures: [...summary.failures, failed(seed, "is not the same when it is run again")] };
  }
  return summary;
}

let saving: Promise<void> = Promise.resolve();
/** Whole or not at all: a run may be stopped at any time. */
async function save(): Promise<void> {
  await writeFile(`${values.report}.new`, JSON.stringify(done, undefined, 1));
  await rename(`${values.report}.new`, `${values.report}.json`);
}

const begun = new Set<string>();

/** Of the row that is least far. */
function nextBlock(): { readonly row: Row; readonly block: number } | undefined {
  for (let block = 0; block < blocks; block++) {
    for (const row of rows) {
      const id = `${row.name} ${block}`;
      if (done.rows[row.name]?.blocks.includes(block) || begun.has(id)) continue;
      begun.add(id);
      return { row, block };
    }
  }
  return undefined;
}

async function lane(): Promise<void> {
  for (let next = nextBlock(); next && performance.now() < endMs; next = nextBlock()) {
    const { row, block } = next;
    const summary = await runBlock(row, first + block * blockSeeds);
    const known = done.rows[row.name];
    done.rows[row.name] = {
      blocks: [...(known?.blocks ?? []), block],
      // Hashes were compared; a million of them need not be kept.
      summary: { ...joined(known ? [known.summary, summary] : [summary]), hashes: {} },
    };
    saving = saving.then(save);
    await saving;
  }
}

function print(): string {
  const found = rows.flatMap(({ name }) => {
    const row = done.rows[name];
    return row ? [[name, row] as const] : [];
  });
  const total = joined(found.map(([, { summary }]) => summary));
  const line = (name: string, { seeds, failures, full, stored, delivered, faults, lives, simulatedMs }: Summary): string =>
    `| ${[name, seeds, failures.length, full, stored, delivered, faults, lives, (simulatedMs / 3_600_000).toFixed(1)].join(" | ")} |`;
  return [
    `# Simulated histories of ${commit}`,
    "",
    `Seeds from ${first} on, in ${(total.cpuMs / 60_000).toFixed(1)} min of one core.`,
    "",
    "| histories | seeds | failed | told 20 under 3 faults | writes stored | told to readers | faults | lives of servers | simulated h |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...found.map(([name, { summary }]) => line(name, summary)),
    line("all", total),
    "",
    "| rare state | histories |",
    "| --- | --- |",
    ...Object.entries(total.states)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([state, times]) => `| ${state} | ${times} |`),
    "",
    total.failures.length ? "## Failures" : "No failures.",
    ...found.flatMap(([name, { summary }]) =>
      summary.failures.map(({ seed, message }) => `\n${name}, seed ${seed}:\n\n\`\`\`text\n${message}\n\`\`\``),
    ),
    "",
  ].join("\n");
}

await Promise.all([lane(), lane()]);
await Promise.all([resume.remove(), programs.default.remove(), programs.tight.remove()]);
const report = print();
await writeFile(`${values.report}.md`, report);
console.log(report);
if (Object.values(done.rows).some(({ summary }) => summary.failures.length)) process.exitCode = 1;
