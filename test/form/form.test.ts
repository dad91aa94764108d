/** A form between two clients and a server, in virtual time. Rules: docs/protocol/form.md. */
import { defineForm, type Schema } from "sente-sync";
import { form as formOn } from "sente-sync/form";
import { form } from "sente-sync/form/server";
import { createServer } from "sente-sync/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { createEditors } from "../../src/server/form-editors.ts";
import { text } from "../server/world.ts";
import { open, schema, seven, signup, two } from "./world.ts";

test("FORM1 and FIELD1 a keystroke is shown at once, written within 150 ms as one field, and seen by the other", async () => {
  const made = open();
  const { world } = made;
  const peer = await world.ours();
  await peer.subscribe({ topic: "signup/7", kind: "shared", since: null, read: true });
  const { ofA, ofB } = await two(made);
  const email = ofA.field("email");
  expect([email.name, email.value, ofB.field("email").value, ofA.get()]).toEqual([
    "email",
    "",
    "",
    { email: "", bio: "", bioLeft: 20 },
  ]);
  peer.take();
  email.focus();
  for (const typed of ["a", "ad", "ada"]) {
    email.set(typed);
    expect([email.value, ofA.get()?.email]).toEqual([typed, typed]);
    await world.advance(40);
  }
  expect(ofB.field("email").value).toBe("");
  await world.advance(100);
  expect([ofB.field("email").value, email.dirty, email.touched]).toEqual(["ada", true, false]);
  const writes = peer.take().filter((frame) => frame.includes('"ada"'));
  // One write of one register, whatever was typed, and no other field with it.
  expect(writes).toHaveLength(1);
  expect(writes[0]).not.toContain("bio");
  email.set("ada@");
  email.blur();
  await world.advance(10);
  expect([ofB.field("email").value, email.touched]).toEqual(["ada@", true]);
  email.set("ada@x");
  ofA.close();
  await world.advance(10);
  expect(ofB.field("email").value).toBe("ada@x");
  expect(world.errors).toEqual([]);
});

test("FIELD1 a page that is left, or no longer seen, writes at once", async () => {
  const [page, document] = [new EventTarget(), Object.assign(new EventTarget(), { visibilityState: "visible" })];
  vi.stubGlobal("document", document);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  onTestFinished(() => void vi.unstubAllGlobals());
  const made = open();
  const { world } = made;
  const { ofA, ofB } = await two(made);
  const bio = ofA.field("bio");
  bio.focus();
  bio.set("seen");
  document.dispatchEvent(new Event("visibilitychange"));
  await world.advance(20);
  expect(ofB.field("bio").value).toBe("");
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  await world.advance(20);
  expect(ofB.field("bio").value).toBe("seen");
  bio.set("left");
  page.dispatchEvent(new Event("pagehide"));
  await world.advance(20);
  expect(ofB.field("bio").value).toBe("left");
});

test("FORM3 what is private is nowhere but in the submit, and a server refuses it elsewhere", async () => {
  const made = open();
  const { world, submitted } = made;
  const { ofA, ofB } = await two(made);
  const peer = await world.ours();
  const [tree] = await peer.subscribe({ topic: "signup/7", kind: "shared", since: null, read: true });
  await peer.subscribe({ topic: "signup/7/@form", kind: "atom", since: null, read: true });
  const password = ofA.field("password");
  password.focus();
  password.set("top secret");
  password.blur();
  ofA.field("email").set("ada@x.fast");
  await world.advance(500);
  expect([password.value, password.errors, ofB.field("password").value]).toEqual(["top secret", [], undefined]);
  expect(ofB.field("password").errors).toEqual(["too short"]);
  const result = ofA.submit();
  await world.advance(500);
  expect(await result).toEqual({ ok: true, answer: { account: 1 } });
  expect(submitted[0]?.value).toMatchObject({ password: "top secret" });
  expect(peer.frames.join()).not.toContain("top secret");
  expect(peer.frames.join()).toContain("ada@x.fast");
  const id = (tree as { id: number }).id;
  const ops = [
    [0, 0, ["value", "password"], "x"],
    [0, 0, ["value"], { password: "x" }],
    [0, 0, ["value", "password", "deep"], 1],
  ];
  const refused = await peer.hear(`[[:sync/write ${text([id, 1, ops])}]]`);
  expect(refused.filter((frame) => frame.includes("forbidden"))).toHaveLength(ops.length);
  expect(() =>
    formOn(world.client(), defineForm("f", { schema, private: ["address.street"] }))
      .field("address")
      .set({}),
  ).toThrow(expect.objectContaining({ code: "invalid" }));
});

test("FORM4 and FORM5 clients write fields, not what the server derives, and nothing beside them", async () => {
  const made = open();
  const { world } = made;
  const { ofA, ofB } = await two(made);
  ofA.field("bio").set("hello");
  await world.advance(200);
  expect([ofA.field("bioLeft").value, ofB.field("bioLeft").value, ofA.field("bioLeft").derived]).toEqual([15, 15, true]);
  expect(() => ofA.field("bioLeft").set(3)).toThrow(expect.objectContaining({ code: "forbidden" }));
  const peer = await world.ours();
  const [tree] = await peer.subscribe({ topic: "signup/7", kind: "shared", since: null, read: true });
  const ops = [
    [0, 0, ["value", "bioLeft"], 3],
    [0, 0, "submitted", { id: "x", value: {} }],
    [0, 0, ["submissions", "x"], {}],
    [0, 0, "value", 5],
    [0, 0, [], {}],
    [0, 0, ["submitted"]],
    [0, 0, ["value", "bio"], "peer"],
  ];
  const said = await peer.hear(`[[:sync/write ${text([(tree as { id: number }).id, 1, ops])}]]`);
  expect(said.filter((frame) => frame.includes("forbidden"))).toHaveLength(5);
  await world.advance(10);
  expect([ofB.field("bio").value, ofB.field("bioLeft").value]).toEqual(["peer", 16]);
});

test("FORM6 onChange is told each write of a client, and its own are not told", async () => {
  const told: unknown[] = [];
  const made = open({
    onChange({ topic, params, value, changes, from, set }) {
      told.push([topic, params, changes, from.length]);
      set("edits", (value.edits ?? 0) + 1);
    },
  });
  const { world, forms } = made;
  const { ofA, ofB } = await two(made);
  ofA.field(["address", "street"]).set("1 Rue");
  ofB.field("address.city").set("Paris");
  await world.advance(200);
  expect(told).toEqual([
    ["signup/7", { draft: "7" }, [{ field: "address.street", value: "1 Rue" }], 8],
    ["signup/7", { draft: "7" }, [{ field: "address.city", value: "Paris" }], 8],
  ]);
  const server = await forms.open({ draft: "7" });
  server.set("bio", "server");
  server.update((draft) => void ((draft as { address: { country?: string } }).address.country = "FR"));
  await world.advance(10);
  expect(told).toHaveLength(2);
  expect(ofA.get()).toEqual({
    email: "",
    bio: "server",
    bioLeft: 14,
    edits: 2,
    address: { street: "1 Rue", city: "Paris", country: "FR" },
  });
  expect([server.get(), forms.list()]).toEqual([ofA.get(), ["signup/7"]]);
});

test("FORM7 what is asked needs the grant to write, and says what it is", async () => {
  const made = open({ authorize: ({ action, params }) => action === "read" || params["draft"] === "7" });
  const { world } = made;
  const peer = await world.ours();
  const ask = (data: unknown) => peer.ask("[:form/ask", `${text(data)}]`);
  const edit = { what: "edit", field: "email", lock: true };
  expect(await ask({ topic: "signup/7", ...edit })).toEqual({ locked: true });
  const codes: unknown[] = [];
  for (const data of [
    { topic: "signup/8", ...edit },
    { topic: "elsewhere", ...edit },
    { topic: "signup/7", what: "dance" },
    { topic: "signup/7", what: "edit", field: "" },
    5,
  ]) {
    const [, error] = (await ask(data)) as [unknown, { code: string }];
    codes.push(error.code);
  }
  expect(codes).toEqual(["forbidden", "not-declared", "invalid", "invalid", "invalid"]);
  const client = formOn(world.client(), signup({ draft: "8" }));
  client.keep();
  await world.advance(1000);
  client.field("bio").set("x");
  await world.advance(1000);
  expect([client.field("bio").value, client.field("bio").errors]).toEqual(["", [expect.stringContaining("ot allowed")]]);
});

test("CHECK1 the schema speaks at each keystroke; one that takes time, when the server has asked it", async () => {
  const made = open();
  const { ofA } = await two(made);
  expect(ofA.errors).toEqual({ email: ["not an address"], password: ["too short"] });
  ofA.field("email").set("a@b");
  expect([ofA.field("email").error, ofA.valid]).toEqual([undefined, false]);

  const slow: Schema<{ name: string }> = {
    "~standard": {
      version: 1,
      vendor: "slow",
      validate: async (value) =>
        (value as { name: string }).name === "bad" ? { issues: [{ message: "no", path: ["name"] }] } : { value: value as never },
    },
  };
  const slowForm = defineForm("slow", { schema: slow, initial: { name: "" } });
  const handle = form(made.world.sync, slowForm, { onSubmit: () => {} });
  const client = formOn(made.world.client(), slowForm);
  client.keep();
  await made.world.advance(1000);
  client.field("name").set("bad");
  expect(client.errors).toEqual({});
  await made.world.advance(1000);
  expect([client.errors, handle.get()]).toEqual([{ name: ["no"] }, { name: "bad" }]);
});

test("CHECK2, CHECK3 and CHECK4 a validator judges each new value once; everybody is told; an older verdict is nobody's", async () => {
  const made = open();
  const { world, waiting } = made;
  const { ofA, ofB } = await two(made);
  const [mine, theirs] = [ofA.field("email"), ofB.field("email")];
  expect([mine.validating, waiting]).toEqual([false, []]);
  mine.set("no address");
  await world.advance(200);
  // The schema has something against it already.
  expect([waiting.length, mine.validating]).toEqual([0, false]);
  mine.set("ada@x");
  expect(mine.validating).toBe(true);
  await world.advance(200);
  expect([waiting.length, theirs.validating, ofB.validating, ofB.valid]).toEqual([1, true, true, false]);
  mine.set("ada@xy");
  await world.advance(200);
  expect([waiting.length, waiting[0]?.signal.aborted, waiting[1]?.signal.aborted]).toEqual([2, true, false]);
  waiting[0]?.done("of long ago");
  waiting[1]?.done("taken");
  await world.advance(10);
  expect([mine.errors, theirs.errors, theirs.validating]).toEqual([["taken"], ["taken"], false]);
  // A newer value is not judged by the older one's verdict; the old value's needs no other run when it stands there again.
  mine.set("ada@xyz");
  expect([mine.errors, mine.validating]).toEqual([[], true]);
  ofA.field("bio").set("other field");
  await world.advance(200);
  waiting[2]?.done();
  await world.advance(10);
  expect([waiting.length, mine.errors, mine.validating, theirs.error]).toEqual([3, [], false, undefined]);
});

test("CHECK2 a validator runs again when what it depends on changes", async () => {
  const made = open();
  const { world } = made;
  const { ofA } = await two(made);
  ofA.field("address.city").set("Paris");
  await world.advance(200);
  expect(ofA.field("address.city").errors).toEqual([]);
  ofA.field("address.country").set("DE");
  expect(ofA.field("address.city").validating).toBe(true);
  await world.advance(200);
  expect([ofA.field("address.city").errors, ofA.field("address").errors]).toEqual([["not there"], ["not there"]]);
});

test("CHECK5 rules between fields are told to everybody", async () => {
  const made = open();
  const { ofA, ofB } = await two(made);
  ofA.field("bio").set("Rome");
  ofB.field("address.city").set("Rome");
  await made.world.advance(200);
  expect([ofA.field("bio").errors, ofB.field("bio").errors]).toEqual([["is the city"], ["is the city"]]);
  ofA.field("bio").set("Roma");
  await made.world.advance(200);
  expect(ofB.field("bio").errors).toEqual([]);
});

test("CHECK6 a validator that throws is reported, and says nothing", async () => {
  const made = open({
    fields: {
      email: {
        validate() {
          throw new Error("broken");
        },
      },
    },
  });
  const { world } = made;
  const { ofA } = await two(made);
  ofA.field("email").set("a@b");
  ofA.field("password").set("secret");
  await world.advance(200);
  expect([ofA.valid, world.errors.map(({ error }) => String(error))]).toEqual([true, ["Error: broken"]]);
  const result = ofA.submit();
  await world.advance(200);
  expect(await result).toMatchObject({ ok: false, errors: {}, error: { code: "handler-failed" } });
});

test("EDIT1 and EDIT2 everybody sees who edits what; who is gone edits nothing, and says so again when he is back", async () => {
  const made = open();
  const { world } = made;
  const { a, ofA, ofB } = await two(made);
  ofA.field("address.city").focus();
  await world.advance(10);
  const user = a.user.get()?.id as string;
  const editor = { id: expect.any(String), user, name: `name of ${user.slice(0, 4)}`, field: "address.city", locked: false };
  expect([ofB.field("address.city").editedBy, ofB.field("address").editedBy, ofB.field("email").editedBy]).toEqual([
    [editor],
    [editor],
    [],
  ]);
  expect([ofB.editors, ofA.editors]).toEqual([[editor], []]);
  a.disconnect();
  await world.advance(10);
  expect(ofB.editors).toEqual([]);
  a.connect();
  await world.advance(1000);
  expect(ofB.editors).toEqual([editor]);
  // One field after the other: never both.
  ofA.field("address.city").blur();
  ofA.field("email").focus();
  await world.advance(10);
  expect(ofB.editors.map(({ field }) => field)).toEqual(["email"]);
  ofA.field("email").blur();
  await world.advance(10);
  expect(ofB.editors).toEqual([]);
});

test("EDIT3 and EDIT4 the first has the lock, until it unlocks, leaves, or types nothing for lockMs", async () => {
  const made = open({ lockMs: 9000 });
  const { world } = made;
  const { a, ofA, ofB } = await two(made);
  const answered = async (asked: Promise<boolean>): Promise<boolean> => {
    await world.advance(10);
    return asked;
  };
  const [mine, theirs] = [ofA.field("address.city"), ofB.field("address")];
  mine.focus();
  expect(await answered(mine.lock())).toBe(true);
  expect([theirs.lockedBy?.user, ofA.field("address").lockedBy]).toEqual([a.user.get()?.id, undefined]);
  expect(await answered(theirs.lock())).toBe(false);
  // A wish, no more.
  ofB.field("address.city").set("Oslo");
  await world.advance(200);
  mine.unlock();
  await world.advance(10);
  expect([theirs.lockedBy, await answered(theirs.lock()), mine.lockedBy?.locked]).toEqual([undefined, true, true]);
  theirs.blur();
  await world.advance(10);
  expect(mine.lockedBy).toBeUndefined();
  const email = ofA.field("email");
  email.focus();
  expect(await answered(email.lock())).toBe(true);
  for (let i = 0; i < 4; i++) {
    await world.advance(5000);
    email.set(`typing ${i}`);
    expect(ofB.field("email").lockedBy).toBeDefined();
  }
  await world.advance(9500);
  expect([ofB.field("email").lockedBy, ofB.field("email").editedBy.length]).toEqual([undefined, 1]);
  expect(world.errors).toEqual([]);
});

test("EDIT5 more than 256 editors are refused, and those that are gone make room", async () => {
  const { world } = open();
  const editors = createEditors(world.env, 1000, () => {});
  const connections = Array.from({ length: 257 }, (_, i) => {
    const connection = { session: { replica: `r${i}` }, user: { id: `u${i}` }, closed: false };
    return Object.assign(connection, { current: connection });
  });
  const edit = (i: number): boolean => editors.edit(connections[i] as never, "email", false);
  for (let i = 0; i < 256; i++) edit(i);
  expect(() => edit(256)).toThrow(expect.objectContaining({ code: "limit" }));
  (connections[3] as { closed: boolean }).closed = true;
  expect(edit(256)).toBe(false);
  editors.close();
});

test("FIELD2, FIELD3 and FIELD4 another's value does not come into a field that has the focus: it is offered", async () => {
  const made = open();
  const { world } = made;
  const { ofA, ofB } = await two(made);
  const [mine, theirs] = [ofA.field("bio"), ofB.field("bio")];
  mine.focus();
  mine.set("mine");
  await world.advance(200);
  theirs.set("theirs");
  await world.advance(200);
  expect([mine.value, mine.conflict?.theirs, mine.conflict?.mine, ofA.conflicts]).toEqual(["mine", "theirs", "mine", ["bio"]]);
  mine.set("mine, more");
  await world.advance(500);
  expect([mine.value, theirs.value]).toEqual(["mine, more", "theirs"]);
  mine.conflict?.keepMine();
  await world.advance(500);
  expect([mine.value, theirs.value, mine.conflict]).toEqual(["mine, more", "mine, more", undefined]);
  theirs.set("again");
  await world.advance(200);
  mine.conflict?.takeTheirs();
  expect([mine.value, mine.conflict]).toEqual(["again", undefined]);
  mine.set("agains");
  await world.advance(200);
  expect(theirs.value).toBe("agains");
});

test("FIELD7 a write that is rejected is an error of its field, until the next keystroke", async () => {
  const made = open({ authorize: ({ action }) => action === "read" });
  const { world } = made;
  const { ofA } = await two(made);
  const bio = ofA.field("bio");
  bio.focus();
  bio.set("mine");
  await world.advance(500);
  expect([bio.value, bio.errors, bio.conflict]).toEqual(["mine", [expect.stringContaining("ot allowed")], undefined]);
  bio.set("mine, more");
  expect(bio.errors).toEqual([]);
});

test("FIELD8 a field tells its own changes, and the form tells what concerns it as a whole", async () => {
  const made = open();
  const { ofA, ofB } = await two(made);
  const told: string[] = [];
  ofA.field("bio").listen(({ value }) => void told.push(`bio ${value}`));
  ofA.field("email").listen(({ value, errors }) => void told.push(`email ${value} ${errors}`));
  ofA.state.listen(({ errors }) => void told.push(`form ${Object.keys(errors)}`));
  ofA.listen((value) => void told.push(`value ${value?.bio}`));
  ofA.field("bio").set("x");
  expect(told.splice(0).sort()).toEqual(["bio x", "form email,password", "value x"]);
  ofA.field("bio").set("xy");
  expect(told.splice(0).sort()).toEqual(["bio xy", "value xy"]);
  ofB.field("email").set("b@x.fast");
  await made.world.advance(500);
  expect(told.filter((line) => line.startsWith("bio"))).toEqual([]);
  expect(told.filter((line) => line.startsWith("email")).at(-1)).toBe("email b@x.fast ");
  // What an unsubscribed listener hears: nothing.
  const stop = ofA.field("bio").listen(() => void told.push("stopped"));
  stop();
  ofA.field("bio").set("z");
  expect(told).not.toContain("stopped");
});

test("fields that cannot be are refused when they are declared", () => {
  const sync = createServer();
  const declare = (fields: object) => (): unknown => form(sync, signup, { fields, onSubmit: () => ({ account: 1 }) });
  expect(declare({ bio: { text: true } })).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(declare({ bio: { private: true } })).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(declare({ password: { derive: () => "x" } })).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(declare({ "": {} })).toThrow(expect.objectContaining({ code: "invalid" }));
});

test("a form that nobody opened is what its definition says, and one that is deleted ends", async () => {
  const made = open();
  const { world, forms } = made;
  const lonely = formOn(world.client({ autoConnect: false }), seven);
  expect([lonely.get(), lonely.field("email").value, lonely.field("email").dirty]).toEqual([undefined, "", false]);
  const { ofA } = await two(made);
  expect(await ofA.ready).toEqual({ email: "", bio: "", bioLeft: 20 });
  forms.delete({ draft: "7" });
  await world.advance(10);
  expect([ofA.status.get(), ofA.error?.code]).toEqual(["deleted", "deleted"]);
});
