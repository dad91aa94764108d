/** What keys do, while the board or one of its buttons has the focus. */
import type { Tool } from "./tools.ts";

export interface Commands {
  choose(tool: Tool): void;
  undo(): void;
  redo(): void;
  remove(): void;
  selectAll(): void;
  /** The next shape, or the one before, is the selected one. */
  selectNext(by: 1 | -1): void;
  nudge(dx: number, dy: number): void;
  raise(isUp: boolean): void;
  zoomBy(factor: number): void;
  showAll(): void;
  /** What a click in the middle would do; of the selected text or note: writes into it. */
  act(): void;
  escape(): void;
  /** The space bar is held. */
  hold(isHeld: boolean): void;
}

const toolKeys: ReadonlyMap<string, Tool> = new Map([
  ["v", "select"],
  ["h", "hand"],
  ["p", "pen"],
  ["r", "rectangle"],
  ["o", "ellipse"],
  ["t", "text"],
  ["n", "note"],
]);
export const keyOf = (tool: Tool): string => [...toolKeys].find(([, each]) => each === tool)?.[0]?.toUpperCase() ?? "";

const arrows: ReadonlyMap<string, readonly [dx: number, dy: number]> = new Map([
  ["ArrowLeft", [-1, 0]],
  ["ArrowRight", [1, 0]],
  ["ArrowUp", [0, -1]],
  ["ArrowDown", [0, 1]],
]);

/** True: it was one of ours. */
function pressed(commands: Commands, { key, ctrlKey, metaKey, shiftKey }: KeyboardEvent, isOnBoard: boolean): boolean {
  const name = key.toLowerCase();
  const run = (command: () => void): true => {
    command();
    return true;
  };
  if (ctrlKey || metaKey) {
    if (name === "z") return run(shiftKey ? commands.redo : commands.undo);
    if (name === "y") return run(commands.redo);
    return name === "a" && run(commands.selectAll);
  }
  const tool = toolKeys.get(name);
  if (tool) return run(() => commands.choose(tool));
  if (key === "Delete" || key === "Backspace") return run(commands.remove);
  if (key === "Escape") return run(commands.escape);
  if (key === "[" || key === "]") return run(() => commands.raise(key === "]"));
  if (key === "+" || key === "=" || key === "-") return run(() => commands.zoomBy(key === "-" ? 0.8 : 1.25));
  if (key === "0") return run(commands.showAll);
  // Buttons have a use of their own for what follows.
  if (!isOnBoard) return false;
  const arrow = arrows.get(key);
  if (arrow) return run(() => commands.nudge(arrow[0] * (shiftKey ? 10 : 1), arrow[1] * (shiftKey ? 10 : 1)));
  if (key === "." || key === ",") return run(() => commands.selectNext(key === "." ? 1 : -1));
  if (key === "Enter") return run(commands.act);
  return key === " " && run(() => commands.hold(true));
}

export function listenToKeys(root: HTMLElement, stage: HTMLElement, commands: Commands): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  const down = (event: KeyboardEvent): void => {
    if (event.altKey || (event.target as Element).matches("input, textarea, select")) return;
    if (pressed(commands, event, event.target === stage)) event.preventDefault();
  };
  root.addEventListener("keydown", down, { signal });
  root.addEventListener("keyup", ({ key }) => key === " " && commands.hold(false), { signal });
  stage.addEventListener("blur", () => commands.hold(false), { signal });
  return () => listening.abort();
}

/** In a toolbar one button is reached by Tab, the others by the arrow keys. */
export function roving(toolbar: HTMLElement): { destroy(): void } {
  const listening = new AbortController();
  const buttons = (): HTMLButtonElement[] => [...toolbar.querySelectorAll("button")];
  const rove = (to: HTMLElement | undefined): void => {
    for (const button of buttons()) button.tabIndex = button === to ? 0 : -1;
  };
  rove(buttons()[0]);
  const { signal } = listening;
  toolbar.addEventListener("focusin", ({ target }) => rove((target as HTMLElement).closest("button") ?? undefined), { signal });
  toolbar.addEventListener(
    "keydown",
    (event) => {
      const enabled = buttons().filter(({ disabled }) => !disabled);
      const by =
        event.key === "ArrowRight" || event.key === "ArrowDown"
          ? 1
          : event.key === "ArrowLeft" || event.key === "ArrowUp"
            ? -1
            : 0;
      if (!by) return;
      event.preventDefault();
      const at = enabled.indexOf(event.target as HTMLButtonElement);
      enabled[(at + by + enabled.length) % enabled.length]?.focus();
    },
    { signal },
  );
  return { destroy: () => listening.abort() };
}
