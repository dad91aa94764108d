/**
 * What all elements need of the page: a class to extend that is there on servers too, and the ways of custom elements.
 *
 * Always: an error is told by attribute and event, and by nothing that could be markup.
 * Rules: docs/guides/web-components.md.
 */
import type { SyncError } from "sente-sync";

/** Where there is no page, modules that import the elements can be loaded, and nothing else. */
export const BaseElement: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/** A property that was set before the element was defined hides the class' own: sets it again. */
export function takeOwn(element: HTMLElement, name: string): void {
  if (!Object.hasOwn(element, name)) return;
  const own = element as unknown as Record<string, unknown>;
  const value = own[name];
  delete own[name];
  own[name] = value;
}

/** `error="forbidden"`, and the event `sente-error` with the error as its `detail`; undefined: there is none any more. */
export function showError(element: HTMLElement, error: SyncError | undefined): void {
  if (!error) return element.removeAttribute("error");
  element.setAttribute("error", error.code);
  element.dispatchEvent(new CustomEvent("sente-error", { detail: error }));
}
