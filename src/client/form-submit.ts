/**
 * The client's side of a submit: everything that was typed is stored first, then the server is asked, until it answers.
 *
 * Always: one submission has one id, however often it is asked for; a second call while one is under way is the same one; nothing
 * rejects, the result tells.
 * Rules: docs/protocol/form.md SUBMIT1-SUBMIT8.
 */
import { randomHex } from "../core/env.ts";
import { fromWireError, isSyncError, SyncError } from "../core/errors.ts";
import { askEvent, type FormAsk, type FormErrors, type SubmitReply } from "../kind/form.ts";
import { noErrors } from "../kind/form-errors.ts";
import { isSame } from "../kind/same.ts";
import type { FormTopic } from "./form-parts.ts";

/** What became of a submit. */
export type SubmitResult<Answer> =
  | { readonly ok: true; readonly answer: Answer }
  | {
      readonly ok: false;
      /** By field; what is under "" is of the form as a whole. Empty where `error` says why. */
      readonly errors: FormErrors;
      /** Not what was typed, but something else: no answer came, `onSubmit` threw, a conflict is undecided. */
      readonly error?: SyncError;
    };

export interface Submitter {
  readonly isRunning: boolean;
  /** `timeoutMs`: how long an answer is waited for. */
  submit(timeoutMs: number): Promise<SubmitResult<unknown>>;
}

const submitters = new WeakMap<FormTopic, Submitter>();

export function submitterOf(form: FormTopic): Submitter {
  const submitter = submitters.get(form) ?? createSubmitter(form);
  submitters.set(form, submitter);
  return submitter;
}

/** The values are those that were accepted last. */
export function isSubmitted(form: FormTopic): boolean {
  const { tree, shared } = form.view();
  return tree?.submitted !== undefined && !form.hasNewPrivate && isSame(tree.submitted.value, shared);
}

const failed = (error: SyncError): SubmitResult<unknown> => ({ ok: false, errors: noErrors, error });

function createSubmitter(form: FormTopic): Submitter {
  const { client, core } = form;
  let running: Promise<SubmitResult<unknown>> | undefined;
  /** Of a submission whose outcome is not known, and what it was of. */
  let open: { readonly id: string; readonly of: unknown } | undefined;

  /** Everything is stored; rejects with `timeout` where that takes longer. */
  const stored = (untilMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = (): void => reject(new SyncError("timeout", "What was typed is not stored yet."));
      const timer = core.env.setTimer(late, untilMs - core.env.monotonicMs());
      void form.flush().then(() => {
        core.env.clearTimer(timer);
        resolve();
      });
    });

  /** Asks until there is an answer. A line that broke is no answer: the next one is asked, with the same id. */
  const ask = async (data: FormAsk, untilMs: number): Promise<SubmitReply> => {
    for (;;) {
      try {
        const leftMs = Math.max(1, untilMs - core.env.monotonicMs());
        return (await client.request(askEvent, data, { timeoutMs: leftMs })) as SubmitReply;
      } catch (error) {
        const isOver = client.status.get().name === "closed" || core.env.monotonicMs() >= untilMs;
        if (isOver || !isSyncError(error, "closed")) throw error;
      }
    }
  };

  const run = async (timeoutMs: number): Promise<SubmitResult<unknown>> => {
    form.touchAll();
    const conflict = form.conflicts()[0];
    if (conflict !== undefined)
      return failed(new SyncError("conflict", `Somebody else changed "${conflict}": take theirs or keep yours first.`));
    if (isSubmitted(form)) return { ok: true, answer: form.view().tree?.submitted?.answer };
    const local = form.localErrors();
    if (Object.keys(local).length) return { ok: false, errors: local };
    const untilMs = core.env.monotonicMs() + timeoutMs;
    try {
      await stored(untilMs);
    } catch (error) {
      return failed(error as SyncError);
    }
    const unwritten = form.rejections();
    if (Object.keys(unwritten).length) return { ok: false, errors: unwritten };

    const { whole } = form.view();
    if (!open || !isSame(open.of, whole)) open = { id: randomHex(core.env, 12), of: whole };
    const { hasNewPrivate: again, privateValues } = form;
    const data = { topic: form.tree.topic, what: "submit", id: open.id, again, private: privateValues } as const;
    let reply: SubmitReply;
    try {
      reply = await ask(data, untilMs);
    } catch (error) {
      // Known to be nothing: the next one is another.
      if (!isSyncError(error, "timeout") && !isSyncError(error, "closed")) open = undefined;
      return failed(error as SyncError);
    }
    open = undefined;
    if (reply.status === "accepted") {
      form.hasNewPrivate = false;
      return { ok: true, answer: reply.answer };
    }
    const errors = reply.errors ?? noErrors;
    form.refuse(errors);
    return reply.error ? { ok: false, errors, error: fromWireError(reply.error) } : { ok: false, errors };
  };

  return {
    get isRunning() {
      return running !== undefined;
    },
    submit(timeoutMs) {
      running ??= run(timeoutMs).finally(() => {
        running = undefined;
        form.changed();
      });
      form.changed();
      return running;
    },
  };
}
