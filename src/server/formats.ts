/**
 * The wire formats that a server speaks: its own, those that clients may ask for, and those of its bridges.
 *
 * Always: one framer per packer name, so that what is packed once for a format serves all its connections.
 * Rules: docs/protocol/upgrade.md UP2.
 */
import { edn } from "../wire/edn.ts";
import type { Packer } from "../wire/packer.ts";
import { createFramer, type Framer } from "./frames.ts";

export interface Formats {
  /** That of clients that do not ask for one. */
  readonly own: Framer;
  /** Of what clients may ask for, the best first. */
  readonly names: readonly string[];
  /** The framer of that packer, which is known from then on. */
  of(packer: Packer): Framer;
  /** That of the first name that is known, or the server's own. */
  choose(offered: readonly string[]): Framer;
}

export function createFormats(packer: Packer = edn(), more: readonly Packer[] = []): Formats {
  const own = createFramer(packer);
  const framers = new Map([own, ...more.map(createFramer)].map((each) => [each.packer.name, each]));
  return {
    own,
    names: [...more.map(({ name }) => name), packer.name],
    of(asked) {
      const known = framers.get(asked.name) ?? createFramer(asked);
      framers.set(asked.name, known);
      return known;
    },
    choose: (offered) => offered.map((name) => framers.get(name)).find((known) => known) ?? own,
  };
}
