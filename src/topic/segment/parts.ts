/** What the parts of one open segment log share. */
import type { Env } from "../../core/env.ts";
import type { Catalog } from "./catalog.ts";
import type { Files } from "./files.ts";
import type { Writer } from "./writer.ts";

export interface LogParts {
  readonly env: Env;
  readonly catalog: Catalog;
  readonly files: Files;
  readonly writer: Writer;
  /** Of the epochs of relaxed topics. */
  readonly generation: string;
  readonly maxAppendBytes: number;
  newEpoch(): string;
  report(error: unknown, where: string): void;
}
