/**
 * `topic(sync, ref)` on the server: a topic of an application's own kind, whose `decide` runs here on what was decided so far.
 *
 * Always: an operation that is rejected, or that the kind's functions fail on, leaves no trace; what the functions throw by mistake is
 * reported here, and the client is told no more than `invalid`; what is evolved here is what the log has.
 * Rules: docs/protocol/kinds.md KIND8-KIND18.
 */
import type { Pattern, Ref } from "../core/definitions.ts";
import { randomHex } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { OwnShape } from "../kind/define-topic.ts";
import { type Fold, fold } from "../kind/fold.ts";
import type { NamedEntry } from "../kind/optimistic.ts";
import { createOwnAuthority } from "../kind/own.ts";
import { ownBudget } from "../wire/packer.ts";
import { coreOf, type ServerCore } from "./core.ts";
import { type DecidedHandle, type DecidedOptions, hostDecided, runCheck } from "./decided.ts";
import { declareKind, type Family, type OnHandle, optionsOf, type ParamValues } from "./family.ts";
import type { Authorize } from "./grants.ts";
import { watched } from "./guard.ts";
import type { Hosted } from "./hosted.ts";
import { firstValue, type Published } from "./published.ts";

export interface TopicCheck<State, P> {
  /** As the kind's schema gave it, and the entry that it became. */
  readonly op: unknown;
  readonly entry: unknown;
  /** What the entry leads to, and from where. */
  readonly state: State;
  readonly before: State;
  /** Null: this server itself. */
  readonly user: User | null;
  readonly params: P;
}

export interface ServerTopicOptions<State, Given, P extends ParamValues = ParamValues> extends DecidedOptions {
  /** Asked for `read` and for `write`. */
  readonly authorize?: Authorize;
  /** Throws to reject what was decided. A SyncError is told as it is, anything else as `invalid`. Not asynchronous. */
  readonly validate?: (decided: TopicCheck<State, P>) => void;
  /** The operation that a new topic begins with, sent by this server once in the topic's life. */
  readonly seed?: (context: { readonly params: P }) => Given | Promise<Given>;
}

/** A server's handle of one topic of an own kind. */
export interface ServerTopic<State, Given> extends DecidedHandle<State> {
  /** Decides it now, as this server: `context.user` and `context.replica` are null. Throws what rejects it. */
  send(op: Given): Published;
}

// `const`: a seed that is a tuple is inferred as one.
export function topic<State, const Given, P extends ParamValues>(
  server: object,
  pattern: Pattern<"own", OwnShape<State, Given>, P>,
  options?: ServerTopicOptions<NoInfer<State>, NoInfer<Given>, P>,
): Family<ServerTopic<State, Given>, P>;
export function topic<State, const Given>(
  server: object,
  ref: Ref<"own", OwnShape<State, Given>>,
  options?: ServerTopicOptions<NoInfer<State>, NoInfer<Given>>,
): ServerTopic<State, Given>;
export function topic<State, Given>(
  server: object,
  target: Ref<"own", OwnShape<State, Given>> | Pattern<"own", OwnShape<State, Given>, never>,
  options: ServerTopicOptions<State, Given, never> = {},
): ServerTopic<State, Given> | Family<ServerTopic<State, Given>, never> {
  const core = coreOf(server);
  const kind = optionsOf(target) as Fold<State, unknown, unknown, Given>;
  const grants = { authorize: options.authorize, writeAction: "write", durability: options.durability } as const;
  return declareKind<ServerTopic<State, Given>>(core, "own", target, grants, (name, params, onHandle) =>
    hostTopic(core, name, kind, options, params as never, onHandle),
  );
}

function hostTopic<State, Given>(
  core: ServerCore,
  name: string,
  kind: Fold<State, unknown, unknown, Given>,
  options: ServerTopicOptions<State, Given, never>,
  params: never,
  onHandle: OnHandle<ServerTopic<State, Given>>,
): Hosted | Promise<Hosted> {
  const { topics, env, kept } = core;
  const { seed, validate } = options;
  const authority = createOwnAuthority(
    watchedKind(kind, (error) => core.report(error, name)),
    {
      carry: (entry) => kept.unpack(topics.pack(entry), ownBudget),
      check: (decided) => runCheck(core, name, () => validate?.({ ...decided, user: decided.user as User | null, params })),
    },
  );
  topics.pack(authority.snapshot());
  const named = (op: unknown) => [op, randomHex(env, 8)] as const;
  const byServer = { replica: null, user: null };
  const { open, handle, run } = hostDecided<State, NamedEntry<unknown>>(core, {
    name,
    kind: "own",
    authority,
    options,
    first:
      seed &&
      (async () => {
        const op = await firstValue(core, name, () => seed({ params }));
        const entry = await firstValue(core, name, () => authority.decide(named(op), { ...byServer, nowMs: env.nowMs() }));
        if (entry) return entry;
        throw new SyncError("invalid", `The \`seed\` of "${name}" gave an operation that changes nothing.`);
      }),
    decide: authority.decide,
  });
  onHandle(Object.assign(handle, { send: (op: Given) => run(named(op)) }), open);
  return open();
}

/** Functions that fail are reported. Where a server's own operation made them, whoever sent it gets the error. */
function watchedKind<State, Op, Entry, Given>(
  { options }: Fold<State, Op, Entry, Given>,
  report: (error: unknown) => void,
): Fold<State, Op, Entry, Given> {
  return fold({
    ...options,
    decide: (state, op, context) =>
      context.user ? watched(report, () => options.decide(state, op, context)) : options.decide(state, op, context),
    evolve: (state, entry) => watched(report, () => options.evolve(state, entry)),
    ...(options.snapshot && { snapshot: (state: State) => watched(report, () => options.snapshot?.(state)) }),
  });
}
