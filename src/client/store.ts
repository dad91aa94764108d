/**
 * `store(client, ref)`: state that is changed by named mutations, at once here and again on the server.
 *
 * Always: what is shown is what the server logged, with the calls that it has not answered on top; a rejection takes back that call
 * alone, and tells why.
 * Rules: docs/protocol/store.md STORE1-STORE11.
 */
import type { DoneCall, Mutation, MutationArgs, Mutations, Ref, StoreDefinition, StoreShape } from "../core/definitions.ts";
import { randomHex } from "../core/env.ts";
import { type Schema, validate } from "../core/schema.ts";
import type { Readable } from "../core/store.ts";
import { allOf, type Call, callsOf, readCall, versionOfCall } from "../kind/mutation.ts";
import { type AdoptedCall, type CallContext, createStoreReplica, type StoreReplica } from "../kind/store-replica.ts";
import { recordLater } from "./batch.ts";
import { coreOf } from "./client.ts";
import type { Held } from "./held.ts";
import type { Recorder, UndoAct, UndoHistory, Undone } from "./history.ts";
import { type ReadOnly, readOnlyOf } from "./read-only.ts";
import type { Receipt } from "./receipt.ts";
import { whenConfirmed } from "./unanswered.ts";
import { historyOf } from "./undo-history.ts";
import { type Change, tellLocal, type ValueHandle, valueHandle } from "./value-handle.ts";
import { type Write, writesOf } from "./writes.ts";

/** The mutations of a store. What rejects one here throws; what the server says is in the receipt. */
export type Do<M> = { readonly [K in keyof M]: (...args: MutationArgs<M[K]>) => Receipt };

export interface StoreOptions {
  /** What the calls of this handle are undone in. Default: that of the topic, which is its own or `undoHistory(…)` of several. */
  readonly history?: UndoHistory;
}

export interface ClientStore<State, M> extends ValueHandle<State> {
  readonly do: Do<M>;
  /** Takes back the last step of the history: calls whose mutation the definition says how to undo. */
  undo(): Undone | undefined;
  redo(): Undone | undefined;
  readonly history: UndoHistory;
  /** Calls that the server has not answered. */
  readonly pending: number;
  /** Why it cannot be written from here: the server has another version. Undefined: it can. */
  readonly readOnly: Readable<ReadOnly | undefined>;
}

/** A call of this page. */
interface OwnCall {
  receipt?: Receipt | undefined;
  /** Snapshots there had been when one was on its way that may have it. */
  sentBefore?: number;
}

/** What the handles of one topic share. */
interface Shared {
  readonly replica: StoreReplica<unknown>;
  readonly local: Set<(change: Change) => void>;
  readonly unanswered: Set<OwnCall>;
}

/** As the definition has it. */
type UndoOf = (done: DoneCall<unknown, unknown>) => readonly [mutation: string, input?: unknown] | undefined;

const shares = new WeakMap<Held, Shared>();

export function store<State, M>(
  client: object,
  ref: Ref<"store", StoreShape<State, M>>,
  options: StoreOptions = {},
): ClientStore<State, M> {
  const core = coreOf(client);
  const { topic } = ref;
  const { initial, inputs = {}, undo = {}, ...definition } = ref.options as StoreDefinition<State, Mutations<State>>;
  const mutations = new Map(Object.entries(definition.mutations)) as ReadonlyMap<string, Mutation<State>>;
  const schemas = new Map(Object.entries(inputs)) as ReadonlyMap<string, Schema | undefined>;
  const held = core.hold(topic, "store", () => createStoreReplica(initial, mutations));
  const shared: Shared = shares.get(held) ?? {
    replica: held.replica as StoreReplica<unknown>,
    local: new Set(),
    unanswered: new Set(),
  };
  const { replica, local, unanswered } = shared;
  held.version ??= ref.version;
  /** As it travels: with the version, where that is not 1. */
  const told = (call: Call): readonly unknown[] => (held.version ? [...call, held.version] : call);
  const get = (): State | undefined => replica.value as State | undefined;
  const writes = writesOf(core);
  const writer = writes.writer(topic, "store", held);
  /** The user is known once there is a line. */
  const contextNow = (): CallContext => ({
    get user() {
      return core.facts.welcome?.user;
    },
    nowMs: core.env.nowMs(),
  });
  const check = (name: string, input: unknown): unknown => {
    if (name === allOf) return callsOf([name, input, ""]).map(([each, own, id]): Call => [each, check(each, own), id]);
    const schema = schemas.get(name);
    return schema ? validate(schema, input, `Input of "${name}"`) : input;
  };
  const settle = (id: string): void => {
    const before = replica.value;
    replica.settle(id);
    if (replica.value !== before) tellLocal(core, topic, local);
  };

  /** A snapshot came after it was sent: the state may have it already. */
  const isIn = ({ sentBefore, receipt }: OwnCall): boolean =>
    sentBefore !== undefined && replica.snapshots > sentBefore && held.next > (receipt?.offset ?? 0);

  /** Calls that are part of a batch: one call here too, so that they are shown, and go, together. */
  const beginPart = () => {
    const id = randomHex(core.env, 8);
    const context = contextNow();
    const own: OwnCall = { receipt: writes.collecting?.receipt };
    unanswered.add(own);
    let made: readonly Call[] = [];
    const given: Call[] = [];
    const propose = (calls: readonly Call[]): void => {
      if (calls.length) replica.propose([allOf, calls, id], context, () => isIn(own));
      made = calls;
    };
    return {
      add(checked: readonly Call[], asGiven: readonly Call[]): void {
        const before = made;
        replica.settle(id);
        try {
          propose([...before, ...checked]);
        } catch (error) {
          propose(before);
          throw error;
        }
        given.push(...asGiven);
      },
      value: () => replica.value,
      seal: () => (given.length ? { op: told([allOf, given, id]), idempotent: false } : undefined),
      drop(): void {
        unanswered.delete(own);
        replica.settle(id);
      },
      tell: () => tellLocal(core, topic, local),
    };
  };

  /** `done`: told before anybody else, of what it did here. */
  const make = (
    name: string,
    input: unknown,
    id = randomHex(core.env, 8),
    done?: (receipt: Receipt, checked: unknown, before: unknown) => void,
  ): Receipt => {
    const checked = check(name, input);
    const { collecting } = writes;
    const before = replica.value;
    if (collecting) {
      collecting.part(topic, held, beginPart).add(callsOf([name, checked, id]), callsOf([name, input ?? null, id]));
      done?.(collecting.receipt, checked, before);
      return collecting.receipt;
    }
    const own: OwnCall = {};
    replica.propose([name, checked, id], contextNow(), () => isIn(own));
    // The server validates what was given, not what came of it here.
    const receipt = writer.write(told([name, input ?? null, id]));
    // Refused at once: nobody sees it.
    if (receipt.status === "rejected") replica.settle(id);
    own.receipt = receipt;
    unanswered.add(own);
    const answered = (): void => {
      unanswered.delete(own);
      settle(id);
    };
    receipt.stored.then(answered, answered);
    done?.(receipt, checked, before);
    if (replica.value !== before) tellLocal(core, topic, local);
    return receipt;
  };

  const historyNow = (): Recorder => (options.history ?? historyOf(held)) as Recorder;
  const undos = new Map(Object.entries(undo)) as ReadonlyMap<string, UndoOf | undefined>;

  /** A call that can be undone is a step; redone it is the same call again, so what it makes has the same ids. */
  const call = (name: string, input: unknown, id = randomHex(core.env, 8)): Receipt => {
    const undoOf = undos.get(name);
    if (!undoOf) return make(name, input, id);
    return make(name, input, id, (first, checked, before) => {
      const after = replica.value;
      if (after === before || first.status === "rejected") return;
      let receipt = first;
      /** Of what it did last: the call, what took it back, the call again. False: that was rejected here, or changed nothing. */
      const attempt = (run: () => Receipt): boolean => {
        const now = replica.value;
        try {
          receipt = run();
        } catch {
          return false;
        }
        return replica.value !== now;
      };
      const act: UndoAct = {
        topic,
        mutation: name,
        undo() {
          if (receipt.status === "rejected") return false;
          const back = undoOf({ input: checked, id, before: before ?? initial, after, now: replica.value });
          return back !== undefined && attempt(() => make(...back));
        },
        // What could not be taken back is there.
        redo: () => receipt.status !== "rejected" && attempt(() => make(allOf, [[name, input ?? null, id]])),
      };
      const history = historyNow();
      recordLater(writes, history, undefined, (how) => history.recordAct(act, how));
    });
  };
  const adopted = (write: Write): AdoptedCall => {
    const { op, receipt } = write;
    const [name, input, id] = readCall(op);
    whenConfirmed(held, receipt, () => settle(id));
    /** Snapshots there were while it was not sent: they do not have it. */
    let sentAfter = 0;
    return {
      call: [name, check(name, input), id],
      context: contextNow(),
      isIn() {
        if (!write.isSent) sentAfter = replica.snapshots;
        return replica.snapshots > sentAfter && held.next > (receipt.offset ?? 0);
      },
    };
  };
  if (!shares.has(held)) {
    shares.set(held, shared);
    // A state is on its way, and with it perhaps what was sent; not what will be.
    held.onGap(() => {
      for (const own of unanswered) if (own.receipt?.status === "sent") own.sentBefore ??= replica.snapshots;
    });
    writes.unanswered.present(topic, {
      adopt(made) {
        const calls: AdoptedCall[] = [];
        // What older code called, the server brings to this version.
        const own = made.filter(({ op }) => versionOfCall(op) === (held.version ?? 1));
        for (const write of own) core.attempt(() => calls.push(adopted(write)), topic);
        replica.adopt(calls);
        tellLocal(core, topic, local);
      },
      again: (op) => call(...readCall(op)),
    });
  }
  const verbs: Record<string, (input?: unknown) => Receipt> = {};
  for (const name of mutations.keys()) verbs[name] = (input) => call(name, input);

  const isKnown = (): boolean => replica.confirmed !== undefined;
  return Object.defineProperties(valueHandle<State>(topic, held, get, local, isKnown), {
    do: { value: verbs },
    undo: { value: () => historyNow().undo() },
    redo: { value: () => historyNow().redo() },
    history: { get: historyNow },
    pending: { get: () => replica.pending },
    readOnly: { value: readOnlyOf(core, topic, held) },
  }) as ClientStore<State, M>;
}
