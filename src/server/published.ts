/** What became of something that the server itself wrote. */
import { SyncError } from "../core/errors.ts";
import type { AppendResult } from "../topic/log.ts";
import type { ServerCore } from "./core.ts";
import type { Topic } from "./topic.ts";
import { quiet, type Topics } from "./topics.ts";

export interface Published {
  /** Resolves with its offset when the topic's log has it; rejects with a SyncError. Unasked, it is no unhandled rejection. */
  readonly stored: Promise<number>;
}

/** Appends a packed entry that is part of the state already. */
export function publishTo(topics: Topics, topic: Topic, entry: Uint8Array): Published {
  const result = topics.append(topic, [{ entry }]);
  const offset = topic.log.decided;
  const answer = (outcome: AppendResult): number => {
    if (outcome === "stored") return offset;
    throw topic.fault ?? new SyncError("read-only", "The log cannot store now.");
  };
  if (result instanceof Promise) return { stored: quiet(result.then(answer)) };
  // Made when it is asked for: most who publish never do.
  return {
    get stored() {
      return Promise.resolve(result).then(answer);
    },
  };
}

/**
 * What the application makes a topic begin with. What it throws is reported, and readers are told to ask again: SyncError `loading`.
 */
export async function firstValue<T>(core: ServerCore, name: string, seed: () => T | Promise<T>): Promise<T> {
  try {
    return await seed();
  } catch (error) {
    core.report(error, name);
    throw new SyncError("loading", `"${name}" could not be begun now: its \`seed\` threw. Try again.`, { cause: error });
  }
}

/** Nothing is left of what could not be begun: who asks for it next opens it anew. */
export async function begun(topic: Topic, begin: () => Promise<unknown>): Promise<Topic> {
  try {
    await begin();
    return topic;
  } catch (error) {
    if (!topic.isClosed) {
      topic.close();
      await topic.log.close();
    }
    throw error;
  }
}

/** The topic, with a first entry if it had none: who else seeds it expects offset 0 as well, and only one of them is right. */
export async function seeded(topics: Topics, made: Topic | Promise<Topic>, seed: () => Promise<unknown>): Promise<Topic> {
  const topic = await made;
  return begun(topic, async () => {
    while (topic.log.decided === 0) {
      const entry = await seed();
      const result = await topics.append(topic, [{ entry: topics.pack(entry) }]);
      if (result === "read-only") throw topic.fault ?? new SyncError("read-only", "The log cannot store now.");
    }
  });
}
