import { expect, test } from "vitest";
import { applyPatch } from "../../src/kind/patch.ts";
import { createView } from "../../src/kind/view.ts";
import { deepFreeze } from "./documents.ts";

interface Shop {
  readonly orders: Readonly<Record<string, readonly { readonly id: string; readonly note: string }[]>>;
  readonly stock: number;
}
const shop: Shop = deepFreeze({ orders: { ada: [{ id: "a1", note: "a note of some length" }], bob: [] }, stock: 3 });
const mine = createView({
  key: (user: { name: string; role: string }) => user.name,
  select: (state: Shop, name: string) => state.orders[name],
});

test("VIEW1 users with equal keys share one derived topic, and distinct keys have distinct names", () => {
  expect(mine.key({ name: "ada", role: "x" })).toBe(mine.key({ name: "ada", role: "y" }));
  const any = createView({ key: (key: string | number | boolean | null) => key, select: (state: Shop) => state.stock });
  const names = ["1", 1, "true", true, "null", null, "", "a:b"].map((key) => any.name(key));
  expect(new Set(names).size).toBe(names.length);
});

test("VIEW2 an entry brings the previous selection to the next", () => {
  const view = mine.open("ada", shop);
  const before = view.snapshot();
  expect(before).toBe(shop.orders.ada);
  const next: Shop = { ...shop, orders: { ...shop.orders, ada: [...(shop.orders.ada ?? []), { id: "a2", note: "another" }] } };
  const steps = view.update(next);
  expect(steps).toEqual([[2, [], 1, 0, [{ id: "a2", note: "another" }]]]);
  expect(applyPatch(before, steps ?? [])).toEqual(view.value);
  expect(view.snapshot()).toBe(next.orders.ada);
});

test("VIEW3 a change that the selection does not show is no entry, also where select makes a fresh value", () => {
  const view = mine.open("ada", shop);
  expect(view.update({ ...shop, stock: 2 })).toBeUndefined();
  const fresh = createView({ key: () => null, select: (state: Shop) => ({ names: Object.keys(state.orders) }) }).open(null, shop);
  const { value } = fresh;
  expect(fresh.update({ ...shop, stock: 1 })).toBeUndefined();
  expect(fresh.value).toBe(value);
});

test("VIEW4 a select that throws leaves that view as it was and the error to the caller; other views go on", () => {
  const picky = createView({
    key: (limit: number) => limit,
    select: (state: Shop, limit) => {
      if (state.stock > limit) throw new RangeError("too many");
      return { stock: state.stock };
    },
  });
  const [small, large] = [picky.open(5, shop), picky.open(50, shop)];
  expect(() => small.update({ ...shop, stock: 9 })).toThrow(RangeError);
  expect(small.value).toEqual({ stock: 3 });
  expect(large.update({ ...shop, stock: 9 })).toBeDefined();
  // The next entry starts from what its readers have.
  expect(applyPatch({ stock: 3 }, small.update({ ...shop, stock: 4 }) ?? [])).toEqual({ stock: 4 });
  expect(() => picky.open(1, shop)).toThrow(RangeError);
});

test("VIEW5 nothing selected is null; a promise is refused", async () => {
  const view = mine.open("carol", shop);
  expect(view.value).toBeNull();
  expect(view.update({ ...shop, orders: { carol: [] } })).toEqual([[0, [], []]]);
  const late = createView({ key: () => null, select: (): unknown => Promise.reject(new Error("nobody waits for this")) });
  expect(() => late.open(null, shop)).toThrow(expect.objectContaining({ code: "invalid" }));
  await new Promise((resolve) => setImmediate(resolve));
});
