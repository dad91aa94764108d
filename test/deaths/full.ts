/**
 * `npm run deaths:full`: 300 kills, ten to a folder, and how long a start takes with a long log. `SEED=17` begins with that seed,
 * `KILLS=20` stops earlier. Ends with 1, and how to run it again, where a run has a fault.
 */
import { type DeathsOptions, runDeaths, summary } from "./deaths.ts";
import { readyAfter } from "./ready.ts";

const killsOfRun = 10;
const kills = Number(process.env["KILLS"] ?? 300);
const firstSeed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
const profiles: readonly Omit<DeathsOptions, "seed" | "kills">[] = [
  { durability: "strict" },
  { durability: "strict", compacting: true },
  { durability: "relaxed" },
  { durability: "relaxed", compacting: true },
];

const total = { kills: 0, acks: 0, resends: 0, replays: 0, lost: 0, faults: 0, removed: 0 };
const ready: number[] = [];
for (let run = 0; total.kills < kills; run++) {
  const seed = firstSeed + run;
  // By its seed alone, so that one seed can be run again.
  const profile = profiles[seed % profiles.length] as (typeof profiles)[number];
  const report = await runDeaths({ seed, kills: Math.min(killsOfRun, kills - total.kills), ...profile });
  console.log(`${profile.durability}${profile.compacting ? ", while it compacts" : ""}, ${summary(report)}`);
  for (const fault of report.faults.slice(0, 20)) console.log(`  FAULT ${fault}`);
  if (report.faults.length)
    console.log(`  ${report.faults.length} faults; again: SEED=${seed} KILLS=${killsOfRun} npm run deaths:full`);
  total.kills += report.kills;
  total.acks += report.acks;
  total.resends += report.resends;
  total.replays += report.replays;
  total.lost += profile.durability === "strict" ? 0 : report.lost;
  total.faults += report.faults.length;
  if (profile.compacting) total.removed += report.segmentsRemoved;
  ready.push(report.readyMs);
}
const median = ready.sort((a, b) => a - b)[ready.length >> 1] as number;
console.log(
  `${total.kills} kills, ${total.acks} acks, ${total.resends} resent, ${total.replays} replayed, ${total.lost} taken back under relaxed, ${total.removed} segments removed, ` +
    `${total.faults} faults, ready again in ${Math.round(median)} ms`,
);

const empty = await readyAfter(0);
for (const entries of [100_000, 1_000_000]) {
  const ms = await readyAfter(entries);
  console.log(
    `ready with ${entries} entries: ${Math.round(ms)} ms, ${(ms / empty).toFixed(1)} times an empty log's ${Math.round(empty)} ms`,
  );
}
// On a machine so slow that nothing was ever compacted, that was not tested.
process.exitCode = total.faults || !total.removed ? 1 : 0;
