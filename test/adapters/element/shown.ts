/** What is seen of an element that has a shadow root. */

/** What an element shows of itself, and nothing that it hides. */
export function shown(element: Element | null): string {
  const parts = [...(element?.shadowRoot?.children ?? [])].filter((each) => !(each as HTMLElement).hidden);
  return parts
    .map((each) => (each instanceof HTMLSlotElement ? slotted(each) : (each.textContent ?? "")))
    .join("")
    .trim();
}

function slotted(slot: HTMLSlotElement): string {
  const own = slot.assignedNodes().map((node) => node.textContent ?? "");
  return own.length ? own.join("") : (slot.textContent ?? "");
}
