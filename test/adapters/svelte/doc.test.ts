/** Documents in Svelte against a real server. */
import { fireEvent, render } from "@testing-library/svelte";
import { defineDoc } from "sente-sync";
import { doc as clientDoc } from "sente-sync/doc";
import { doc as serverDoc } from "sente-sync/doc/server";
import { expect, test } from "vitest";
import { createWorld, until } from "../support.ts";
import Note from "./note.svelte";

test("DOC33 live values show the document and its types, a field edits one", async () => {
  const world = createWorld();
  const note = defineDoc("note");
  serverDoc(world.sync, note);
  const bob = clientDoc(world.client(), note);
  const { container } = render(Note, { client: world.client() });
  const shown = (): string | null | undefined => container.querySelector("p")?.textContent;
  await until(() => expect(shown()).toBe("|{}||true|note"));
  bob.transact((edited) => {
    edited.getText("text").insert(0, "hello");
    edited.getMap("map").set("a", 1);
    edited.getArray("list").push(["x", "y"]);
  });
  await until(() => expect(shown()).toBe('hello|{"a":1}|x,y|true|note'));
  const field = container.querySelector("textarea") as HTMLTextAreaElement;
  expect(field.value).toBe("hello");
  await fireEvent.input(field, { target: { value: "hello you" } });
  await until(() => expect(bob.doc.getText("text").toString()).toBe("hello you"));
});
