/** What React pages have in common: a person's face, whose window this is, whether all is stored, and the badge in the header. */
import { type CSSProperties, type ReactNode, useEffect } from "react";
import { useClient, useSyncStatus } from "sente-sync/react";
import { showLine } from "./line.ts";
import { initialOf, toneOf } from "./names.ts";
import { savedName } from "./words.ts";

/** A person's first letter, in that person's colour. */
export const Face = ({ name }: { name: string }) => (
  <span className="face" style={{ "--tone": toneOf(name) } as CSSProperties} aria-hidden="true">
    {initialOf(name)}
  </span>
);

export const Me = ({ name, children }: { name: string; children?: ReactNode }) => (
  <p className="me">
    <Face name={name} />
    <span>
      You are <strong id="me">{name}</strong>
    </span>
    {children}
  </p>
);

// #region saved
/** Whether everything that was written in this window is stored there. */
export function Saved() {
  const { pending } = useSyncStatus();
  return (
    <span id="saved" className="saved" data-pending={pending} role="status">
      {savedName(pending)}
    </span>
  );
}
// #endregion

/** Puts the state of this window's line into the header. */
export function Line() {
  const client = useClient();
  useEffect(() => showLine(client), [client]);
  return null;
}
