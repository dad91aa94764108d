/**
 * The fields of a form as its declaration has them: which are checked, derived, private, and what that leaves to clients to write.
 *
 * Always: what a form cannot do is refused when it is declared.
 * Rules: docs/protocol/form.md FORM2-FORM5.
 */
import { SyncError } from "../core/errors.ts";
import { keysOf, overlaps, valueIn } from "../kind/form-path.ts";
import { isPlain } from "../kind/patch.ts";
import type { Keys } from "../kind/registers.ts";
import type { AnyField, AnyOptions } from "./form.ts";
import type { CheckedField } from "./form-checks.ts";
import type { SharedChange } from "./shared.ts";

export interface DerivedField {
  readonly name: string;
  readonly keys: Keys;
  readonly derive: NonNullable<AnyField["derive"]>;
}

/** The fields by what the server does with them; throws SyncError for what it cannot do. */
export function fieldsOf(
  options: AnyOptions,
  privates: readonly string[],
  texts: readonly string[],
): { readonly derived: readonly DerivedField[]; readonly checked: readonly CheckedField[] } {
  const fields = Object.entries<AnyField | undefined>(options.fields ?? {}).flatMap(([name, field]) => {
    keysOf(name);
    if (field && "text" in field)
      throw new SyncError("invalid", `Field "${name}": clients must know what merges. Say it in the form's definition.`);
    if (field && "private" in field && !privates.includes(name))
      throw new SyncError("invalid", `Field "${name}": clients must know what is private. Say it in the form's definition.`);
    if (field?.derive && texts.includes(name))
      throw new SyncError("invalid", `Field "${name}" merges what people type: the server does not derive it.`);
    if (field?.derive && privates.includes(name))
      throw new SyncError("invalid", `Field "${name}" is private: the server has nothing to write there.`);
    return field ? [{ name, keys: keysOf(name), ...field }] : [];
  });
  return {
    derived: fields.flatMap(({ name, keys, derive }) => (derive ? [{ name, keys, derive }] : [])),
    checked: fields.flatMap(({ name, dependsOn = [], validate }) =>
      validate ? [{ name, dependsOn: dependsOn, validate: validate as never }] : [],
    ),
  };
}

/** Throws SyncError `forbidden` for what clients do not write; they write fields, and that nothing is submitted any more. */
export function createGuard(
  servers: readonly Keys[],
  privates: readonly Keys[],
): (change: SharedChange<unknown>["changes"][number]) => void {
  return ({ path, value }) => {
    const [root, ...keys] = path;
    if (root === "submitted" && keys.length === 0 && value === undefined) return;
    const isServers = servers.some((own) => keys.length >= own.length && overlaps(own, keys));
    const isPrivate = privates.some((own) =>
      keys.length >= own.length
        ? overlaps(own, keys)
        : overlaps(own, keys) && valueIn(value, own.slice(keys.length)) !== undefined,
    );
    if (root !== "value" || isServers || isPrivate || (keys.length === 0 && !isPlain(value)))
      throw new SyncError("forbidden", `Clients do not write "${path.join(".")}".`);
  };
}
