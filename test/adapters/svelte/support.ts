/** Renders a component below one that has set the client. */
import { render } from "@testing-library/svelte";
import type { AnyClient } from "sente-sync/svelte";
import type { Component } from "svelte";
import Root from "./root.svelte";

export interface Page {
  /** Without the white space of the markup. */
  readonly text: string;
  set(props: Record<string, unknown>): Promise<void>;
  unmount(): void;
}

type Any = Component<Record<string, unknown>>;

export function renderWith(client: AnyClient | (() => AnyClient), child: unknown, props: Record<string, unknown> = {}): Page {
  const page = render(Root as unknown as Any, { props: { client, child, childProps: props } });
  return {
    get text() {
      return textOf(page.container);
    },
    set: (next) => page.rerender({ childProps: { ...props, ...next } }),
    unmount: page.unmount,
  };
}

/** Renders a component with nothing above it. */
export function renderAlone(component: unknown, props: Record<string, unknown>): Page {
  const page = render(component as Any, { props });
  return {
    get text() {
      return textOf(page.container);
    },
    set: page.rerender,
    unmount: page.unmount,
  };
}

const textOf = (element: Element): string => (element.textContent ?? "").replace(/\s+/g, " ").trim();
