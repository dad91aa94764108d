/**
 * A file that says where a server listens, for clients and scripts on the same machine, so that nobody has to agree on a port.
 *
 * Always: the file is there as a whole or not at all; it is removed only by who wrote it; what a process left behind that
 * is no more reads as nothing, however it ended.
 * Rules: docs/protocol/discovery.md DISC1-DISC5.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { SyncError } from "../core/errors.ts";

export interface ListeningAddress {
  readonly port: number;
  /** As it was given to `listen`. Default: any. */
  readonly host?: string | undefined;
  /** Default "/chsk". */
  readonly path?: string | undefined;
  /** Default: this process. */
  readonly pid?: number | undefined;
}

export interface PortFile {
  /** What a client of the same machine connects to. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly pid: number;
}

/** Writes where this process listens, and returns how to take that back; the end of the process does, too. Throws SyncError `invalid`. */
export function writePortFile(file: string, address: ListeningAddress): () => void {
  const { port, host, path = "/chsk", pid = process.pid } = address;
  const content = portFile({ host: host ?? "localhost", port, path, pid });
  if (!content) throw new SyncError("invalid", "A port file wants a port, a pid, a host and a path that begins with a slash.");
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  // The process may go elsewhere before it takes the file back.
  const target = resolve(file);
  // In the same folder: a rename is atomic only within one file system.
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    renameSync(temporary, target);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new SyncError("invalid", `The port file ${file} cannot be written.`, { cause });
  }
  const remove = (): void => {
    process.off("exit", remove);
    // Another server may have taken the place since.
    if (readText(target) === text) rmSync(target, { force: true });
  };
  process.once("exit", remove);
  return remove;
}

/** Where a server listens; nothing if there is no such file, it is no port file, or the process that wrote it is no more. */
export function readPortFile(file: string): PortFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(readText(file) ?? "");
  } catch {
    return undefined;
  }
  const content = portFile((value ?? {}) as Record<string, unknown>);
  return content && isAlive(content.pid) ? content : undefined;
}

const maxFileBytes = 4096;

function portFile({ host, port, path, pid }: Record<string, unknown>): PortFile | undefined {
  if (!isCount(port) || port > 65_535 || !isCount(pid)) return undefined;
  if (typeof host !== "string" || typeof path !== "string" || !path.startsWith("/")) return undefined;
  const url = `ws://${reachable(host)}:${port}${path}`;
  // A host that is none, or that goes on where a port should come, makes another URL or none.
  if (!/^[^\s/?#@\\]+$/.test(host) || !URL.canParse(url)) return undefined;
  return { url, host, port, path, pid };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Nobody connects to "any address"; an address of IPv6 stands in brackets. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

/** A file that is too large is not read; a pipe would be waited for. */
function readText(file: string): string | undefined {
  try {
    const stats = statSync(file);
    return stats.isFile() && stats.size <= maxFileBytes ? readFileSync(file, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

/** A process of another user is alive, too, though nothing may be sent to it. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
