/** Submitting a form: once, whatever breaks. Rules: docs/protocol/form.md. */
import { SyncError } from "sente-sync";
import { type ClientForm, form as formOn } from "sente-sync/form";
import { form } from "sente-sync/form/server";
import { simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import { text } from "../server/world.ts";
import { type FormWorld, open, type Signup, type SignupForm, seven, signup, two } from "./world.ts";

/** What the schema has nothing against. */
async function fill({ world }: FormWorld, of: SignupForm, bio = ""): Promise<void> {
  of.field("email").set("Ada@x.fast");
  of.field("password").set("secret");
  of.field("bio").set(bio);
  await world.advance(500);
}

async function answered<T>({ world }: FormWorld, asked: Promise<T>): Promise<T> {
  await world.advance(1000);
  return asked;
}

test("SUBMIT1 everything is stored and checked anew; onSubmit gets the schema's output, or nothing is run and the messages are told", async () => {
  const made = open({ validate: ({ bio }, { error }) => void (bio === "bad" && error("bio", "rule")) });
  const { world, submitted, forms } = made;
  const { a, ofA, ofB } = await two(made);
  await fill(made, ofA);
  // Not even written when the button is pressed.
  ofA.field("bio").focus();
  ofA.field("bio").set("hi");
  const result = answered(made, ofA.submit());
  expect([ofA.submitting, ofA.field("email").touched]).toEqual([true, true]);
  expect(await result).toEqual({ ok: true, answer: { account: 1 } });
  const value = { email: "ada@x.fast", password: "secret", bio: "hi", bioLeft: 18, edits: 3, checked: true };
  expect(submitted).toEqual([{ value, user: a.user.get()?.id, id: expect.any(String) }]);
  expect([ofA.submitted, ofB.submitted, ofB.answer, ofA.submitting, ofB.submitting]).toEqual([
    true,
    true,
    { account: 1 },
    false,
    false,
  ]);

  ofA.field("bio").set("bad");
  expect(await answered(made, ofA.submit())).toEqual({ ok: false, errors: { bio: ["rule"] } });
  expect([ofA.field("bio").errors, ofA.submitted, submitted.length]).toEqual([["rule"], false, 1]);
  ofA.field("bio").set("good");
  await world.advance(200);
  expect(ofA.field("bio").error).toBeUndefined();

  // Who does not ask the schema first is answered by the server's.
  const peer = await world.ours();
  const ask = { topic: "signup/7", what: "submit", id: "x", again: true, private: { password: "no", bio: "ignored" } };
  expect(await peer.ask("[:form/ask", `${text(ask)}]`)).toEqual({ status: "refused", errors: { password: ["too short"] } });
  const server = await forms.open({ draft: "7" });
  server.set("email", "taken@x.fast");
  await world.advance(500);
  // The verdict is awaited here, too: nothing is run on an old one.
  expect(await answered(made, ofA.submit())).toEqual({ ok: false, errors: { email: ["taken"] } });
  expect(submitted).toHaveLength(1);
});

test("SUBMIT1 and SUBMIT8 what the schema refuses here, and an undecided conflict, is not asked", async () => {
  const made = open();
  const { world, submitted } = made;
  const { ofA, ofB } = await two(made);
  expect(await ofA.submit()).toEqual({ ok: false, errors: { email: ["not an address"], password: ["too short"] } });
  expect(ofA.field("email").touched).toBe(true);
  await fill(made, ofA);
  ofA.field("bio").focus();
  ofA.field("bio").set("mine");
  await world.advance(200);
  ofB.field("bio").set("theirs");
  await world.advance(200);
  expect(await ofA.submit()).toMatchObject({ ok: false, errors: {}, error: { code: "conflict" } });
  ofA.field("bio").conflict?.takeTheirs();
  expect(await answered(made, ofA.submit())).toMatchObject({ ok: true });
  expect(submitted[0]?.value).toMatchObject({ bio: "theirs" });
});

test("SUBMIT2 a second click, and somebody else's, is the same submission", async () => {
  let go = (): void => {};
  const made = open({
    onSubmit: async ({ value }) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return { account: value.bio?.length ?? 0 };
    },
  });
  const { ofA, ofB } = await two(made);
  await fill(made, ofA, "once");
  ofB.field("password").set("secret");
  const clicks = [ofA.submit(), ofA.submit(), ofB.submit()];
  expect(clicks[0]).toBe(clicks[1]);
  await made.world.advance(500);
  expect([ofA.submitting, ofB.submitting]).toEqual([true, true]);
  go();
  expect(await answered(made, Promise.all(clicks))).toEqual(Array(3).fill({ ok: true, answer: { account: 4 } }));
});

test("SUBMIT2 who submits something else meanwhile is answered by what it is, after the first, once for each id", async () => {
  const ran: unknown[] = [];
  const ends: (() => void)[] = [];
  const made = open({
    onSubmit: async ({ value: { bio, password } }) => {
      ran.push([bio, password]);
      await new Promise<void>((resolve) => ends.push(resolve));
      return { account: ran.length };
    },
  });
  const { world } = made;
  const { ofA, ofB } = await two(made);
  const peer = await world.ours();
  let asked = 0;
  /** Asks; what it gives tells the answer so far. */
  const raw = (id: string, password: string, again = false): (() => unknown) => {
    const data = { topic: "signup/7", what: "submit", id, again, private: { password } };
    const callback = `raw${asked++}`;
    peer.transport.send({ data: `[[:form/ask ${text(data)}] "${callback}"]`, text: true });
    return () => peer.reply(callback);
  };
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await world.advance(500);
  };
  await fill(made, ofA, "from A");
  ofB.field("password").set("secret");
  const first = ofA.submit();
  await world.advance(300);
  ofB.field("bio").set("from B");
  await world.advance(300);
  const second = ofB.submit();
  await world.advance(300);
  // Another secret, asked for twice; then what the schema refuses; and somebody types on while they wait.
  const third = [raw("third", "other secret"), raw("third", "other secret")];
  const fourth = raw("fourth", "no");
  await world.advance(300);
  ofA.field("bio").set("later");
  await world.advance(300);
  expect(ran).toEqual([["from A", "secret"]]);
  await end();
  expect(await first).toEqual({ ok: true, answer: { account: 1 } });
  expect([ofA.submitting, ofB.submitting]).toEqual([true, true]);
  await end();
  expect(await second).toEqual({ ok: true, answer: { account: 2 } });
  await end();
  const accepted = { status: "accepted", answer: { account: 3 } };
  expect(third.map((answer) => answer())).toEqual([accepted, accepted]);
  expect(fourth()).toEqual({ status: "refused", errors: { password: ["too short"] } });
  expect(ran).toEqual([
    ["from A", "secret"],
    ["from B", "secret"],
    ["from B", "other secret"],
  ]);
  expect([ofA.submitting, ofA.submitted]).toEqual([false, false]);
  // Still the same answer under that id, whatever the form has now.
  const later = raw("third", "other secret");
  await world.advance(500);
  expect(later()).toEqual(accepted);
  expect(ran).toHaveLength(3);

  // One runs and 16 wait.
  const many = Array.from({ length: 18 }, (_, i) => raw(`m${i}`, `secret ${i}`));
  await world.advance(500);
  expect(many[17]?.()).toMatchObject([{ name: "sync/error" }, { code: "backpressure" }]);
  for (let i = 0; i < 17; i++) await end();
  expect(many.slice(0, 17).map((answer) => answer())).toEqual(
    Array.from({ length: 17 }, (_, i) => ({ status: "accepted", answer: { account: i + 4 } })),
  );
  // Under another id the same is not done again, and who had its answer is told again what it was.
  const twins = [raw("twin 1", "twin", true), raw("twin 2", "twin", true)];
  await world.advance(500);
  await end();
  const told = { status: "accepted", answer: { account: 21 } };
  expect(twins.map((answer) => answer())).toEqual([told, told]);
  ofA.field("bio").set("anything");
  await world.advance(500);
  const twin = raw("twin 2", "twin");
  await world.advance(500);
  expect(twin()).toEqual(told);
  expect(ran).toHaveLength(21);
});

test("CHECK7 a check that hangs ends a submit with timeout, a newer value with conflict; the next submit has its turn", async () => {
  const made = open({ checkTimeoutMs: 3000 });
  const { world, submitted, waiting } = made;
  const { ofA, ofB } = await two(made);
  await fill(made, ofA);
  ofA.field("email").set("ada@x.hangs");
  await world.advance(500);
  const slow = ofA.submit();
  await world.advance(2000);
  const { signal } = waiting.at(-1) ?? {};
  expect(signal?.aborted).toBe(false);
  await world.advance(2000);
  expect(await slow).toMatchObject({ ok: false, errors: {}, error: { code: "timeout" } });
  expect(signal?.aborted).toBe(true);
  expect(ofB.submitting).toBe(false);

  const old = ofA.submit();
  await world.advance(500);
  const asked = waiting.at(-1);
  // What no validator looks at may be typed on.
  ofB.field("bio").set("hi");
  await world.advance(500);
  expect(asked?.signal.aborted).toBe(false);
  ofB.field("email").set("bob@x.fast");
  ofB.field("password").set("secret");
  const next = answered(made, ofB.submit());
  expect(await next).toEqual({ ok: true, answer: { account: 1 } });
  expect(asked?.signal.aborted).toBe(true);
  expect(await old).toMatchObject({ ok: false, error: { code: "conflict" } });
  expect(submitted.map(({ value }) => (value as Signup).email)).toEqual(["bob@x.fast"]);
  // What it says when it is no longer asked is nothing.
  asked?.done("late");
  await world.advance(100);
  expect([ofA.field("email").error, world.errors]).toEqual([undefined, []]);
});

test("SUBMIT9 an onSubmit that hangs ends with timeout, and is not called again under its id; the next submission has its turn", async () => {
  const signals: AbortSignal[] = [];
  const ends: { give(): void; throw(error: Error): void }[] = [];
  const made = open({
    submitTimeoutMs: 3000,
    onSubmit: ({ value, signal }) => {
      signals.push(signal);
      if (value.bio === "fast") return { account: 9 };
      return new Promise((resolve, reject) => ends.push({ give: () => resolve({ account: 1 }), throw: reject }));
    },
  });
  const { world } = made;
  const { ofA, ofB } = await two(made);
  await fill(made, ofA);
  const peer = await world.ours();
  const ask = { topic: "signup/7", what: "submit", id: "hangs", again: true, private: { password: "secret" } };
  expect(await peer.ask("[:form/ask", `${text(ask)}]`)).toBeUndefined();
  await world.advance(500);
  ofB.field("bio").set("fast");
  ofB.field("password").set("secret");
  const next = ofB.submit();
  await world.advance(2000);
  expect([signals.length, signals[0]?.aborted]).toEqual([1, false]);
  await world.advance(1000);
  const timeout = { status: "failed", error: { code: "timeout" } };
  expect(await peer.ask("[:form/ask", `${text(ask)}]`)).toMatchObject(timeout);
  expect(await answered(made, next)).toEqual({ ok: true, answer: { account: 9 } });
  expect([signals.length, signals[0]?.aborted, ofB.answer]).toEqual([2, true, { account: 9 }]);
  // What it gives now is told to nobody, and what the next one throws is reported.
  ends[0]?.give();
  ofA.field("bio").set("slow");
  const second = ofA.submit();
  await world.advance(4000);
  expect(await second).toMatchObject({ ok: false, error: { code: "timeout" } });
  ends[1]?.throw(new Error("late"));
  await world.advance(500);
  expect([ofA.submitted, ofA.submitting]).toEqual([false, false]);
  expect(world.errors.map(({ error }) => (error as { code?: string }).code ?? (error as Error).message)).toEqual([
    "timeout",
    "timeout",
    "late",
  ]);
});

test("GRANT13 what is asked of a form is refused where revoke comes before authorize has answered, or before it is done", async () => {
  const answers: ((yes: boolean) => void)[] = [];
  let isSlow = false;
  const made = open({
    authorize: ({ action }) => (isSlow && action === "write" ? new Promise((done) => answers.push(done)) : true),
  });
  const { world, submitted, waiting } = made;
  const { ofA } = await two(made);
  await fill(made, ofA);
  ofA.field("email").set("ada@x.slow");
  await world.advance(500);
  waiting.at(-1)?.done();
  const peer = await world.ours();
  const user = peer.welcome?.user.id as string;
  let count = 0;
  const raw = (ask: object): (() => unknown) => {
    const callback = `raw${count++}`;
    peer.transport.send({ data: `[[:form/ask ${text({ topic: "signup/7", ...ask })}] "${callback}"]`, text: true });
    return () => peer.reply(callback);
  };
  const submit = { what: "submit", again: true, private: { password: "secret" } };
  isSlow = true;
  const asked = [raw({ ...submit, id: "one" }), raw({ what: "edit", field: "bio", lock: false })];
  await world.advance(100);
  world.sync.revoke({ user, topic: "signup/7" });
  for (const answer of answers) answer(true);
  await world.advance(100);
  const forbidden = [{ name: "sync/error" }, { code: "forbidden" }];
  expect(asked.map((answer) => answer())).toMatchObject([forbidden, forbidden]);
  // Its checks are under way.
  isSlow = false;
  const checked = raw({ ...submit, id: "two" });
  await world.advance(100);
  world.sync.revoke({ user });
  waiting.at(-1)?.done();
  await world.advance(100);
  expect(checked()).toMatchObject({ status: "failed", error: { code: "forbidden" } });
  expect(submitted).toEqual([]);
  // Who was not meant goes on, and so does who asks anew.
  const again = raw({ ...submit, id: "three" });
  await world.advance(100);
  world.sync.revoke({ user: "somebody else" });
  waiting.at(-1)?.done();
  await world.advance(100);
  expect(again()).toMatchObject({ status: "accepted" });
});

test("SUBMIT3 without an answer it is asked for again over the next line, and done once", async () => {
  const starts: string[] = [];
  let go = (): void => {};
  const made = open({
    onSubmit: async ({ id }) => {
      starts.push(id);
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      return { account: 7 };
    },
  });
  const { world } = made;
  const { a, ofA } = await two(made);
  await fill(made, ofA);
  const result = ofA.submit();
  await world.advance(100);
  expect(starts).toHaveLength(1);
  a.reconnect();
  await world.advance(3000);
  go();
  expect(await answered(made, result)).toEqual({ ok: true, answer: { account: 7 } });
  expect(starts).toHaveLength(1);

  // One that is asked for while the line is down waits for it; one that gets no answer in time says so, and goes on under its id.
  ofA.field("bio").set("x");
  const short = formOn(a, seven, { submitTimeoutMs: 5000 });
  a.disconnect();
  const late = short.submit();
  await world.advance(6000);
  expect(await late).toMatchObject({ ok: false, error: { code: "timeout" } });
  a.connect();
  const again = ofA.submit();
  await world.advance(3000);
  go();
  expect(await answered(made, again)).toMatchObject({ ok: true });
  expect(starts).toHaveLength(2);
});

test("SUBMIT6 a form is submitted while its values are those that were; a change ends that, and a reset, for everybody", async () => {
  const made = open({ onChange: () => {} });
  const { world, submitted } = made;
  const { ofA, ofB } = await two(made);
  await fill(made, ofA);
  await answered(made, ofA.submit());
  expect(await ofB.submit()).toEqual({ ok: true, answer: { account: 1 } });
  ofB.field("bio").set("changed");
  await world.advance(200);
  expect([ofA.submitted, ofB.submitted, ofA.answer]).toEqual([false, false, undefined]);
  ofB.field("bio").set("");
  await world.advance(200);
  expect(ofA.submitted).toBe(true);
  expect(submitted).toHaveLength(1);
  // A new password is another submission.
  ofA.field("password").set("secret 2");
  expect(ofA.submitted).toBe(false);
  expect(await answered(made, ofA.submit())).toEqual({ ok: true, answer: { account: 2 } });
  ofA.reset();
  await world.advance(200);
  expect([ofB.get(), ofB.submitted, ofA.field("email").touched]).toEqual([{ email: "", bio: "", bioLeft: 20 }, false, false]);
  expect(ofA.get()).toEqual(ofB.get());
  // The same once more is another one.
  await fill(made, ofA);
  expect(await answered(made, ofA.submit())).toEqual({ ok: true, answer: { account: 3 } });
  expect(world.errors).toEqual([]);
});

test("SUBMIT7 onSubmit refuses by field or by error, and what it throws otherwise is nobody's but the server's", async () => {
  let how = "";
  const made = open({
    onSubmit: ({ error }) => {
      if (how === "error") error("email", "not today");
      if (how === "code") throw new SyncError("app/no", "No.", { data: { until: 5 } });
      if (how === "throw") throw new Error("secret of the server");
      return how === "bad" ? ({ account: Symbol("no value") } as never) : { account: 1 };
    },
  });
  const { world } = made;
  const { ofA, ofB } = await two(made);
  await fill(made, ofA);
  const submit = (next: string) => {
    how = next;
    return answered(made, ofA.submit());
  };
  expect(await submit("error")).toEqual({ ok: false, errors: { email: ["not today"] } });
  expect([ofA.field("email").errors, ofB.field("email").errors, ofA.submitted]).toEqual([["not today"], [], false]);
  expect(await submit("code")).toMatchObject({ ok: false, errors: {}, error: { code: "app/no", data: { until: 5 } } });
  expect(await submit("throw")).toMatchObject({ ok: false, error: { code: "handler-failed", message: "The handler failed." } });
  expect(await submit("bad")).toEqual({ ok: true, answer: null });
  expect(world.errors).toHaveLength(2);
});

test("SUBMIT8 a form remembers 16 submissions", async () => {
  const made = open();
  const { world } = made;
  const { ofA } = await two(made);
  await fill(made, ofA);
  const peer = await world.ours();
  const ask = (id: string): Promise<unknown> => {
    const data = { topic: "signup/7", what: "submit", id, again: true, private: { password: "secret" } };
    return peer.ask("[:form/ask", `${text(data)}]`);
  };
  for (let i = 0; i < 20; i++) {
    await ask(`id${i}`);
    await world.advance(10);
  }
  expect(made.submitted).toHaveLength(20);
  expect(await ask("id5")).toEqual({ status: "accepted", answer: { account: 6 } });
  expect(made.submitted).toHaveLength(20);
  expect(await ask("id3")).toEqual({ status: "accepted", answer: { account: 21 } });
});

interface Life {
  readonly starts: string[];
  wait: boolean;
}

/** A server on a disk, and pages that keep what they wrote. */
function stored() {
  const world = simulate({
    seed: 1,
    storage: true,
    outbox: true,
    model: (): Life => ({ starts: [], wait: false }),
    onError: () => {},
    install: (sync, life) =>
      form(sync, signup, {
        fields: { email: { validate: (email, { error }) => void (email.startsWith("taken") && error("taken")) } },
        onSubmit: async ({ id }) => {
          life.starts.push(id);
          if (life.wait) await new Promise(() => {});
          return { account: life.starts.length };
        },
      }),
    open: (client) => {
      const of = formOn(client, seven) as ClientForm<Signup, { account: number }>;
      of.keep();
      return of;
    },
  });
  return world;
}

test("SUBMIT4 and FORM8 a server that dies answers as before when it is back, and knows what was typed", async () => {
  const world = stored();
  const ada = world.client({ user: { id: "ada" } });
  await world.settle();
  ada.app.field("email").set("ada@x");
  ada.app.field("password").set("secret");
  await world.settle();
  const result = ada.app.submit();
  await world.advance(2000);
  expect(await result).toEqual({ ok: true, answer: { account: 1 } });
  const [id] = world.model.starts;
  world.server.crash("power", 500);
  await world.settle();
  expect([ada.app.submitted, ada.app.answer, ada.app.field("email").value]).toEqual([true, { account: 1 }, "ada@x"]);
  const bob = world.client({ user: { id: "bob" } });
  await world.settle();
  expect(bob.app.submitted).toBe(true);
  // Asked for again under its id, as if the answer had been lost.
  const again = { topic: "signup/7", what: "submit", id, again: true, private: { password: "secret" } };
  expect(await world.until(ada.client.request("form/ask", again))).toEqual({ status: "accepted", answer: { account: 1 } });
  expect(world.model.starts).toHaveLength(1);
  // Verdicts are made anew.
  bob.app.field("email").set("taken@x");
  await world.settle();
  world.server.crash("kill", 500);
  await world.settle();
  await world.advance(1000);
  expect(ada.app.field("email").errors).toEqual(["taken"]);
});

test("SUBMIT5 one that the server's end cut off is not done again: its outcome is unknown", async () => {
  const world = stored();
  const ada = world.client({ user: { id: "ada" } });
  await world.settle();
  ada.app.field("email").set("ada@x");
  ada.app.field("password").set("secret");
  await world.settle();
  world.model.wait = true;
  const result = ada.app.submit();
  await world.advance(1000);
  expect(world.model.starts).toHaveLength(1);
  world.model.wait = false;
  world.server.crash("power", 500);
  expect(await world.until(result)).toMatchObject({ ok: false, error: { code: "closed" } });
  expect([world.model.starts.length, ada.app.submitted]).toEqual([1, false]);
  // Whoever wants it all the same presses the button again.
  expect(await world.until(ada.app.submit())).toEqual({ ok: true, answer: { account: 2 } });
});

test("FIELD9 what was typed is back after a reload, and nothing private is", async () => {
  const world = stored();
  const ada = world.client({ user: { id: "ada" } });
  const bob = world.client({ user: { id: "bob" } });
  await world.settle();
  ada.offline();
  const bio = ada.app.field("bio");
  bio.focus();
  for (const typed of ["w", "wr", "written offline"]) bio.set(typed);
  ada.app.field("password").set("top secret");
  await world.advance(1000);
  expect(bob.app.field("bio").value).toBe("");
  ada.crash(500);
  await world.advance(1000);
  ada.online();
  await world.settle();
  expect([ada.lives, ada.app.field("bio").value, ada.app.field("password").value]).toEqual([2, "written offline", undefined]);
  expect(bob.app.field("bio").value).toBe("written offline");
  expect(JSON.stringify((await world.stored("signup/7")).entries)).not.toContain("top secret");
});
