/** useTopic against a real server. */
import { act } from "@testing-library/react";
import { useTopic } from "sente-sync/react";
import { topic } from "sente-sync/server";
import { expect, test } from "vitest";
import { type StockOp, stocks } from "../../own/stock.ts";
import { createWorld, until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

test("what is sent to an own kind is on the screen at once, and on the others' when the server decided it", async () => {
  const world = createWorld();
  topic(world.sync, stocks);
  let send: ((op: StockOp) => unknown) | undefined;
  const shop = (isSender: boolean) => () => {
    const [left, run] = useTopic(stocks({ shop: "one" }), (state) => state.left);
    const [whole] = useTopic(stocks({ shop: "one" }));
    if (isSender) send = run;
    return `${left ?? "none"} ${whole?.done}`;
  };
  const pages = [true, false].map((isSender) => renderWith(world.client(), <Run body={shop(isSender)} />));
  await until(() => expect(pages.map(({ text }) => text)).toEqual(["10 ", "10 "]));
  act(() => void send?.([-3, 1]));
  expect(pages[0]?.text).toBe("7 1");
  await until(() => expect(pages.map(({ text }) => text)).toEqual(["7 1", "7 1"]));
});
