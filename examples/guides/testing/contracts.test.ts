/** The guide to testing: what is your own, held to its contract under Vitest. */
// #region storage
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { folder } from "sente-sync/storage/folder"; // yours in its place
import { storageContractSuite } from "sente-sync/testing";
import { describe, test } from "vitest";

describe("my storage", () => {
  const suite = storageContractSuite(async () => {
    const path = await mkdtemp(join(tmpdir(), "storage-"));
    return { storage: folder(path), dispose: () => rm(path, { recursive: true }) };
  });
  for (const { name, run } of suite) test(name, run);
});
// #endregion
