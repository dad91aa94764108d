/**
 * Forms under faults: people type, lock, leave, decide and submit while lines break, pages vanish and the server dies.
 *
 * Always: whoever is left shows what the server has; no submission ran twice; what was answered as accepted was run with those values.
 * Rules: docs/protocol/form.md.
 */
import { type ClientForm, form as formOn } from "sente-sync/form";
import { form } from "sente-sync/form/server";
import { createRng, simulate } from "sente-sync/testing";
import { expect, test } from "vitest";
import { type Signup, seven, signup } from "./world.ts";

const names = ["email", "email", "bio", "address.city"] as const;
const words = ["ada@x", "ada@z", "bob@y", "", "Oslo"];

async function history(seed: number): Promise<{ readonly accepted: number; readonly conflicts: number }> {
  const runs = new Map<string, { readonly times: number; readonly value: Signup }>();
  let conflicts = 0;
  const world = simulate({
    seed,
    storage: true,
    outbox: true,
    faults: "swarm",
    onError: () => {},
    install: (sync) =>
      form(sync, signup, {
        fields: { email: { validate: (email, { error }) => void (email === "bob@y" && error("taken")) } },
        onSubmit: ({ id, value }) => {
          runs.set(id, { times: (runs.get(id)?.times ?? 0) + 1, value });
          return { account: runs.size };
        },
      }),
    open(client) {
      const of = formOn(client, seven) as ClientForm<Signup, { account: number }>;
      of.keep();
      return of;
    },
  });
  const rng = createRng(`form/${seed}`);
  const people = ["ada", "bob", "cy"].map((name) => world.client({ name, user: { id: name } }));
  const submits: Promise<{ readonly ok: boolean; readonly answer?: unknown }>[] = [];
  for (let step = 0; step < 60; step++) {
    const person = rng.pick(people);
    if (!person.isUp) continue;
    const field = person.app.field(rng.pick(names));
    const acts = [
      () => field.focus(),
      () => field.blur(),
      () => field.set(rng.pick(words)),
      () => field.set(rng.pick(words)),
      () => void field.lock(),
      () => field.conflict?.keepMine(),
      () => field.conflict?.takeTheirs(),
      () => void submits.push(person.app.submit()),
      () => {
        for (const name of person.app.conflicts) person.app.field(name as "bio").conflict?.takeTheirs();
        person.app.field("email").set("ada@x");
        person.app.field("password").set("secret");
        submits.push(person.app.submit());
      },
      () => (rng.chance(0.3) ? person.crash(200) : rng.chance(0.5) ? person.offline() : person.online()),
      () => rng.chance(0.2) && world.server.crash("power", 300),
      () => rng.chance(0.2) && person.app.reset(),
    ];
    rng.pick(acts)();
    conflicts += person.isUp ? person.app.conflicts.length : 0;
    await world.advance(rng.int(400));
  }
  world.heal();
  for (const person of people) person.online();
  for (const person of people) for (const name of names) person.app.field(name).blur();
  await world.settle("5m");
  for (const { app } of people) {
    for (const name of app.conflicts) app.field(name as "bio").conflict?.keepMine();
    for (const name of ["email", "bio"] as const) if (app.field(name).conflict) app.field(name).conflict?.takeTheirs();
  }
  await world.settle("5m");
  // Who vanished before he read the form is noticed after that.
  await world.advance("31s");
  const shared = people.map(({ app }) => ({ ...app.get(), password: undefined }));
  expect(shared, `seed ${seed}`).toEqual([shared[0], shared[0], shared[0]]);
  expect(people.map(({ app }) => app.editors)).toEqual([[], [], []]);
  expect([...runs.values()].filter(({ times }) => times > 1)).toEqual([]);
  await world.advance("2m");
  const done = await Promise.all(submits.map((each) => Promise.race([each, Promise.resolve({ ok: false })])));
  const accepted = done.filter(({ ok }) => ok).length;
  expect(accepted > 0 && runs.size === 0).toBe(false);
  const [last] = people.filter(({ app }) => app.submitted);
  if (last) expect([...runs.values()].some(({ value }) => value.bio === last.app.field("bio").value)).toBe(true);
  return { accepted, conflicts };
}

test("FORM1, FIELD5, EDIT2 and SUBMIT3 whatever breaks, all end equal, and nothing is submitted twice", async () => {
  let accepted = 0;
  let conflicts = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const found = await history(seed);
    accepted += found.accepted;
    conflicts += found.conflicts;
  }
  expect(accepted).toBeGreaterThan(5);
  expect(conflicts).toBeGreaterThan(5);
});
