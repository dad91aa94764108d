/**
 * What is wrong with a form, by the name of the field: of a schema, of validators, of several sources together.
 *
 * Always: a verdict counts for the values that it was of, and for no others.
 * Rules: docs/protocol/form.md CHECK1-CHECK6.
 */
import type { SchemaResult } from "../core/schema.ts";
import type { FormErrors, FormLive } from "./form.ts";
import { keysOf, nameOf, valueIn } from "./form-path.ts";
import { isSame } from "./same.ts";

/** Of one form; more are left out. */
const maxErrors = 100;
/** Of one message. */
const maxErrorLength = 500;

export const noErrors: FormErrors = {};

/** Adds up messages. */
export class ErrorList {
  readonly #found = new Map<string, string[]>();
  #count = 0;

  add(field: string, message: string): void {
    if (this.#count++ >= maxErrors) return;
    const messages = this.#found.get(field) ?? [];
    messages.push(String(message).slice(0, maxErrorLength));
    this.#found.set(field, messages);
  }
  get errors(): FormErrors {
    return this.#found.size ? Object.fromEntries(this.#found) : noErrors;
  }
}

export function issuesOf(result: SchemaResult<unknown>): FormErrors {
  if (!result.issues) return noErrors;
  const list = new ErrorList();
  for (const { message, path } of result.issues) {
    list.add(nameOf((path ?? []).map((step) => (typeof step === "object" ? step.key : step))), message);
  }
  return list.errors;
}

/** All of them, each message of a field once. */
export function joinErrors(sources: readonly FormErrors[]): FormErrors {
  const some = sources.filter((errors) => Object.keys(errors).length > 0);
  if (some.length <= 1) return some[0] ?? noErrors;
  const list = new ErrorList();
  const seen = new Set<string>();
  for (const errors of some) {
    for (const [field, messages] of Object.entries(errors)) {
      for (const message of messages) {
        const key = `${field}\n${message}`;
        if (!seen.has(key)) list.add(field, message);
        seen.add(key);
      }
    }
  }
  return list.errors;
}

/** Of a field: its own, and those of what is in it. */
export function errorsAt(errors: FormErrors, field: string): readonly string[] {
  return Object.entries(errors).flatMap(([at, messages]) => (at === field || at.startsWith(`${field}.`) ? messages : []));
}

/** Without what is said of those fields, and of what is in them. */
export function withoutErrors(errors: FormErrors, fields: readonly string[]): FormErrors {
  const kept = Object.entries(errors).filter(([name]) => !fields.some((own) => name === own || name.startsWith(`${own}.`)));
  return kept.length ? Object.fromEntries(kept) : noErrors;
}

/** What a validator of that field looks at. Nothing travels as null. */
export function checkedValues(value: unknown, field: string, dependsOn: readonly string[]): readonly unknown[] {
  return [field, ...dependsOn].map((name) => valueIn(value, keysOf(name)) ?? null);
}

/** The verdict of those values is not there yet. */
export function isAwaited({ checked, verdicts }: FormLive, whole: unknown, field: string): boolean {
  const dependsOn = checked[field];
  const verdict = verdicts[field];
  return dependsOn !== undefined && !(verdict && isSame(verdict.of, checkedValues(whole, field, dependsOn)));
}

/** What the validators said of the values that are there. */
export function verdictErrors(live: FormLive, whole: unknown): FormErrors {
  const errors: Record<string, readonly string[]> = {};
  for (const [field, { errors: messages }] of Object.entries(live.verdicts)) {
    if (messages.length && !isAwaited(live, whole, field)) errors[field] = messages;
  }
  return errors;
}
