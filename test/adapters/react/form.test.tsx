/** useForm and useField against a real server. */
import { act, fireEvent } from "@testing-library/react";
import { createElement, type ReactElement, StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { form } from "sente-sync/form";
import { SyncProvider } from "sente-sync/react";
import { type UseFieldOptions, useField, useForm } from "sente-sync/react/form";
import { expect, test } from "vitest";
import { createFormWorld, one, type Profile } from "../form-world.ts";
import { until } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

type Name = keyof Profile;

/** Counts what renders. */
const renders: Record<string, number> = {};
const count = (name: string): void => void (renders[name] = (renders[name] ?? 0) + 1);

type InputOptions = UseFieldOptions & { readonly name: Name; readonly as?: string; readonly type?: string };

function Input({ name, as = "input", type, ...options }: InputOptions): ReactElement {
  count(name);
  const field = useField(one, name, options);
  const conflict = field.conflict ? ` theirs: ${String(field.conflict.theirs)}` : "";
  return (
    <p>
      {createElement(as, { ...field.inputProps, type })}
      {`${name}: ${field.errors.join()}${conflict} ${field.editedBy.length}`}
    </p>
  );
}

const inputOf = (name: string): HTMLInputElement =>
  document.querySelector(`input[name="${name}"],textarea[name="${name}"],select[name="${name}"]`) as HTMLInputElement;
const type = (name: string, value: string): void => void fireEvent.change(inputOf(name), { target: { value } });

test("a keystroke in one field renders that field alone, here and at the others", async () => {
  const world = createFormWorld();
  let submitting: boolean | undefined;
  const body = (): ReactElement => {
    count("form");
    ({ submitting } = useForm(one));
    return (
      <>
        <Input name="name" />
        <Input name="bio" as="textarea" />
      </>
    );
  };
  renderWith(world.client(), <Run body={body} />);
  const other = form(world.client(), one);
  other.keep();
  await until(() => expect(other.get()?.length).toBe(0));
  await until(() => expect(inputOf("name").value).toBe(""));
  act(() => inputOf("name").focus());
  const before = { ...renders };
  for (const text of ["a", "ad", "ada"]) type("name", text);
  expect(inputOf("name").value).toBe("ada");
  await until(() => expect(other.field("name").value).toBe("ada"));
  expect(other.field("name").editedBy).toHaveLength(1);
  await act(async () => other.field("name").set("ada of bob"));
  expect(renders).toEqual({ ...before, name: renders["name"] });
  expect((renders["name"] as number) - (before["name"] as number)).toBeGreaterThanOrEqual(3);
  expect(submitting).toBe(false);
  expect(world.errors).toEqual([]);
});

test("what is typed stays, with its caret and its composition, whatever arrives; theirs can be taken", async () => {
  const world = createFormWorld();
  const ada = world.client();
  const page = renderWith(ada, <Input name="bio" as="textarea" />);
  const bob = form(world.client(), one, { debounceMs: 0 });
  bob.keep();
  await until(() => expect(bob.get()?.length).toBe(0));
  const bio = inputOf("bio");
  act(() => bio.focus());
  type("bio", "hello world");
  bio.setSelectionRange(5, 5);
  await until(() => expect(bob.field("bio").value).toBe("hello world"));
  fireEvent.compositionStart(bio);
  type("bio", "helloに world");
  bio.setSelectionRange(6, 6);
  bob.field("bio").set("of bob");
  await until(() => expect(page.text).toContain("theirs: of bob"));
  expect([bio.value, bio.selectionStart, document.activeElement]).toEqual(["helloに world", 6, bio]);
  fireEvent.compositionEnd(bio);
  expect(bob.field("bio").value).toBe("of bob");
  act(() => form(ada, one).field("bio").conflict?.takeTheirs());
  expect([bio.value, document.activeElement]).toEqual(["of bob", bio]);
  act(() => bio.blur());
  await act(async () => bob.field("bio").set("more"));
  await until(() => expect(bio.value).toBe("more"));
});

test("TEXT3 a text that merges is edited by its element while others edit it, too", async () => {
  const world = createFormWorld();
  const ada = world.client();
  const page = renderWith(ada, <Input name="notes" as="textarea" />);
  const bob = form(world.client(), one);
  bob.keep();
  const notes = inputOf("notes");
  await until(() => expect(notes.readOnly).toBe(false));
  act(() => notes.focus());
  fireEvent.input(notes, { target: { value: "hello" } });
  await until(() => expect([bob.field("notes").value, bob.field("notes").editedBy.length]).toEqual(["hello", 1]));
  bob.field("notes").set("Oh, hello");
  await until(() => expect(notes.value).toBe("Oh, hello"));
  expect([form(ada, one).conflicts, document.activeElement]).toEqual([[], notes]);
  page.unmount();
  fireEvent.input(notes, { target: { value: "nobody" } });
  expect(form(ada, one).field("notes").value).toBe("Oh, hello");
});

test("each kind of input has its value, and tells it", async () => {
  const world = createFormWorld();
  const client = world.client();
  const tags = (): ReactElement => {
    const { inputProps } = useField(one, "tags", { input: "list" });
    return (
      <select multiple {...inputProps}>
        <option>a</option>
        <option>b</option>
      </select>
    );
  };
  renderWith(
    client,
    <>
      <Input name="age" type="number" />
      <Input name="news" type="checkbox" input="checkbox" />
      <Input name="length" type="number" />
      <Run body={tags} />
    </>,
  );
  const handle = form(client, one);
  await until(() => expect(handle.field("length").derived).toBe(true));
  type("age", "42");
  expect([handle.field("age").value, inputOf("age").value]).toEqual([42, "42"]);
  type("age", "");
  expect(handle.field("age").value).toBeUndefined();
  fireEvent.click(inputOf("news"));
  expect([handle.field("news").value, inputOf("news").checked]).toEqual([true, true]);
  expect(inputOf("length").readOnly).toBe(true);
  const select = inputOf("tags") as unknown as HTMLSelectElement;
  for (const option of select.options) option.selected = true;
  fireEvent.change(select);
  expect(handle.field("tags").value).toEqual(["a", "b"]);
  expect([...select.selectedOptions].map(({ value }) => value)).toEqual(["a", "b"]);
});

test("a form element submits, and says what is wrong once somebody has been there", async () => {
  const world = createFormWorld();
  const page = renderWith(
    world.client(),
    <Run
      body={() => {
        const { formProps, submitted, answer, errors } = useForm(one);
        return (
          <form {...formProps}>
            <Input name="name" lock />
            <Input name="secret" />
            <button type="submit">{`${submitted} ${answer} ${Object.keys(errors)}`}</button>
          </form>
        );
      }}
    />,
  );
  await until(() => expect(page.text).toContain("false undefined"));
  act(() => inputOf("name").focus());
  type("name", "bad");
  expect([inputOf("name").getAttribute("aria-invalid"), page.text]).toEqual([null, expect.stringContaining("name: bad")]);
  act(() => inputOf("name").blur());
  expect(inputOf("name").getAttribute("aria-invalid")).toBe("true");
  await act(async () => void fireEvent.click(document.querySelector("button") as HTMLButtonElement));
  type("name", "good");
  type("secret", "secret");
  fireEvent.click(document.querySelector("button") as HTMLButtonElement);
  await until(() => expect(page.text).toContain("true 1"));
  expect(world.submitted).toEqual([{ name: "good", bio: "", length: 0, secret: "secret" }]);
});

test("a field that is taken out of the page is left; StrictMode takes none out", async () => {
  const world = createFormWorld();
  const ada = world.client();
  const page = renderWith(
    ada,
    <StrictMode>
      <Input name="name" lock />
    </StrictMode>,
  );
  const bob = form(world.client(), one);
  bob.keep();
  await until(() => expect(bob.get()?.length).toBe(0));
  act(() => inputOf("name").focus());
  type("name", "ada");
  await until(() => expect(bob.field("name").lockedBy).toBeDefined());
  page.show(<p>gone</p>);
  await until(() => expect([bob.editors, bob.field("name").value]).toEqual([[], "ada"]));
});

test("a server renders what the definition begins with", () => {
  const world = createFormWorld();
  const html = renderToString(
    <SyncProvider client={world.client()}>
      <Input name="name" />
    </SyncProvider>,
  );
  expect(html).toContain('name="name" value=""');
});
