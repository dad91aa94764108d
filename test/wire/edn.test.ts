import { describe, test } from "vitest";
import { packerContractSuite } from "../../src/testing/contracts/packer.ts";
import { edn } from "../../src/wire/edn.ts";

describe("edn as a packer", () => {
  for (const { name, run } of packerContractSuite(edn)) test(name, run);
});
