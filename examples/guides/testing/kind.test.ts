/** The guide to testing: a kind and a packer of your own, held to their contracts under Vitest. */
// #region kind
import { fold } from "sente-sync/kinds";
import { json } from "sente-sync/packers/json"; // yours in its place
import { kindLaws, packerContractSuite } from "sente-sync/testing";
import { describe, test } from "vitest";

type Vote = "yes" | "no";

const ballot = fold({
  initial: { yes: 0, no: 0 },
  decide: (_count, vote: Vote) => vote,
  evolve: (count, vote: Vote) => ({ ...count, [vote]: count[vote] + 1 }),
});

describe("my kind", () => {
  const laws = kindLaws({ ...ballot, op: (random): Vote => (random() < 0.5 ? "yes" : "no") });
  for (const { name, run } of laws) test(name, run);
});

describe("my packer", () => {
  for (const { name, run } of packerContractSuite(json)) test(name, run);
});
// #endregion
