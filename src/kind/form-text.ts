/**
 * Fields whose texts merge letter by letter, as both sides read them from the form's definition, and what the form has for a text.
 *
 * Always: an empty text of a field that begins with nothing is nothing, so that a form which nobody wrote in is as it began.
 * Rules: docs/protocol/form.md TEXT1, TEXT2.
 */
import { SyncError } from "../core/errors.ts";
import type { FormDefinition } from "../core/form.ts";
import type { Schema } from "../core/schema.ts";
import { keysOf, overlaps, valueIn } from "./form-path.ts";
import type { Keys } from "./registers.ts";

/** A field that is a text, and what it begins with. */
export interface TextFieldOf {
  readonly name: string;
  readonly keys: Keys;
  readonly initial: string | undefined;
}

/** Those that the definition names; throws SyncError `invalid` for what cannot be. */
export function textFields(definition: FormDefinition<Schema, unknown>): readonly TextFieldOf[] {
  const { fields = {}, initial } = definition;
  const privates = (definition.private ?? []) as readonly string[];
  return Object.entries<{ readonly text: boolean } | undefined>(fields).flatMap(([name, field]) => {
    if (!field?.text) return [];
    const keys = keysOf(name);
    if (privates.some((own) => overlaps(keysOf(own), keys)))
      throw new SyncError("invalid", `Field "${name}" is private: nobody else writes there, so nothing merges.`);
    const first = valueIn(initial, keys);
    return [{ name, keys, initial: typeof first === "string" ? first : undefined }];
  });
}

/** What the form has for that text. */
export function valueOfText(text: string, { initial }: TextFieldOf): string | undefined {
  return text === "" && initial === undefined ? undefined : text;
}

/** The text for what a form has there. */
export const textOfValue = (value: unknown): string => (typeof value === "string" ? value : "");
