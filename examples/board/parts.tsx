/** What the React page looks like, apart from what it reads. */
import { type SubmitEvent, useState } from "react";
import { Face } from "../shared/parts.tsx";
import { readField } from "../shared/words.ts";
import { besides, drag, follow, icons } from "./board.ts";
import { type Card, type Column, maxTextLength } from "./contract.ts";

interface ToolProps {
  readonly icon: keyof typeof icons;
  readonly label: string;
  readonly run: () => void;
}

const Tool = ({ icon, label, run }: ToolProps) => (
  <button type="button" className="quiet tool" data-icon={icon} aria-label={label} title={label} onClick={run}>
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={icons[icon]} />
    </svg>
  </button>
);

interface CardProps {
  readonly card: Card;
  readonly edit: (text: string) => void;
  readonly move: (column: Column) => void;
  readonly remove: () => void;
}

export function CardItem({ card, edit, move, remove }: CardProps) {
  const [isOpen, setOpen] = useState(false);
  const [left, right] = besides(card);
  const go = (to: Column, way: "left" | "right"): void => {
    move(to);
    follow(card, way);
  };
  const save = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const text = readField(event.currentTarget);
    setOpen(false);
    if (text && text !== card.text) edit(text);
  };
  return (
    <li className="card" data-card={card.id} draggable={!isOpen} onDragStart={({ nativeEvent }) => drag(nativeEvent, card)}>
      {isOpen ? (
        <form onSubmit={save} onKeyDown={({ key }) => key === "Escape" && setOpen(false)}>
          {/* biome-ignore lint/a11y/noAutofocus: it was asked for by the button that it replaces */}
          <input name="text" aria-label="Text" maxLength={maxTextLength} defaultValue={card.text} autoComplete="off" autoFocus />
          <button type="submit">Save</button>
        </form>
      ) : (
        <p className="text">{card.text}</p>
      )}
      <p className="by">
        <Face name={card.by} />
        <span>{card.by}</span>
        {left && <Tool icon="left" label={`Move to ${left}`} run={() => go(left, "left")} />}
        {right && <Tool icon="right" label={`Move to ${right}`} run={() => go(right, "right")} />}
        <Tool icon="edit" label="Edit" run={() => setOpen(!isOpen)} />
        <Tool icon="remove" label="Remove" run={remove} />
      </p>
    </li>
  );
}

export function AddForm({ column, add }: { column: Column; add: (text: string) => void }) {
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const text = readField(event.currentTarget);
    if (text) add(text);
  };
  const label = `New card in ${column}`;
  return (
    <form onSubmit={submit}>
      <input name="text" aria-label={label} placeholder="New card" maxLength={maxTextLength} autoComplete="off" />
      <button type="submit">Add</button>
    </form>
  );
}
