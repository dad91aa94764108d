/**
 * The tests of the tests: bugs planted in the product's real source, one at a time, each of which the histories of documents have to
 * find within the seeds of the quick tier. (The same seeds without a bug pass: doc.test.ts runs them.)
 */
import { expect, test } from "vitest";
import { bundleProgram, type Patch } from "../sim/bundle.ts";
import { quickSeeds, type Summary } from "./histories.ts";

const bugs: readonly (readonly [bug: string, patch: Patch])[] = [
  [
    "a client id may be anybody's",
    {
      file: "src/kind/doc/authority.ts",
      text: "else if ((holder ?? serverOwner) !== owner) {",
      instead: "else if (owner === serverOwner && holder) {",
    },
  ],
  [
    "whose client ids they are is not loaded",
    {
      file: "src/kind/doc/authority.ts",
      text: "for (const [owner, ...clients] of owners) for",
      instead: "for (const [owner, ...clients] of owners.slice(0, 0)) for",
    },
  ],
  [
    "a clock further on is taken",
    {
      file: "src/kind/doc/judge.ts",
      text: "if (clock > known && block?.end !== clock)",
      instead: "if (clock > known && client < 0)",
    },
  ],
  [
    "what nobody has written may be deleted",
    {
      file: "src/kind/doc/judge.ts",
      text: "if (reader.clock + reader.length > there)",
      instead: "if (reader.clock > 2 ** 50)",
    },
  ],
  [
    "joined updates lack the newest",
    {
      file: "src/server/doc/compaction.ts",
      text: "joined(all.slice(0, updates))",
      instead: "joined(all.slice(0, updates - 1))",
    },
  ],
  [
    "the second edit of a turn is forgotten",
    {
      file: "src/client/doc/sending.ts",
      text: "    unsent.add(update);\n    if (open) return;\n",
      instead: "    if (open) return;\n    unsent.add(update);\n",
    },
  ],
  [
    "what was refused for now is written in another order",
    {
      file: "src/client/doc/sending.ts",
      text: "again.updates.push(update);",
      instead: "again.updates.splice(0, again.updates.length, update);",
    },
  ],
  [
    "what a peer was refused for now is not asked for again",
    {
      file: "src/server/doc/peers/peer.ts",
      text: 'if (error.retry === "later") return this.#later();',
      instead: 'if (error.retry === "later") return;',
    },
  ],
  [
    "a peer is told of what was refused that it is stored",
    {
      file: "src/server/doc/peers/peer.ts",
      text: "this.say(say.stored(false));",
      instead: "this.say(say.stored(true));",
    },
  ],
  [
    "a version lacks what was stored last",
    {
      file: "src/server/doc/versions.ts",
      text: "const update = await doc.join(updates);",
      instead: "const update = await doc.join(updates.slice(0, -1));",
    },
  ],
  [
    "who goes back leaves the keys that came since",
    {
      file: "src/kind/doc/version-restore.ts",
      text: "if (now) unset(type, key);",
      instead: "if (now && !then) continue;",
    },
  ],
];

test.each(bugs)("planted: %s", { timeout: 300_000 }, async (bug, patch) => {
  const { run, remove } = await bundleProgram(new URL("./entry.ts", import.meta.url), [patch]);
  try {
    const { failures, seeds } = (await run(...quickSeeds, 1, 0)) as Summary;
    expect(failures, `${seeds} histories found nothing`).toHaveLength(1);
    console.log(`${bug}: found by seed ${failures[0]?.seed}: ${failures[0]?.message.split("\n")[0]?.slice(0, 100)}`);
  } finally {
    await remove();
  }
});
