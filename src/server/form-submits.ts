/**
 * Submitting a form: checked anew, begun once, answered as often as it is asked for.
 *
 * That a submission begins is stored before `onSubmit` runs, and what came of it after that. So one that is asked for again, after a line or
 * the server broke, is answered from the log. One that the server's end cut off in the middle is not done again: its outcome is unknown.
 * Always: of one form one submission runs at a time, and each is of what the form had when it was asked for; what is private is in no log.
 * Rules: docs/protocol/form.md SUBMIT1-SUBMIT9.
 */
import type { Env } from "../core/env.ts";
import { isSyncError, SyncError, toWireError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { FormTree, Submission, SubmitReply, Submitted } from "../kind/form.ts";
import { ErrorList } from "../kind/form-errors.ts";
import { keysOf, valueIn, withValue } from "../kind/form-path.ts";
import { isSame } from "../kind/same.ts";
import type { Checked, Checks, FormCheck } from "./form-checks.ts";
import type { ServerShared } from "./shared.ts";

/** Remembered of each form; as many wait. */
const maxSubmissions = 16;

/** What `onSubmit` is told, and can do. */
export interface Submit<Value, Field extends string, Params> extends Omit<FormCheck<Field, Params>, "user"> {
  /** What the schema made of the form. */
  readonly value: Value;
  readonly user: User;
  /** The same for as long as the client asks for the same submission: a key for what must happen once elsewhere. */
  readonly id: string;
  /** Ends when it took too long: what comes of it is told to nobody. */
  readonly signal: AbortSignal;
}

interface SubmitsHost {
  readonly env: Env;
  readonly tree: ServerShared<FormTree>;
  readonly checks: Checks;
  readonly privates: readonly string[];
  readonly params: object;
  /** Brings the tree to what is known elsewhere. */
  gather(): void;
  onSubmit(submit: Submit<never, string, never>): unknown;
  readonly timeoutMs: number;
  /** Called when the server closes. */
  readonly ends: Set<() => void>;
  /** Throws SyncError for what the wire cannot carry. */
  pack(value: unknown): unknown;
  /** Somebody submits, or nobody any more. */
  onRunning(isRunning: boolean): void;
  report(error: unknown): void;
}

export interface Submits {
  /** `checkAllowed` throws where the user may not any more, and is called last before it is done. */
  submit(
    ask: { readonly id: string; readonly again: boolean; readonly private: unknown },
    user: User,
    checkAllowed: () => void,
  ): Promise<SubmitReply>;
}

/** One that runs, or waits until it does. */
interface Job {
  /** What everybody sees of the form. */
  readonly value: unknown;
  /** With what is private. */
  readonly whole: unknown;
  /** Under which it is asked for: who submits the same meanwhile has another. */
  readonly ids: Set<string>;
  readonly reply: Promise<SubmitReply>;
}

const interrupted = toWireError(
  new SyncError("closed", "The server ended while this was submitted; whether it was done is unknown."),
);

const late = new SyncError("timeout", "What submits the form took too long; whether it was done is unknown.");

const replyOf = ({ status, answer, errors, error }: Submission): SubmitReply =>
  status === "running"
    ? { status: "failed", error: interrupted }
    : { status, ...(answer !== undefined && { answer }), ...(errors && { errors }), ...(error && { error }) };

export function createSubmits(host: SubmitsHost): Submits {
  const { env, tree, checks, privates, params, pack, report } = host;
  /** In the order in which they were asked for. */
  const jobs = new Set<Job>();
  let last: Promise<unknown> = Promise.resolve();

  const note = (id: string, submission: Submission): Promise<void> =>
    tree.set(["submissions", id] as never, submission as never).stored;

  /** The oldest go. */
  const forget = (): void => {
    const known = Object.entries(tree.get().submissions ?? {}).sort(([, a], [, b]) => b.atMs - a.atMs);
    for (const [id] of known.slice(maxSubmissions)) tree.delete(["submissions", id]);
  };

  const done = async ({ ids, value }: Job, id: string, user: User, output: unknown): Promise<SubmitReply> => {
    const begun = { by: user.id, atMs: Math.floor(env.nowMs()) };
    await note(id, { ...begun, status: "running" });
    const list = new ErrorList();
    let ending: Submission;
    try {
      const result = await inTime((signal) =>
        host.onSubmit({
          value: output as never,
          user,
          id,
          params: params as never,
          signal,
          error: (field, message) => list.add(field, message),
        }),
      );
      const { errors } = list;
      if (Object.keys(errors).length) ending = { ...begun, status: "refused", errors };
      else ending = { ...begun, status: "accepted", ...(result !== undefined && { answer: carried(result) }) };
    } catch (error) {
      if (!isSyncError(error) || error === late) report(error);
      ending = { ...begun, status: "failed", error: toWireError(error) };
    }
    try {
      const { answer } = ending;
      const submitted = { id, value, ...(answer !== undefined && { answer }), ...begun };
      await tree.update((draft) => {
        const open = draft as { submitted?: unknown; submissions?: Record<string, unknown> };
        if (ending.status === "accepted") open.submitted = submitted;
        open.submissions = { ...open.submissions, ...Object.fromEntries([...ids].map((each) => [each, ending])) };
      }).stored;
      forget();
    } catch (error) {
      // It happened, whether that can be written down or not: who asks now is told, who asks later cannot be.
      report(error);
    }
    return replyOf(ending);
  };

  /** Rejects with `late` where that takes longer than it may; what it throws afterwards is reported. */
  const inTime = (run: (signal: AbortSignal) => unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const end = new AbortController();
      const timer = env.setTimer(() => {
        end.abort(late);
        reject(late);
      }, host.timeoutMs);
      const stop = (): void => env.clearTimer(timer);
      host.ends.add(stop);
      const done = async (): Promise<unknown> => run(end.signal);
      done()
        .then(resolve, (error: unknown) => (end.signal.aborted ? report(error) : reject(error)))
        .finally(() => {
          stop();
          host.ends.delete(stop);
        });
    });

  /** What `onSubmit` returned was done, whether it can travel or not. */
  const carried = (answer: unknown): unknown => {
    try {
      pack(answer);
      return answer;
    } catch (error) {
      report(error);
      return null;
    }
  };

  const run = async (job: Job, id: string, user: User, checkAllowed: () => void): Promise<SubmitReply> => {
    let checked: Checked;
    try {
      checked = await checks.all(job.value, job.whole, user);
      checkAllowed();
    } catch (error) {
      if (!isSyncError(error)) report(error);
      return { status: "failed", error: toWireError(error) };
    }
    if (Object.keys(checked.errors).length) return { status: "refused", errors: checked.errors };
    return done(job, id, user, checked.output);
  };

  const isAccepted = (value: unknown): boolean => {
    const { submitted } = tree.get();
    return submitted !== undefined && isSame(submitted.value, value);
  };

  const accepted = (): SubmitReply => replyOf({ ...(tree.get().submitted as Submitted), status: "accepted" });

  return {
    async submit({ id, again, private: own }, user, checkAllowed) {
      for (const { ids, reply } of jobs) if (ids.has(id)) return reply;
      host.gather();
      const { submissions = {}, value } = tree.get();
      const known = Object.hasOwn(submissions, id) ? submissions[id] : undefined;
      if (known) return replyOf(known);
      const whole = privates.reduce((all, name) => withValue(all, keysOf(name), valueIn(own, keysOf(name))), value);
      // Two who press the button at the same time submit one form.
      const same = [...jobs].find((job) => isSame(job.whole, whole));
      if (same) {
        if (same.ids.size < maxSubmissions) same.ids.add(id);
        return same.reply;
      }
      if (jobs.size > maxSubmissions) throw new SyncError("backpressure", "Too many submit this form at once; try again.");
      // With something else that is private it is another submission, also where the one before it is accepted.
      const isOther = again || [...jobs].some((job) => isSame(job.value, value));
      const turn = async (): Promise<SubmitReply> =>
        !isOther && isAccepted(value) ? accepted() : run(job, id, user, checkAllowed);
      const reply = last.then(turn).finally(() => {
        jobs.delete(job);
        if (!jobs.size) host.onRunning(false);
      });
      last = reply.catch(() => {});
      const job: Job = { value, whole, ids: new Set([id]), reply };
      jobs.add(job);
      if (jobs.size === 1) host.onRunning(true);
      return reply;
    },
  };
}
