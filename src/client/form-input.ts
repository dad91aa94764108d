/**
 * What an element of a page shows and holds: for bindings, and for pages without one.
 *
 * Always: an empty number is undefined, not 0.
 * Rules: docs/protocol/form.md FIELD1-FIELD8.
 */

/** An `<input>`, `<textarea>` or `<select>`. */
export interface InputElement {
  readonly type: string;
  readonly value: string;
  readonly checked?: boolean;
  readonly multiple?: boolean;
  readonly selectedOptions?: Iterable<{ readonly value: string }>;
}

/** Its value as a field has it; `before`: the field's value so far, which tells a number where the element does not. */
export function inputValue(element: InputElement, before?: unknown): unknown {
  const { type, value, checked, multiple, selectedOptions } = element;
  if (type === "checkbox") return checked;
  if (type === "number" || type === "range" || typeof before === "number") return value === "" ? undefined : Number(value);
  if (multiple && selectedOptions) return Array.from(selectedOptions, (option) => option.value);
  return value;
}

/** What an element shows for a field's value: nothing is an empty text. */
export function inputText(value: unknown): string | number | string[] {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "number" ? value : String(value);
}
