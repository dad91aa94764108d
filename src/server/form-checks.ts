/**
 * What the server thinks of a form: the schema, the validators of fields, the rules between them.
 *
 * A validator runs when its field, or one that it depends on, has a new value that the schema has nothing against; what it said of an
 * older one is dropped, and it is told so by its signal.
 * Always: one run per field is under way at most, beside those of a submit; one that throws is reported, and says nothing; what a submit
 * waits for has an end.
 * Rules: docs/protocol/form.md CHECK1-CHECK7.
 */
import type { Env } from "../core/env.ts";
import { SyncError } from "../core/errors.ts";
import type { User } from "../core/register.ts";
import type { Schema, SchemaResult } from "../core/schema.ts";
import type { FormErrors, Verdict } from "../kind/form.ts";
import { checkedValues, ErrorList, issuesOf, joinErrors, noErrors, withoutErrors } from "../kind/form-errors.ts";
import { keysOf, valueIn } from "../kind/form-path.ts";
import { isSame } from "../kind/same.ts";

/** What a validator of a field is told, and can do. */
export interface FieldCheck<Value, Params> {
  /** Says what is wrong; may be called more than once. */
  error(message: string): void;
  /** Ends when the answer is of no use any more: there is a newer value, or a submit waited too long for it. */
  readonly signal: AbortSignal;
  /** The whole form, as far as it is filled in. */
  readonly value: Value;
  /** Who wrote the value, as far as that is known; when it is submitted, who submits it. */
  readonly user: User | null;
  readonly params: Params;
}

/** What a rule between fields is told, and can do. */
export interface FormCheck<Field extends string, Params> {
  /** Says what is wrong with a field, or under "" with the form as a whole. */
  error(field: Field | "", message: string): void;
  readonly user: User | null;
  readonly params: Params;
}

export interface CheckedField {
  readonly name: string;
  readonly dependsOn: readonly string[];
  validate(value: unknown, check: FieldCheck<never, never>): unknown;
}

interface ChecksHost {
  readonly env: Env;
  readonly schema: Schema;
  readonly fields: readonly CheckedField[];
  readonly privates: readonly string[];
  readonly rules: ((value: never, check: FormCheck<string, never>) => unknown) | undefined;
  readonly params: object;
  /** How long a submit waits for everything. */
  readonly timeoutMs: number;
  /** What the form has now. */
  present(): unknown;
  onVerdict(field: string, verdict: Verdict): void;
  onRules(errors: FormErrors): void;
  report(error: unknown): void;
}

export interface Checks {
  /** The form has that value now; `userOf`: who wrote a field. */
  run(value: unknown, userOf: (field: string) => User | null): void;
  /**
   * Everything anew; gives what the schema made of it. `whole` is `value` with what is private. Rejects with `timeout`, with `conflict`
   * where a checked field has a newer value, and with `closed`.
   */
  all(value: unknown, whole: unknown, user: User): Promise<Checked>;
  close(): void;
}

export interface Checked {
  readonly errors: FormErrors;
  readonly output: unknown;
}

/** A submit that is being checked. */
interface Asked {
  readonly value: unknown;
  readonly end: AbortController;
}

export function createChecks(host: ChecksHost): Checks {
  const { env, schema, fields, privates, rules, params, onVerdict, onRules, report } = host;
  const asked = new Set<Asked>();
  let isClosed = false;
  const running = new Map<string, { readonly of: readonly unknown[]; readonly end: AbortController }>();
  const judged = new Map<string, readonly unknown[]>();
  /** Counts values: what takes time is of one of them. */
  let round = 0;

  const judge = async (
    { name, validate }: CheckedField,
    value: unknown,
    user: User | null,
    signal: AbortSignal,
  ): Promise<readonly string[]> => {
    const list = new ErrorList();
    const check: FieldCheck<unknown, unknown> = { error: (message) => list.add(name, message), signal, value, user, params };
    await validate(valueIn(value, keysOf(name)), check as FieldCheck<never, never>);
    return list.errors[name] ?? [];
  };

  const judgeRules = async (value: unknown, user: User | null): Promise<FormErrors> => {
    const list = new ErrorList();
    await rules?.(value as never, { error: (field, message) => list.add(field, message), user, params: params as never });
    return list.errors;
  };

  const start = (field: CheckedField, value: unknown, of: readonly unknown[], user: User | null): void => {
    const end = new AbortController();
    running.set(field.name, { of, end });
    const say = (errors: readonly string[]): void => {
      if (end.signal.aborted) return;
      running.delete(field.name);
      judged.set(field.name, of);
      onVerdict(field.name, { of, errors });
    };
    judge(field, value, user, end.signal).then(say, (error: unknown) => {
      if (!end.signal.aborted) report(error);
      say([]);
    });
  };

  const stop = (name: string): void => {
    running.get(name)?.end.abort();
    running.delete(name);
  };

  const look = (value: unknown, issues: FormErrors, userOf: (field: string) => User | null): void => {
    for (const field of fields) {
      const { name, dependsOn } = field;
      const of = checkedValues(value, name, dependsOn);
      const known = running.get(name)?.of ?? judged.get(name);
      if (known && isSame(known, of)) continue;
      stop(name);
      // What is empty, or wrong already, is not worth asking about.
      if (of[0] !== null && !issues[name]) start(field, value, of, userOf(name));
      else {
        judged.set(name, of);
        onVerdict(name, { of, errors: [] });
      }
    }
  };

  const schemaOf = (value: unknown): SchemaResult<unknown> | Promise<SchemaResult<unknown>> =>
    schema["~standard"].validate(value);

  const everything = async (whole: unknown, user: User, signal: AbortSignal): Promise<Checked> => {
    const result = await schemaOf(whole);
    const issues = issuesOf(result);
    if (result.issues) return { errors: issues, output: undefined };
    const verdicts = await Promise.all(
      fields.map(async (field) => {
        if (valueIn(whole, keysOf(field.name)) === undefined) return noErrors;
        const errors = await judge(field, whole, user, signal);
        return errors.length ? { [field.name]: errors } : noErrors;
      }),
    );
    return { errors: joinErrors([...verdicts, await judgeRules(whole, user)]), output: result.value };
  };

  /** What the validators of a submit look at is not what the form has now. */
  const endIfOld = ({ value, end }: Asked, now: unknown): void => {
    const old = fields.find(
      ({ name, dependsOn }) => !isSame(checkedValues(value, name, dependsOn), checkedValues(now, name, dependsOn)),
    );
    if (old) end.abort(new SyncError("conflict", `"${old.name}" was changed while it was checked; nothing was submitted.`));
  };

  return {
    run(value, userOf) {
      for (const one of asked) endIfOld(one, value);
      const nth = ++round;
      const isNew = (): boolean => nth === round;
      const result = schemaOf(value);
      const judgeAll = async (isSlow: boolean, given: SchemaResult<unknown>): Promise<void> => {
        const issues = withoutErrors(issuesOf(given), privates);
        if (!isNew()) return;
        look(value, issues, userOf);
        const found = rules ? await judgeRules(value, null) : noErrors;
        // What is known at once is known on every client.
        if (isNew()) onRules(joinErrors([isSlow ? issues : noErrors, found]));
      };
      const judged = result instanceof Promise ? result.then((given) => judgeAll(true, given)) : judgeAll(false, result);
      judged.catch(report);
    },
    async all(value, whole, user) {
      const end = new AbortController();
      const { signal } = end;
      const ended = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as SyncError)));
      const late = new SyncError("timeout", "The form's checks took too long; nothing was submitted.");
      const timer = env.setTimer(() => end.abort(late), host.timeoutMs);
      const one = { value, end };
      asked.add(one);
      if (isClosed) end.abort(closedError());
      else endIfOld(one, host.present());
      try {
        return await Promise.race([ended, signal.aborted ? ended : everything(whole, user, signal)]);
      } finally {
        env.clearTimer(timer);
        asked.delete(one);
      }
    },
    close() {
      isClosed = true;
      round++;
      for (const { end } of asked) end.abort(closedError());
      for (const name of [...running.keys()]) stop(name);
    },
  };
}

const closedError = (): SyncError => new SyncError("closed", "The form was closed while it was checked; nothing was submitted.");
