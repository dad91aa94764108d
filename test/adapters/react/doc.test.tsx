/** Documents in React against a real server. */
import { act, fireEvent } from "@testing-library/react";
import { defineDoc } from "sente-sync";
import { type ClientDoc, doc as clientDoc } from "sente-sync/doc";
import { doc as serverDoc } from "sente-sync/doc/server";
import { type DocState, useDoc, useTextField, useYArray, useYMap, useYText } from "sente-sync/react/doc";
import { expect, test } from "vitest";
import { createWorld, until, type World } from "../support.ts";
import { Run, renderWith } from "./support.tsx";

const note = defineDoc("note");

function open(world: World): ClientDoc {
  serverDoc(world.sync, note, { authorize: ({ action, user }) => action === "read" || user.id !== "reader" });
  return clientDoc(world.client(), note);
}

test("DOC33 hooks show the document, and each renders only for what it reads", async () => {
  const world = createWorld();
  const bob = open(world);
  const renders = { text: 0, map: 0 };
  let state: DocState | undefined;
  const page = renderWith(
    world.client(),
    <>
      <Run
        body={() => {
          renders.text++;
          return <i>{useYText(note, "text")[0]}</i>;
        }}
      />
      <Run
        body={() => {
          renders.map++;
          const [map] = useYMap<number>(note, "map");
          const [list] = useYArray<string>(note, "list");
          state = useDoc(note);
          return `|${JSON.stringify(map)}|${list.join()}|${String(state.synced)}`;
        }}
      />
    </>,
  );
  await until(() => expect(page.text).toBe("|{}||true"));
  const before = { ...renders };
  act(() => void bob.transact((edited) => edited.getText("text").insert(0, "hello")));
  await until(() => expect(page.text).toBe("hello|{}||true"));
  expect([renders.text - before.text, renders.map - before.map]).toEqual([1, 0]);
  act(() => {
    state?.transact((edited) => {
      edited.getMap("map").set("a", 1);
      edited.getArray("list").push(["x", "y"]);
    });
  });
  expect(page.text).toBe('hello|{"a":1}|x,y|true');
  await until(() => expect(bob.doc.getArray("list").toJSON()).toEqual(["x", "y"]));
});

test("DOC33 a field shows the text and edits it", async () => {
  const world = createWorld();
  const bob = open(world);
  renderWith(world.client(), <Run body={() => <textarea ref={useTextField(note, "text")} />} />);
  const field = document.querySelector("textarea") as HTMLTextAreaElement;
  act(() => void bob.transact((edited) => edited.getText("text").insert(0, "hello")));
  await until(() => expect(field.value).toBe("hello"));
  fireEvent.input(field, { target: { value: "hello you" } });
  await until(() => expect(bob.doc.getText("text").toString()).toBe("hello you"));
});

test("DOC33 where the document was replaced, hooks follow", async () => {
  const world = createWorld();
  const bob = open(world);
  let state: DocState | undefined;
  const page = renderWith(
    world.client(),
    <Run
      body={() => {
        state = useDoc(note);
        return useYText(note, "text")[0];
      }}
    />,
  );
  act(() => void bob.transact((edited) => edited.getText("text").insert(0, "kept")));
  await until(() => expect(page.text).toBe("kept"));
  const first = state?.doc;
  // More than a document may have.
  act(() => void state?.transact((edited) => edited.getMap("k".repeat(2000)).set("a", 1)));
  await until(() => expect(state?.doc).not.toBe(first));
  await until(() => expect(page.text).toBe("kept"));
});
