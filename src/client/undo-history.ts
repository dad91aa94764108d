/**
 * `undoHistory(client, refs)`: one history for several topics of a client, whoever writes to them there.
 *
 * Always: a topic has one history at a time; a handle that was given one of its own keeps that.
 * Rules: docs/protocol/shared.md UNDO1-UNDO12.
 */
import type { Ref } from "../core/definitions.ts";
import { coreOf } from "./client.ts";
import type { Held } from "./held.ts";
import { createUndoHistory, type UndoHistory, type UndoHistoryOptions } from "./history.ts";

const histories = new WeakMap<Held, UndoHistory>();

/** What is written to the topic is undone in. */
export function historyOf(held: Held): UndoHistory {
  const history = histories.get(held) ?? createUndoHistory();
  histories.set(held, history);
  return history;
}

/**
 * One history for those shared trees and stores: what is written to them from now on is undone in the order in which it was written.
 * Asked for the same topics again, it gives the same one.
 */
export function undoHistory(
  client: object,
  refs: readonly Ref<"shared" | "store">[],
  options: UndoHistoryOptions = {},
): UndoHistory {
  const core = coreOf(client);
  const held = refs.map(({ topic, kind }) => core.hold(topic, kind));
  const [first] = held;
  const known = first && histories.get(first);
  if (known && held.length > 1 && held.every((each) => histories.get(each) === known)) return known;
  const history = createUndoHistory(options);
  for (const each of held) histories.set(each, history);
  return history;
}
