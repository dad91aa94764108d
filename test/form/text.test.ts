/** Fields whose texts merge letter by letter, between clients and a server in virtual time. Rules: docs/protocol/form.md TEXT1-TEXT9. */
import { defineForm, type } from "sente-sync";
import { createClient } from "sente-sync/client";
import { type ClientForm, form as formOn, type TextElement } from "sente-sync/form";
import { form, type ServerFormOptions } from "sente-sync/form/server";
import { formTexts } from "sente-sync/form/text";
import { formTexts as serverTexts } from "sente-sync/form/text/server";
import { createServer, type ServerOptions } from "sente-sync/server";
import { createRng, simulate } from "sente-sync/testing";
import { expect, onTestFinished, test } from "vitest";
import { createWorld, text, type World } from "../server/world.ts";

interface Report {
  title: string;
  notes: string;
  more: { hints?: string };
  length?: number;
}

const schema = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate(value: unknown) {
      const { notes } = value as Report;
      return notes.length > 40 ? { issues: [{ message: "too long", path: ["notes"] }] } : { value: value as Report };
    },
    types: undefined as { readonly input: Report; readonly output: Report } | undefined,
  },
} as const;

const report = defineForm("report/:id", {
  schema,
  initial: { title: "", notes: "Dear all, ", more: {} },
  fields: { notes: { text: true }, "more.hints": { text: true } },
  answer: type<string>(),
});
const seven = report({ id: "7" });
type ReportForm = ClientForm<Report, string>;

/** As a `<textarea>` behaves, without a page. */
class Element implements TextElement {
  value = "";
  selectionStart = 0;
  selectionEnd = 0;
  readonly #runs = new Map<string, (event: KeyboardEvent) => void>();

  setSelectionRange(start: number, end: number): void {
    this.selectionStart = start;
    this.selectionEnd = end;
  }
  addEventListener(name: string, run: (event: KeyboardEvent) => void): void {
    this.#runs.set(name, run);
  }
  removeEventListener(name: string): void {
    this.#runs.delete(name);
  }
  raise(name: string, event: object = {}): void {
    this.#runs.get(name)?.(event as KeyboardEvent);
  }
  type(letters: string, at = this.value.length): void {
    this.value = this.value.slice(0, at) + letters + this.value.slice(at);
    this.setSelectionRange(at + letters.length, at + letters.length);
    this.raise("input");
  }
  /** Whether the browser's own was prevented. */
  press(key: string, held: object = { ctrlKey: true }): boolean {
    let isOurs = false;
    this.raise("keydown", { key, ...held, preventDefault: () => void (isOurs = true) });
    return isOurs;
  }
}

type Options = ServerFormOptions<Report, Report, string, { id: string }>;

function open(options: Partial<Options> = {}, server: ServerOptions = {}) {
  const world = createWorld(server);
  const submitted: unknown[] = [];
  const told: unknown[] = [];
  const declare: Options = {
    texts: serverTexts,
    fields: {
      notes: { validate: (notes, { error }) => void (notes.includes("bad") && error("not that word")) },
      length: { derive: ({ notes = "" }) => notes.length },
    },
    onChange: ({ changes }) => void told.push(...changes),
    onSubmit({ value }) {
      submitted.push(value);
      return `${submitted.length}`;
    },
    ...options,
  };
  return { world, submitted, told, forms: form(world.sync, report, declare) };
}

interface Person {
  readonly app: ReportForm;
  readonly element: Element;
}

async function come({ connector, env, advance }: World, user = ""): Promise<Person> {
  const client = formTexts(createClient(`memory://server/chsk?user=${user}`, { connector, env }));
  onTestFinished(() => client.close());
  const app = formOn(client, seven);
  app.keep();
  const element = new Element();
  app.field("notes").bind(element);
  await advance(1000);
  return { app, element };
}

const shown = (...apps: Person[]): unknown[] => apps.flatMap(({ app, element }) => [app.field("notes").value, element.value]);

test("TEXT3 and TEXT2 what two people type at once merges, without a conflict, and is in the tree as a string", async () => {
  const { world, told, forms } = open();
  const [ada, bob] = [await come(world), await come(world)];
  for (const { app } of [ada, bob]) app.field("notes").focus();
  bob.element.setSelectionRange(10, 10);
  ada.element.type("Oh. ", 0);
  bob.element.type("hello");
  expect(shown(ada, bob)).toEqual(["Oh. Dear all, ", "Oh. Dear all, ", "Dear all, hello", "Dear all, hello"]);
  await world.advance(1000);
  expect(new Set(shown(ada, bob))).toEqual(new Set(["Oh. Dear all, hello"]));
  // Where one types, what the other writes before it moves the caret along.
  expect([bob.element.selectionStart, bob.app.conflicts, bob.app.field("notes").conflict]).toEqual([19, [], undefined]);
  expect(ada.app.field("notes").editedBy).toHaveLength(1);
  // A lock is the same wish here; who types keeps it.
  void bob.app.field("notes").lock();
  for (let letter = 0; letter < 3; letter++) {
    await world.advance(15_000);
    bob.element.type("!");
    await world.advance(1000);
    expect(ada.app.field("notes").lockedBy).toBeDefined();
  }
  bob.app.field("notes").set("Oh. Dear all, hello");
  bob.app.field("notes").unlock();
  await world.advance(1000);

  const server = await forms.open({ id: "7" });
  expect(server.get()).toEqual({ title: "", notes: "Oh. Dear all, hello", more: {}, length: 19 });
  expect(told).toEqual([]);
  ada.element.type(" bad");
  await world.advance(1000);
  expect([bob.app.field("notes").errors, bob.app.field("length").value]).toEqual([["not that word"], 23]);
  // The schema says at once what the server would say.
  ada.element.type(" and this is a very long text");
  expect(ada.app.field("notes").errors).toEqual(["too long"]);

  bob.app.field("more.hints").set("deep");
  await world.advance(1000);
  expect([ada.app.get()?.more, server.get().more]).toEqual([{ hints: "deep" }, { hints: "deep" }]);
  bob.app.field("more.hints").set(undefined);
  await world.advance(1000);
  expect([ada.app.get()?.more, server.get().more]).toEqual([{}, {}]);
  expect(() => bob.app.field("more").set({})).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(world.errors).toEqual([]);
});

test("TEXT2 clients do not write there, the application may, and what is written over it is put back", async () => {
  const { world, forms } = open();
  const ada = await come(world);
  const peer = await world.ours();
  const [tree] = await peer.subscribe({ topic: "report/7", kind: "shared", since: null, read: true });
  const { id } = tree as { id: number };
  const refused = await peer.hear(`[[:sync/write ${text([id, 1, [[0, 0, ["value", "notes"], "mine"]]])}]]`);
  expect(refused.filter((frame) => frame.includes("forbidden"))).toHaveLength(1);
  await peer.hear(`[[:sync/write ${text([id, 2, [[0, 0, ["value"], { title: "all of it", more: {} }]]])}]]`);
  await world.advance(1000);
  const server = await forms.open({ id: "7" });
  expect([server.get().title, server.get().notes]).toEqual(["all of it", "Dear all, "]);

  ada.element.type("hi");
  await world.settle();
  // The tree does not have it yet: nothing of it is lost.
  server.update((draft) => void ((draft as Report).notes += "!"));
  await world.settle();
  expect(shown(ada)).toEqual(["Dear all, hi!", "Dear all, hi!"]);
  server.set("notes", "Dear Ada, hi!");
  await world.advance(1000);
  expect([...shown(ada), server.get().notes]).toEqual(["Dear Ada, hi!", "Dear Ada, hi!", "Dear Ada, hi!"]);
});

test("TEXT1 and TEXT7 who may not write to the form is refused in its texts, as an error of the field, and who may not read gets none", async () => {
  const asked = new Set<string>();
  const { world } = open(
    {
      authorize({ user, action, kind, topic }) {
        asked.add(`${kind} ${topic}`);
        return user.id === "ada" || (user.id === "bob" && action === "read");
      },
    },
    { authenticate: ({ url }) => ({ id: url.searchParams.get("user") ?? "" }) },
  );
  const [ada, bob, eve] = [await come(world, "ada"), await come(world, "bob"), await come(world, "eve")];
  ada.element.type("hello");
  await world.advance(1000);
  bob.element.type("mine", 0);
  await world.advance(1000);
  expect(shown(ada, bob)).toEqual(Array(4).fill("Dear all, hello"));
  expect(bob.app.field("notes").errors).toEqual([expect.stringContaining("report/7/@text")]);
  expect([eve.app.field("notes").loading, eve.app.status.get()]).toEqual([true, "refused"]);
  expect(asked).toEqual(new Set(["shared report/7"]));
});

test("TEXT1 a field cannot be private or derived and merge, and says what it needs", () => {
  const sync = createServer();
  const onSubmit = (): string => "";
  const unsupported = expect.objectContaining({ code: "unsupported", message: expect.stringContaining("sente-sync/form/text") });
  const invalid = expect.objectContaining({ code: "invalid" });
  expect(() => form(sync, report, { onSubmit })).toThrow(unsupported);
  const { world } = open();
  expect(() => formOn(world.client(), seven)).toThrow(unsupported);
  const fields = { notes: { text: true } } as const;
  const hidden = defineForm("hidden", { schema, fields, private: ["notes"] });
  expect(() => form(sync, hidden, { texts: serverTexts, onSubmit })).toThrow(invalid);
  const derived = defineForm("derived", { schema, fields });
  expect(() => form(sync, derived, { texts: serverTexts, fields: { notes: { derive: () => "" } }, onSubmit })).toThrow(invalid);
  const plain = formOn(world.client(), defineForm("plain", { schema }));
  expect(plain.field("notes").merges).toBe(false);
  expect(() => plain.field("notes").bind(new Element())).toThrow(expect.objectContaining({ code: "unsupported" }));
});

test("TEXT4 until the text is here the field shows what the tree says, and nothing is typed there", async () => {
  const { world } = open();
  const client = formTexts(world.client({ autoConnect: false }));
  const app = formOn(client, seven);
  app.keep();
  const notes = app.field("notes");
  const element = new Element();
  notes.bind(element);
  expect([notes.loading, notes.merges, notes.value, element.value]).toEqual([true, true, "Dear all, ", "Dear all, "]);
  expect(() => notes.set("x")).toThrow(expect.objectContaining({ code: "loading" }));
  client.connect();
  await world.advance(1000);
  notes.set("Dear all, hi");
  expect([notes.loading, element.value, notes.dirty]).toEqual([false, "Dear all, hi", true]);
});

test("TEXT5 a text begins once, with what the form had there before it merged", async () => {
  const { world, forms } = open();
  const server = await forms.open({ id: "7" });
  expect(server.get().notes).toBe("Dear all, ");
  const [ada, bob] = [await come(world), await come(world)];
  expect(shown(ada, bob)).toEqual(Array(4).fill("Dear all, "));
  ada.element.type("x");
  await world.advance(1000);
  forms.delete({ id: "7" });
  await world.advance(1000);
  await forms.open({ id: "7" });
  const eve = await come(world);
  expect(shown(eve)).toEqual(["Dear all, ", "Dear all, "]);
});

test("TEXT6 a reset takes out what was typed, once, and what is typed elsewhere meanwhile stays", async () => {
  const { world, submitted } = open();
  const [ada, bob] = [await come(world), await come(world)];
  ada.element.type("hello");
  await world.advance(1000);
  const result = ada.app.submit();
  await world.advance(1000);
  expect([await result, submitted]).toEqual([
    { ok: true, answer: "1" },
    [{ title: "", notes: "Dear all, hello", more: {}, length: 15 }],
  ]);
  expect([ada.app.submitted, bob.app.submitted]).toEqual([true, true]);
  // Both at once: what it begins with stands there once.
  for (const { app } of [ada, bob]) app.reset();
  expect(shown(ada, bob)).toEqual(Array(4).fill("Dear all, "));
  await world.advance(1000);
  expect(shown(ada, bob)).toEqual(Array(4).fill("Dear all, "));
  expect([ada.app.submitted, ada.app.dirty, bob.app.dirty]).toEqual([false, false, false]);
  ada.element.type("again");
  await world.advance(1000);
  ada.app.reset();
  bob.element.type("But ", 0);
  await world.advance(1000);
  expect(shown(ada, bob)).toEqual(Array(4).fill("But Dear all, "));
});

test("TEXT7 what was typed into a text is stored before a submit asks, and its answer is of that", async () => {
  const { world, submitted } = open();
  const ada = await come(world);
  ada.element.type("now");
  const result = ada.app.submit();
  await world.advance(50);
  expect(await result).toEqual({ ok: true, answer: "1" });
  expect(submitted).toEqual([{ title: "", notes: "Dear all, now", more: {}, length: 10 }]);
});

test("TEXT8 the keys for undo take back what was typed here, and nothing of others", async () => {
  const { world } = open();
  const [ada, bob] = [await come(world), await come(world)];
  ada.element.type("one");
  await world.advance(1000);
  bob.element.type(" two");
  await world.advance(1000);
  expect(ada.element.press("z")).toBe(true);
  await world.advance(1000);
  expect(new Set(shown(ada, bob))).toEqual(new Set(["Dear all,  two"]));
  expect(ada.element.selectionStart).toBe(10);
  ada.element.press("Z", { metaKey: true, shiftKey: true });
  expect(ada.element.selectionStart).toBe(13);
  await world.advance(1000);
  expect(new Set(shown(ada, bob))).toEqual(new Set(["Dear all, one two"]));
  expect([
    ada.element.press("z", {}),
    ada.element.press("a"),
    ada.element.press("z", { ctrlKey: true, isComposing: true }),
  ]).toEqual([false, false, false]);
});

test("TEXT9 a text is cut where it is longer than 100,000 characters", async () => {
  const { world, forms } = open();
  const ada = await come(world);
  ada.element.type("x".repeat(100_000));
  await world.advance(1000);
  const server = await forms.open({ id: "7" });
  expect([server.get().notes?.length, ada.element.value.length]).toEqual([100_000, 100_000]);
});

test("TEXT3 and TEXT7 what is typed without a line merges when it is back, also after a reload and a server that died", async () => {
  const world = simulate({
    seed: 1,
    storage: true,
    outbox: true,
    install: (sync) => form(sync, report, { texts: serverTexts, onSubmit: ({ value }) => value.notes }),
    open(client) {
      const of = formOn(formTexts(client), seven);
      of.keep();
      return of;
    },
  });
  const [ada, bob] = [world.client({ user: { id: "ada" } }), world.client({ user: { id: "bob" } })];
  await world.settle();
  const notes = (person: typeof ada): string | undefined => person.app.field("notes").value;
  ada.app.field("notes").focus();
  ada.offline();
  ada.app.field("notes").set("Dear all, of Ada");
  bob.app.field("notes").set("Oh. Dear all, ");
  await world.advance(1000);
  expect([notes(ada), notes(bob)]).toEqual(["Dear all, of Ada", "Oh. Dear all, "]);
  // What she typed is in her outbox.
  ada.crash(500);
  world.server.crash("power", 500);
  await world.advance(2000);
  ada.online();
  await world.settle();
  await world.advance(1000);
  expect([notes(ada), notes(bob), ada.lives]).toEqual(["Oh. Dear all, of Ada", "Oh. Dear all, of Ada", 2]);
  expect(await world.until(bob.app.submit())).toEqual({ ok: true, answer: "Oh. Dear all, of Ada" });
  // Another server finds the text begun.
  world.server.crash("kill", 500);
  await world.settle();
  await world.advance(1000);
  expect([notes(ada), ada.app.submitted, bob.app.submitted]).toEqual(["Oh. Dear all, of Ada", true, true]);
});

async function history(seed: number): Promise<{ readonly submitted: number; readonly length: number }> {
  const values: string[] = [];
  const world = simulate({
    seed,
    storage: true,
    outbox: true,
    faults: "swarm",
    onError: () => {},
    install: (sync) =>
      form(sync, report, {
        texts: serverTexts,
        onSubmit({ value }) {
          values.push(value.notes);
          return value.notes;
        },
      }),
    open(client) {
      const of = formOn(formTexts(client), seven);
      of.keep();
      return of;
    },
  });
  const rng = createRng(`texts/${seed}`);
  const people = ["ada", "bob", "cy"].map((name) => world.client({ name, user: { id: name } }));
  for (let step = 0; step < 40; step++) {
    const person = rng.pick(people);
    const notes = person.isUp ? person.app.field("notes") : undefined;
    const edit = (): void => {
      const { value = "", loading } = notes ?? { loading: true };
      const at = rng.int(value.length + 1);
      const end = rng.chance(0.3) ? Math.min(value.length, at + 3) : at;
      if (!loading && value.length < 30) notes?.set(`${value.slice(0, at)}${person.name}${value.slice(end)}`);
    };
    rng.pick([
      edit,
      edit,
      edit,
      () => notes && void person.app.submit(),
      () => rng.chance(0.1) && notes && person.app.reset(),
      () => (rng.chance(0.2) ? person.crash(200) : rng.chance(0.5) ? person.offline() : person.online()),
      () => rng.chance(0.2) && world.server.crash("power", 300),
    ])();
    await world.advance(rng.int(400));
  }
  world.heal();
  for (const person of people) person.online();
  await world.settle("5m");
  const shown = people.map(({ app }) => app.get());
  expect(shown, `seed ${seed}`).toEqual([shown[0], shown[0], shown[0]]);
  // Whoever submits now submits what everybody sees.
  const [ada] = people as [(typeof people)[number]];
  const result = await world.until(ada.app.submit());
  expect(result).toEqual({ ok: true, answer: shown[0]?.notes });
  return { submitted: values.length, length: shown[0]?.notes?.length ?? 0 };
}

test("TEXT3 and TEXT2 whatever breaks, all see one text, and it is what is submitted", async () => {
  let found = { submitted: 0, length: 0 };
  for (let seed = 1; seed <= 8; seed++) {
    const { submitted, length } = await history(seed);
    found = { submitted: found.submitted + submitted, length: found.length + length };
  }
  expect(found.submitted).toBeGreaterThan(8);
  expect(found.length).toBeGreaterThan(100);
});
