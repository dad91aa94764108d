/**
 * What others in a room may be told: the schemas, the application's hook and the size decide.
 *
 * Always: what is refused throws a SyncError and is counted; what passes is what the schema and the hook made of it.
 * Rules: docs/protocol/presence.md PRESENCE1-PRESENCE9, PRESENCE20-PRESENCE24.
 */
import { SyncError } from "../core/errors.ts";
import { type Schema, validate } from "../core/schema.ts";
import { type Data, isData } from "../session/messages/presence.ts";
import { equalValues } from "../wire/equal.ts";
import type { PresenceCounters } from "./presence-limits.ts";

/** What the application is asked of each change of a member. */
export interface MemberUpdate {
  /** The member's; of one that joins, not yet issued. */
  readonly id: string | undefined;
  readonly user: unknown;
  readonly data: unknown;
  /** As it was; undefined: it joins. */
  readonly before: unknown;
  readonly params: { readonly [name: string]: string };
}

export interface PresenceRules {
  readonly params: { readonly [name: string]: string };
  readonly schema: Schema | undefined;
  readonly events: ReadonlyMap<string, Schema> | undefined;
  readonly stage: Schema | undefined;
  readonly onUpdate: ((update: MemberUpdate) => unknown) | undefined;
}

interface ChecksHost {
  readonly room: string;
  readonly rules: PresenceRules;
  readonly maxBytes: number;
  readonly counters: PresenceCounters;
  pack(value: unknown): Uint8Array;
}

/** Each throws SyncError for what it refuses. */
export interface PresenceChecks {
  /** A member's data; `isOther`: not what was given. */
  member(change: Omit<MemberUpdate, "params"> & { readonly data: Data }): { readonly data: Data; readonly isOther: boolean };
  event(name: string, data: unknown, isLossy: boolean): unknown;
  /** What a presenter shows. */
  stage(value: unknown): unknown;
}

/** What the library itself broadcasts, for pointers: a few numbers, which no application has to declare. */
const ownEvents = "@";
const maxNumbers = 8;

export function createPresenceChecks({ room, rules, maxBytes, counters, pack }: ChecksHost): PresenceChecks {
  const { params, schema, events, stage, onUpdate } = rules;

  /** What `run` makes, if it is not too large. */
  const checked = <T>(run: () => T): T => {
    let value: T;
    try {
      value = run();
    } catch (error) {
      counters.invalid++;
      throw error;
    }
    if (pack(value).length <= maxBytes) return value;
    counters.tooLarge++;
    throw new SyncError("too-large", `More than ${maxBytes} bytes.`);
  };

  return {
    member({ id, user, data: given, before }) {
      const data = checked(() => {
        const valid = schema ? validate(schema, given, `Data of a member of "${room}"`) : given;
        const rewritten = onUpdate?.({ id, user, data: valid, before, params }) ?? valid;
        if (!isData(rewritten)) throw new SyncError("invalid", "A member's data is a plain object.");
        return rewritten;
      });
      return { data, isOther: !equalValues(data, given) };
    },
    event: (name, data, isLossy) =>
      checked(() => {
        if (isLossy && name.startsWith(ownEvents)) return numbers(data);
        const declared = events?.get(name);
        if (events && !declared) throw new SyncError("not-declared", `Room "${room}" has no event "${name}".`);
        return declared ? validate(declared, data, `Event "${name}"`) : data;
      }),
    stage: (value) => checked(() => (stage ? validate(stage, value, "What is shown") : value)),
  };
}

function numbers(data: unknown): unknown {
  if (Array.isArray(data) && data.length <= maxNumbers && data.every((each) => Number.isFinite(each))) return data;
  throw new SyncError("invalid", "Not a few numbers.");
}
