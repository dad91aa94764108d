/** Renders into a page with a provider around. */
import { cleanup, render } from "@testing-library/react";
import type { ReactElement, ReactNode } from "react";
import { type AnyClient, SyncProvider } from "sente-sync/react";
import { afterEach } from "vitest";

afterEach(cleanup);

/** A component of the hooks that `body` calls; a test gives it its own variables so. */
export function Run({ body }: { readonly body: () => ReactNode }): ReactNode {
  return body();
}

export interface Page {
  readonly text: string | null;
  show(element: ReactElement): void;
  unmount(): void;
}

/** Everything below uses `client`. */
export function renderWith(client: AnyClient, element: ReactElement): Page {
  const around = (inner: ReactElement): ReactElement => <SyncProvider client={client}>{inner}</SyncProvider>;
  const page = render(around(element));
  return {
    get text() {
      return page.container.textContent;
    },
    show: (next) => page.rerender(around(next)),
    unmount: page.unmount,
  };
}
