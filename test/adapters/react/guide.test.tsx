/** The pages of the guide "React" (examples/guides/react/), as they stand. */
import { cleanup, fireEvent, render } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { serveGuide, until } from "../guide-server.ts";

afterEach(cleanup);

test("the page shows what the server has, asks it, and comes back", async () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  const { sync, live } = await serveGuide();
  const { App } = await import("../../../examples/guides/react/app.tsx");
  const page = render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
  const text = (id: string) => page.container.querySelector(`#${id}`)?.textContent;
  const click = (id: string) => fireEvent.click(page.container.querySelector(`#${id} button`)!);
  expect(text("visitors")).toBe("Loading…");
  await until(() => expect(text("visitors")).toBe("Visitors: 41"));
  expect(text("line")).toBe("Connected as a guest");
  expect(sync.stats().connections).toBe(1);

  live.update((draft) => void draft.visitors++);
  await until(() => expect(text("visitors")).toBe("Visitors: 42"));
  click("room");
  await until(() => expect(text("room")).toBe("Tea?Ask for tea"));
  click("greeting");
  await until(() => expect(text("greeting")).toBe("GreetHello Ada"));
  sync.broadcast("news/item", { title: "new" });
  await until(() => expect(text("news")).toBe('[{"title":"new"}]'));
  page.unmount();
  await until(() => expect(sync.stats().connections).toBe(0));
  expect(printed).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

test("the server's markup has the value, and the page goes on from there", async () => {
  const { sync, live } = await serveGuide();
  const { render: renderPage, start } = await import("../../../examples/guides/react/render.tsx");
  document.body.innerHTML = await renderPage(sync as never);
  expect(document.getElementById("root")?.textContent).toBe("Visitors: 41");
  const markup = document.querySelector("#root p");
  start();
  await until(() => expect(sync.stats().connections).toBe(1));
  live.update((draft) => void draft.visitors++);
  await until(() => expect(document.getElementById("root")?.textContent).toBe("Visitors: 42"));
  expect(document.querySelector("#root p")).toBe(markup);
  document.body.innerHTML = "";
});
