/**
 * The editor in a real browser, as React (examples/editor/react.tsx) and as Svelte (examples/editor/svelte/): two people in one document,
 * through a cut line, a restart of the server and a reload; and both beside a client of y-websocket.
 */
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import WebSocket from "ws";
import { WebsocketProvider } from "y-websocket";
import * as Y from "yjs";
import { yjsPath } from "../../examples/editor/contract.ts";
import { chromiumPath } from "../support/chromium.ts";
import { cause, imagePath, isBack, isSaved, openWorld, takePicture, type Window, type World, waited } from "./gallery.ts";

const isMissing = chromiumPath() === undefined;
let world: World;
beforeAll(async () => {
  if (!isMissing) world = await openWorld();
});
afterEach(() => world?.closeWindows());
afterAll(() => world?.close());

const press = ({ page }: Window, name: string): Promise<void> => page.getByRole("button", { name, exact: true }).click();

/** The text as its lines show it; what cursors of others put between is none of it. */
const textOf = ({ page }: Window): Promise<string> =>
  page.evaluate(() => {
    const plain = document.querySelector("textarea");
    if (plain) return plain.value;
    return [...document.querySelectorAll(".cm-line")]
      .map((line) => {
        const copy = line.cloneNode(true) as Element;
        for (const cursor of copy.querySelectorAll(".cm-ySelectionCaret")) cursor.remove();
        return copy.textContent;
      })
      .join("\n");
  });
const shows = (window: Window, words: string): Promise<void> =>
  vi.waitFor(async () => expect(await textOf(window)).toContain(words), waited);
const areEqual = (one: Window, other: Window): Promise<void> =>
  vi.waitFor(async () => expect(await textOf(one)).toBe(await textOf(other)), waited);
const names = async ({ page }: Window): Promise<string[]> => (await page.locator("#people li").allTextContents()).sort();
const cursors = ({ page }: Window): Promise<string[]> => page.locator(".cm-ySelectionInfo").allTextContents();

/** Behind the last letter. */
const write = async ({ page }: Window, words: string, at: "start" | "end" = "end"): Promise<void> => {
  await page.locator(".cm-content").focus();
  await page.keyboard.press(at === "end" ? "Control+End" : "Control+Home");
  await page.keyboard.type(words);
};

const paths = { React: "/editor/react", Svelte: "/editor/svelte/" } as const;

async function open(framework: keyof typeof paths, name: string, note: string): Promise<Window> {
  const window = await world.open(`${paths[framework]}?name=${name}&note=${note}`);
  await window.page.locator(".editor[data-synced=true] .cm-content").waitFor();
  await shows(window, "A page for everybody");
  return window;
}

describe.each(["React", "Svelte"] as const)("the editor in %s", (framework) => {
  const come = (name: string, note: string): Promise<Window> => open(framework, name, `${framework}-${note}`);

  test.skipIf(isMissing)("each sees what the other writes and where, and undo takes back one's own alone", async () => {
    const [ada, grace] = [await come("Ada", "cursors"), await come("Grace", "cursors")];
    for (const each of [ada, grace])
      await vi.waitFor(async () => expect((await names(each)).map((name) => name.slice(1, 4))).toEqual(["Ada", "Gra"]), waited);
    await write(ada, "Ada was here. ");
    await write(grace, "Grace too. ", "start");
    for (const each of [ada, grace]) for (const words of ["Ada was here.", "Grace too."]) await shows(each, words);
    await vi.waitFor(async () => expect([await cursors(ada), await cursors(grace)]).toEqual([["Grace"], ["Ada"]]), waited);
    if (framework === "React") await takePicture(ada.page, imagePath("editor-two-1280", false), 1280);

    await ada.page.locator(".cm-content").focus();
    await ada.page.keyboard.press("Control+z");
    await vi.waitFor(async () => expect(await textOf(grace)).not.toContain("Ada was here."), waited);
    await shows(ada, "Grace too.");
    await press(ada, "Redo");
    await shows(grace, "Ada was here.");
    await areEqual(ada, grace);

    // What somebody writes is text, whatever it looks like.
    await write(grace, "\n\n<img src=x onerror=alert(1)> [x](javascript:alert(1)) **bold**");
    await ada.page.locator(".preview strong", { hasText: "bold" }).waitFor();
    expect(await ada.page.locator(".preview :is(img, a, script)").count()).toBe(0);
    expect(await ada.page.locator(".preview").textContent()).toContain("<img src=x onerror=alert(1)>");

    await grace.page.close();
    await vi.waitFor(
      async () => expect([await names(ada), await cursors(ada)]).toEqual([[expect.stringContaining("Ada")], []]),
      waited,
    );
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("what both write while a line is down, and the server is started anew, comes together", async () => {
    const [ada, grace] = [await come("Ada", "cut"), await come("Grace", "cut")];
    await cause("Offline for 5 s", ada);
    await write(ada, "Written offline. ");
    await write(grace, "Written meanwhile. ");
    await isSaved(grace);
    expect(await ada.page.locator("#saved").textContent()).toContain("on the way");
    world.online();
    await isBack(ada);
    for (const each of [ada, grace]) for (const words of ["Written offline.", "Written meanwhile."]) await shows(each, words);

    await cause("Restart the server", grace, ada);
    await write(ada, "During the restart. ");
    await write(grace, "Both of us. ", "start");
    for (const each of [ada, grace]) await isBack(each);
    for (const each of [ada, grace]) for (const words of ["During the restart.", "Both of us."]) await shows(each, words);
    for (const each of [ada, grace]) await isSaved(each);
    await areEqual(ada, grace);
    await vi.waitFor(async () => expect([await cursors(ada), await cursors(grace)]).toEqual([["Grace"], ["Ada"]]), waited);

    const before = await textOf(ada);
    await grace.page.reload();
    await shows(grace, "During the restart.");
    expect(await textOf(grace)).toBe(before);
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("a version is kept, looked at by all, and gone back to, which can be undone", async () => {
    const [ada, grace] = [await come("Ada", "versions"), await come("Grace", "versions")];
    await write(ada, "First thought. ");
    await ada.page.getByLabel("Name of a version").fill("Draft");
    await press(ada, "Keep it as it is now");
    const [listed] = [ada, grace].map(({ page }) => page.locator(".versions li", { hasText: "Draft" }));
    await listed?.waitFor();
    await write(grace, "Second thought. ");
    await shows(ada, "Second thought.");
    await press(grace, "Look at it");
    const preview = grace.page.locator(".preview");
    await vi.waitFor(async () => expect(await preview.textContent()).toMatch(/First thought\.\s*$/), waited);
    if (framework === "React") await takePicture(grace.page, imagePath("editor-versions-1280", false), 1280);
    await press(grace, "Go back to it");
    await vi.waitFor(async () => expect(await textOf(ada)).not.toContain("Second thought."), waited);
    await shows(ada, "First thought.");
    await press(grace, "Undo");
    for (const each of [ada, grace]) await shows(each, "Second thought.");
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });

  test.skipIf(isMissing)("a textarea edits the same text, and the page fits 360 pixels", async () => {
    const [ada, grace] = [await come("Ada", "plain"), await come("Grace", "plain")];
    await press(ada, "Textarea");
    const field = ada.page.locator("textarea.words");
    await field.press("Control+Home");
    await field.pressSequentially("From a textarea. ");
    await write(grace, "From the editor. ", "start");
    for (const each of [ada, grace]) for (const words of ["From a textarea.", "From the editor."]) await shows(each, words);
    await areEqual(ada, grace);
    // The caret is where it was: behind one's own words.
    expect(await field.evaluate((element: HTMLTextAreaElement) => element.value.slice(0, element.selectionStart))).toMatch(
      /textarea\. $/,
    );
    await press(ada, "Undo");
    await vi.waitFor(async () => expect(await textOf(grace)).not.toContain("From a textarea."), waited);
    await shows(ada, "From the editor.");

    await ada.page.setViewportSize({ width: 360, height: 740 });
    expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    for (const landmark of ["banner", "main"] as const) expect(await ada.page.getByRole(landmark).count()).toBe(1);
    await press(ada, "How it works");
    expect(await ada.page.getByRole("dialog").textContent()).toContain("defineDoc");
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  });
});

type State = readonly [client: number, ranges: readonly (readonly [length: number, isDeleted: boolean])[]][];

/** What a document holds, however it is stored: of each writer how many letters, and which of them are deleted. Run in pages too. */
function stateOf({ store }: Y.Doc): { readonly state: State; readonly pending: readonly unknown[] } {
  const state = [...store.clients].map(([client, structs]): State[number] => {
    const ranges: [number, boolean][] = [];
    for (const { length, deleted } of structs) {
      const last = ranges.at(-1);
      if (last?.[1] === deleted) last[0] += length;
      else ranges.push([length, deleted]);
    }
    return [client, ranges];
  });
  return { state: state.sort(([one], [other]) => one - other), pending: [store.pendingStructs, store.pendingDs] };
}

/** Of the document that the page's editor is bound to. */
const stateIn = ({ page }: Window): Promise<ReturnType<typeof stateOf>> =>
  page.evaluate(`(${stateOf})(
    document.querySelector(".cm-content").cmTile.root.view.state.config.staticValues.find((value) => value?.ytext).ytext.doc
  )`);

test.skipIf(isMissing)(
  "a page of React, one of Svelte and a client of y-websocket edit through a restart, and end equal",
  async () => {
    const [ada, grace] = [await open("React", "Ada", "three"), await open("Svelte", "Grace", "three")];
    const doc = new Y.Doc();
    const provider = new WebsocketProvider(`${world.url.replace("http", "ws")}${yjsPath}`, "notes/three", doc, {
      WebSocketPolyfill: WebSocket as never,
      disableBc: true,
      maxBackoffTime: 200,
      params: { name: "Yves" },
    });
    onTestFinished(() => {
      provider.destroy();
      provider.awareness.destroy();
    });
    const lines: string[] = [];
    provider.on("status", ({ status }) => lines.push(status));
    provider.awareness.setLocalStateField("user", { name: "Somebody else" });
    await vi.waitFor(() => expect(provider.synced).toBe(true), waited);
    for (const each of [ada, grace])
      await vi.waitFor(
        async () => expect((await names(each)).map((name) => name.slice(1, 4))).toEqual(["Ada", "Gra", "Yve"]),
        waited,
      );

    const text = doc.getText("text");
    /** Letter by letter before that place, while the others write; then takes out what is named. */
    const yvesWrites = async (words: string, out: string): Promise<void> => {
      for (const letter of words) {
        text.insert(text.toString().indexOf("\n\nOpen a"), letter);
        await turn();
      }
      text.delete(text.toString().indexOf(out), out.length);
    };
    const allWrite = (when: string, out: string): Promise<unknown> =>
      Promise.all([write(ada, `Ada ${when}. `), write(grace, `Grace ${when}. `, "start"), yvesWrites(` Yves ${when}.`, out)]);

    await allWrite("before", "**second window**");
    await cause("Restart the server", ada, grace);
    await vi.waitFor(() => expect(lines).toContain("disconnected"), waited);
    await allWrite("meanwhile", "Nothing is lost.");
    for (const each of [ada, grace]) await isBack(each);
    await allWrite("after", "- [x] Write\n");

    const words = ["before", "meanwhile", "after"].flatMap((when) => ["Ada", "Grace", "Yves"].map((name) => `${name} ${when}.`));
    for (const each of [ada, grace]) {
      for (const said of words) await shows(each, said);
      await isSaved(each);
    }
    await vi.waitFor(async () => {
      expect(provider.synced).toBe(true);
      const ended = await Promise.all([stateIn(ada), stateIn(grace)]);
      expect(ended).toEqual([stateOf(doc), stateOf(doc)]);
      expect(await Promise.all([textOf(ada), textOf(grace)])).toEqual([text.toString(), text.toString()]);
    }, waited);
    const { state, pending } = stateOf(doc);
    // All three, and who began it.
    expect([state.length >= 4, ...pending]).toEqual([true, null, null]);
    for (const out of ["second window", "Nothing is lost", "[x] Write"]) expect(text.toString()).not.toContain(out);
    expect([...ada.faults, ...grace.faults]).toEqual([]);
  },
);
