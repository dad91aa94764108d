/** What the React page looks like, apart from what it reads. */

import type { CSSProperties } from "react";
import { useEffect, useRef } from "react";
import { toneOf } from "../shared/names.ts";
import { Face } from "../shared/parts.tsx";
import type { BoardState, Whiteboard } from "./board.ts";
import { type Color, colors } from "./contract.ts";
import { dark, light } from "./draw.ts";
import { icons, toolIcons, toolNames } from "./icons.ts";
import { keyOf, roving } from "./keys.ts";
import { tools } from "./tools.ts";

interface ButtonProps {
  readonly path: string;
  readonly label: string;
  readonly hint?: string;
  readonly isPressed?: boolean;
  readonly isDisabled?: boolean;
  readonly run: () => void;
}

function IconButton({ path, label, hint, isPressed, isDisabled, run }: ButtonProps) {
  const title = hint ? `${label} (${hint})` : label;
  return (
    <button type="button" aria-label={label} title={title} aria-pressed={isPressed} disabled={isDisabled} onClick={run}>
      <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
        <path d={path} />
      </svg>
    </button>
  );
}

interface BarProps {
  readonly board: Whiteboard;
  readonly state: BoardState;
}

const penStyle = (color: Color) => ({ "--pen-light": light.pen[color], "--pen-dark": dark.pen[color] }) as CSSProperties;

export function Toolbar({ board, state }: BarProps) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => (element.current ? roving(element.current).destroy : undefined), []);
  return (
    <div ref={element} className="toolbar tools-bar" role="toolbar" aria-label="Tools">
      {tools.map((tool) => (
        <IconButton
          key={tool}
          path={toolIcons[tool]}
          label={toolNames[tool]}
          hint={keyOf(tool)}
          isPressed={state.tool === tool}
          run={() => board.choose(tool)}
        />
      ))}
      <span className="divider" />
      {colors.map((color) => (
        <button
          key={color}
          type="button"
          className="swatch"
          style={penStyle(color)}
          aria-label={`Colour ${color}`}
          title={color}
          aria-pressed={state.color === color}
          onClick={() => board.paint(color)}
        />
      ))}
      <span className="divider" />
      <IconButton path={icons.remove} label="Delete" hint="Del" isDisabled={!state.selected} run={board.remove} />
    </div>
  );
}

export function History({ board, state }: BarProps) {
  return (
    <fieldset className="toolbar history-bar" aria-label="Undo">
      <IconButton path={icons.undo} label="Undo" hint="Ctrl+Z" isDisabled={!state.canUndo} run={board.undo} />
      <IconButton path={icons.redo} label="Redo" hint="Ctrl+Shift+Z" isDisabled={!state.canRedo} run={board.redo} />
    </fieldset>
  );
}

export function Zoom({ board, state }: BarProps) {
  return (
    <fieldset className="toolbar zoom-bar" aria-label="Zoom">
      <IconButton path={icons.out} label="Zoom out" hint="-" run={() => board.zoomBy(0.8)} />
      <output className="percent">{state.zoom} %</output>
      <IconButton path={icons.in} label="Zoom in" hint="+" run={() => board.zoomBy(1.25)} />
      <IconButton path={icons.fit} label="Show everything" hint="0" run={board.showAll} />
    </fieldset>
  );
}

export function Save({ board }: Pick<BarProps, "board">) {
  return (
    <fieldset className="save" aria-label="Save as a file">
      <button type="button" className="quiet" onClick={board.saveSvg}>
        Save SVG
      </button>
      <button type="button" className="quiet" onClick={() => void board.savePng()}>
        Save PNG
      </button>
    </fieldset>
  );
}

interface PersonProps {
  readonly name: string;
  readonly isAway: boolean;
  readonly isFollowed: boolean;
  readonly follow: () => void;
}

export function PersonButton({ name, isAway, isFollowed, follow }: PersonProps) {
  const label = isFollowed ? `Stop following ${name}` : `Follow ${name}`;
  return (
    <button
      type="button"
      className="person"
      data-away={isAway}
      style={{ "--tone": toneOf(name) } as CSSProperties}
      aria-pressed={isFollowed}
      aria-label={label}
      title={label}
      onClick={follow}
    >
      <Face name={name} />
      <span>{name}</span>
    </button>
  );
}
