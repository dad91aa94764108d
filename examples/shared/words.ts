/** Small ways with words that the pages share. */

/** What a form's one field says; the field is empty after that. */
export function readField(form: HTMLFormElement): string {
  const field = form.elements.namedItem("text") as HTMLInputElement;
  const text = field.value.trim();
  field.value = "";
  return text;
}

export const savedName = (pending: number): string => (pending ? `${pending} on the way` : "All stored");
