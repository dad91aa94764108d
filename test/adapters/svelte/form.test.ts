/** form and field against a real server. */
import { fireEvent } from "@testing-library/svelte";
import { form } from "sente-sync/form";
import { field, form as formIn } from "sente-sync/svelte/form";
import { tick } from "svelte";
import { expect, test } from "vitest";
import { createFormWorld, one } from "../form-world.ts";
import { until } from "../support.ts";
import FormPage from "./form.svelte";
import { renderWith } from "./support.ts";

const inputOf = (name: string): HTMLInputElement => document.querySelector(`[name="${name}"]`) as HTMLInputElement;
const type = (name: string, value: string): Promise<unknown> => fireEvent.input(inputOf(name), { target: { value } });

async function open() {
  const world = createFormWorld();
  const effects: Record<string, number> = {};
  const ada = world.client();
  const page = renderWith(ada, FormPage, { effects });
  const bob = form(world.client(), one, { debounceMs: 0 });
  bob.keep();
  await until(() => expect([bob.get()?.length, page.text.endsWith("true")]).toEqual([0, true]));
  return { world, effects, ada, page, bob };
}

test("a keystroke runs the effects of its field alone, and is seen by the others", async () => {
  const { effects, bob, world } = await open();
  inputOf("name").focus();
  await tick();
  const before = { ...effects };
  for (const text of ["a", "ad", "ada"]) await type("name", text);
  expect(inputOf("name").value).toBe("ada");
  await until(() => expect([bob.field("name").value, bob.field("name").editedBy.length]).toEqual(["ada", 1]));
  await until(() => expect(bob.field("name").lockedBy).toBeDefined());
  expect(effects).toEqual({ name: effects["name"], bio: before["bio"] });
  expect(effects["name"]).toBeGreaterThan(before["name"] as number);
  expect(world.errors).toEqual([]);
});

test("what is typed stays, with its caret and its composition, whatever arrives; theirs can be taken", async () => {
  const { page, ada, bob } = await open();
  const bio = inputOf("bio");
  bio.focus();
  await type("bio", "hello world");
  bio.setSelectionRange(5, 5);
  await until(() => expect(bob.field("bio").value).toBe("hello world"));
  await fireEvent.compositionStart(bio);
  await type("bio", "helloに world");
  bio.setSelectionRange(6, 6);
  bob.field("bio").set("of bob");
  await until(() => expect(page.text).toContain("of bob"));
  expect([bio.value, bio.selectionStart, document.activeElement]).toEqual(["helloに world", 6, bio]);
  await fireEvent.compositionEnd(bio);
  form(ada, one).field("bio").conflict?.takeTheirs();
  await until(() => expect(bio.value).toBe("of bob"));
  bio.blur();
  bob.field("bio").set("more");
  await until(() => expect(bio.value).toBe("more"));
});

test("TEXT3 a text that merges is edited by its element while others edit it, too", async () => {
  const { ada, bob, page } = await open();
  const notes = inputOf("notes");
  await until(() => expect(notes.readOnly).toBe(false));
  notes.focus();
  await type("notes", "hello");
  await until(() => expect([bob.field("notes").value, bob.field("notes").editedBy.length]).toEqual(["hello", 1]));
  bob.field("notes").set("Oh, hello");
  await until(() => expect(notes.value).toBe("Oh, hello"));
  expect([form(ada, one).conflicts, document.activeElement]).toEqual([[], notes]);
  page.unmount();
  await fireEvent.input(notes, { target: { value: "nobody" } });
  expect(form(ada, one).field("notes").value).toBe("Oh, hello");
});

test("each kind of input tells its value; a form element submits", async () => {
  const { page, ada, world } = await open();
  const handle = form(ada, one);
  await type("name", "bad");
  inputOf("name").focus();
  inputOf("name").blur();
  await until(() =>
    expect([page.text, inputOf("name").getAttribute("aria-invalid")]).toEqual(["submit false false bad true", "true"]),
  );
  await type("name", "good");
  await type("age", "42");
  await fireEvent.input(inputOf("news"), { target: { checked: true } });
  expect([handle.field("age").value, handle.field("news").value, inputOf("length").readOnly]).toEqual([42, true, true]);
  await fireEvent.submit(document.querySelector("form") as HTMLFormElement);
  await until(() => expect(page.text).toContain("true 1"));
  expect(world.submitted).toEqual([{ name: "good", bio: "", age: 42, news: true, length: 0 }]);
});

test("a field that is taken out of the page is left; outside a component the client is named", async () => {
  const { page, ada, bob } = await open();
  inputOf("name").focus();
  await until(() => expect(bob.editors).toHaveLength(1));
  page.unmount();
  await until(() => expect(bob.editors).toEqual([]));
  const [outside, name] = [formIn(ada, one), field(ada, one, "name")];
  const told: unknown[] = [];
  const stop = name.subscribe(({ value }) => void told.push(value));
  name.set("outside");
  expect([told, name.current.value, outside.handle.get()?.name]).toEqual([["", "outside"], "outside", "outside"]);
  outside.reset();
  expect(name.current.value).toBe("");
  stop();
});
