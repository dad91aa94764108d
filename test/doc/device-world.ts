/** Pages of one device around one server with documents, in virtual time. */
import type { ClientOptions } from "sente-sync/client";
import { type OutboxOptions, outbox } from "sente-sync/client/outbox";
import type { ServerDocOptions } from "sente-sync/doc/server";
import type { ServerOptions } from "sente-sync/server";
import { MemoryDisk } from "../client/outbox-world.ts";
import { createWorld, type Page, type World } from "./world.ts";

export interface DevicePage extends Page {
  /** Ends without a word: what it keeps stays as it is now, and is free. */
  kill(): void;
}

export interface DeviceWorld extends World {
  readonly disk: MemoryDisk;
  /** A page of the device; with `offline` it opens without a line. */
  open(options?: DeviceOptions): Promise<DevicePage>;
}

export interface DeviceOptions extends Omit<OutboxOptions, "user"> {
  /** What the options say. Default: Ada. */
  readonly user?: string | undefined;
  /** Who the server says that it is. Default: `user`. */
  readonly as?: string;
  readonly disk?: MemoryDisk;
  readonly offline?: boolean;
  readonly client?: ClientOptions;
}

export function createDeviceWorld(
  options: ServerDocOptions<{ readonly id: string }> = {},
  server: ServerOptions = {},
  seed: number | string = 1,
): DeviceWorld {
  const world = createWorld(options, server, seed);
  const device = new MemoryDisk();
  return Object.assign(world, {
    disk: device,
    async open(given: DeviceOptions = {}) {
      const { as, disk = device, offline = false, client = {}, user: _, ...own } = given;
      const user = "user" in given ? given.user : "ada";
      const { store, die } = disk.store();
      const storage = outbox(store, { ...own, ...(user !== undefined && { user }) });
      const page = await world.page(as ?? user ?? "ada", { storage, autoConnect: !offline, ...client });
      const goOnline = page.online;
      if (offline) page.offline();
      return Object.assign(page, {
        online: goOnline,
        kill() {
          die();
          page.offline();
          page.client.close();
        },
      });
    },
  });
}

/** Text of all copies, and of nothing else. */
export const copiesOf = (disk: MemoryDisk): string[] =>
  [...disk.records].filter(([id]) => id.startsWith("copy-")).flatMap(([, rows]) => [...rows.values()]);

/** The client ids that the device has in the document. */
export const idsOf = (disk: MemoryDisk): number[] =>
  [...disk.records.keys()].filter((id) => id.startsWith("ids-")).map((id) => Number(id.split("-").at(-1)));
