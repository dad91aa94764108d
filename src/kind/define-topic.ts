/**
 * `defineTopic`: names for topics of an application's own kind.
 *
 * Always: as every definition, it runs nothing and holds no state: both sides import it.
 * Rules: docs/protocol/kinds.md KIND8-KIND18.
 */
import { type Definition, define } from "../core/definitions.ts";
import type { Fold } from "./fold.ts";

/** What such a topic is to its readers: its state, and what can be sent to it. */
export interface OwnShape<State, Given> {
  readonly state: State;
  readonly op: Given;
}

/**
 * A topic, or a pattern of topics, of a kind of your own:
 *
 *   const seats = defineTopic("flight/:number/seats", fold({ initial, decide, evolve }));
 */
export function defineTopic<const Name extends string, State, Op, Entry, Given>(
  name: Name,
  kind: Fold<State, Op, Entry, Given>,
): Definition<"own", Name, OwnShape<State, Given>> {
  return define("own", name, kind) as Definition<"own", Name, OwnShape<State, Given>>;
}
