/** A row of the form as the React page shows it: label, who else is there, the field, what is wrong with it. */
import type { ReactNode } from "react";
import { type UsedField, useField } from "sente-sync/react/form";
import { Face } from "../shared/parts.tsx";
import { type Name, signup } from "./contract.ts";

interface RowProps {
  readonly name: Name;
  readonly label: string;
  /** For one line of text: its type. */
  readonly type?: string;
  readonly hint?: ReactNode;
  /** What is not one line of text. */
  readonly control?: (props: UsedField<unknown>["inputProps"] & { id: string }) => ReactNode;
}

// #region row
/** Renders when something of its own field changes, and not for the others. */
export function Row({ name, label, type, hint, control }: RowProps) {
  const field = useField(signup, name, { lock: name === "bio" });
  const { inputProps, error, touched, validating, conflict, lockedBy } = field;
  const id = `field-${name}`;
  const wrong = touched && error;
  const said = { id, readOnly: inputProps.readOnly === true || lockedBy !== undefined, "aria-describedby": `${id}-said` };
  return (
    <div className="field" data-field={name}>
      <label htmlFor={id}>{label}</label>
      <span className="editors">
        {field.editedBy.map((editor) => (
          <span key={editor.id} className="editor">
            <Face name={editor.user} /> {editor.user}
            {editor.locked && " asks for a moment"}
          </span>
        ))}
      </span>
      {control ? control({ ...inputProps, ...said }) : <input {...inputProps} {...said} type={type} autoComplete="off" />}
      <p id={`${id}-said`} className="said" data-wrong={Boolean(wrong)}>
        {wrong || (validating ? "Checking…" : hint)}
      </p>
      {conflict && (
        <p className="conflict" role="alert">
          <span>Meanwhile somebody wrote “{String(conflict.theirs ?? "")}”.</span>
          <button type="button" className="quiet" onClick={conflict.takeTheirs}>
            Take theirs
          </button>
          <button type="button" className="quiet" onClick={conflict.keepMine}>
            Keep mine
          </button>
        </p>
      )}
    </div>
  );
}
// #endregion
