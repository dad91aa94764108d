/**
 * Histories of expiring credentials, each drawn from a seed: tokens of two people that live from half a second to twenty, an `auth` that fails,
 * lies or takes its time, a server that takes its time to believe it, lines that are cut and refused; then all of it stops.
 */
import { defineAtom, defineChannel, SyncError, type } from "sente-sync";
import { atom, type Client, channel } from "sente-sync/client";
import { renewing } from "sente-sync/client/auth";
import { atom as serveAtom, channel as serveChannel } from "sente-sync/server";
import { createRng } from "sente-sync/testing";
import { expect, test } from "vitest";
import { coreOf } from "../../src/client/client.ts";
import { createWorld } from "../server/world.ts";
import { createLies } from "./lying-connector.ts";

const own = defineAtom("own/:of", { initial: 0 });
const talk = defineChannel("talk", { events: { said: type<{ by: string; n: number }>() } });
const people = ["ada", "bob"];

interface Told {
  readonly renewals: number;
  readonly refusals: number;
  readonly turns: number;
  readonly stored: number;
}

async function history(seed: number): Promise<Told> {
  const rng = createRng(seed);
  const chance = rng.chance;
  const told = { renewals: 0, refusals: 0, turns: 0, stored: 0 };
  let isCalm = false;
  let lives = 0;
  const world = createWorld(
    {
      renewalGraceMs: 500 + rng.int(4000),
      async authenticate({ token = "" }) {
        if (!isCalm && chance(0.3)) await new Promise<void>((resolve) => void world.env.setTimer(resolve, rng.int(3000)));
        const [id, untilMs] = token.split("~");
        if (!id || !people.includes(id)) return null;
        if (!isCalm && chance(0.05)) throw new SyncError("forbidden", "Not now");
        return { user: { id }, expiresAtMs: Number(untilMs) };
      },
    },
    seed,
  );
  const { env, sync } = world;
  const values = serveAtom(sync, own, { authorize: ({ user, params }) => user.id === params["of"] });
  const writerOf = new Map<string, string>();
  const stored: { by: string; n: number; from: string | null }[] = [];
  serveChannel(sync, talk).subscribe(({ data, from }) => void stored.push({ ...data, from }));

  /** Noted, and judged later: what a listener throws is but reported. */
  const leaks: string[] = [];
  const signedIn: string[] = [];
  let asked = 0;
  const join = (index: number) => {
    const lies = createLies(world.connector);
    signedIn[index] = rng.pick(people);
    const getToken = async (): Promise<string | null> => {
      asked++;
      if (!isCalm && chance(0.2)) await new Promise<void>((resolve) => void env.setTimer(resolve, rng.int(30_000)));
      if (!isCalm && chance(0.1)) throw new Error("no network");
      if (!isCalm && chance(0.1)) return "a lie";
      if (!isCalm && chance(0.02)) return null;
      return `${signedIn[index]}~${Math.floor(env.nowMs() + (isCalm ? 3_600_000 : 500 + rng.int(20_000)))}~${lives++}`;
    };
    const client: Client = world.client({ auth: renewing(getToken), connector: lies.connector });
    client.user.listen((user) => {
      const { replica } = (coreOf(client).facts.welcome ?? {}) as { readonly replica?: string };
      if (replica !== undefined && user) writerOf.set(replica, user.id);
      for (const [at, shown] of seen.entries())
        if (people[at] !== user?.id && shown.get() !== undefined) leaks.push(`${user?.id} has what is ${people[at]}'s`);
    });
    const seen = people.map((id) => {
      const shown = atom(client, own({ of: id }));
      shown.subscribe((value) => {
        const { id: reader } = client.user.get() ?? {};
        if (value !== undefined && reader !== id) leaks.push(`${reader} is told what is ${id}'s`);
      });
      return shown;
    });
    client.status.listen(({ name }) => void (name === "needs-auth" && told.refusals++));
    return { client, lies, seen };
  };
  const visitors = [join(0), join(1)];
  const writes: { by: string; n: number; state: "open" | "stored" | "lost" }[] = [];

  const publish = (client: Client): void => {
    const by = client.user.get()?.id;
    if (by === undefined) return;
    const write: (typeof writes)[number] = { by, n: writes.length, state: "open" };
    writes.push(write);
    channel(client, talk)
      .publish("said", { by, n: write.n })
      .stored.then(
        () => void (write.state = "stored"),
        () => void (write.state = "lost"),
      );
  };

  for (let step = 0; step < 80; step++) {
    const index = rng.int(visitors.length);
    const { client, lies } = visitors[index] as (typeof visitors)[number];
    const dice = rng.next();
    if (dice < 0.4) publish(client);
    else if (dice < 0.55) lies.cut();
    else if (dice < 0.65) lies.refuse = !lies.refuse;
    else if (dice < 0.75) {
      signedIn[index] = rng.pick(people);
      client.reauthenticate().catch(() => {});
      told.turns++;
    } else if (dice < 0.85) (await values.open({ of: rng.pick(people) })).update((n) => n + 1);
    else client.connect();
    await world.advance(rng.int(2500));
  }
  isCalm = true;
  for (const { lies } of visitors) lies.refuse = false;
  await world.advance(40_000);
  const late = visitors.map(({ client }) => client.reauthenticate());
  await world.advance(60_000);
  await Promise.all(late);
  await world.advance(60_000);

  for (const [index, { client, seen }] of visitors.entries()) {
    expect([seed, client.status.get().name, client.user.get()?.id]).toEqual([seed, "connected", signedIn[index]]);
    for (const [at, shown] of seen.entries()) {
      const isMine = people[at] === signedIn[index];
      expect([seed, shown.get()]).toEqual([seed, isMine ? (await values.open({ of: people[at] as string })).get() : undefined]);
    }
  }
  expect([seed, leaks]).toEqual([seed, []]);
  for (const { by, n, state } of writes) {
    const kept = stored.filter((each) => each.n === n);
    expect([seed, n, state]).not.toEqual([seed, n, "open"]);
    if (state === "stored") expect([seed, n, kept.length]).toEqual([seed, n, 1]);
    expect(kept.length).toBeLessThan(2);
    for (const { from } of kept) expect([seed, n, writerOf.get(from ?? "")]).toEqual([seed, n, by]);
  }
  const opened = visitors.reduce((sum, { lies }) => sum + lies.urls.length, 0);
  const renewals = visitors.reduce((sum, { lies }) => sum + lies.said.filter((frame) => frame.includes(":sync/auth")).length, 0);
  const seconds = (env.nowMs() - startedMs(world)) / 1000;
  expect(asked).toBeLessThan(2 * seconds);
  expect(opened).toBeLessThan(2 * seconds);
  return { ...told, renewals, stored: stored.length };
}

/** Of the virtual clock. */
function startedMs({ env }: { readonly env: { nowMs(): number; monotonicMs(): number } }): number {
  return env.nowMs() - env.monotonicMs();
}

test("AUTH18 whatever is cut, refused and expires: who may comes back, writes are stored once and as their writer, nobody reads what is another's", async () => {
  const sum = { renewals: 0, refusals: 0, turns: 0, stored: 0 };
  for (let seed = 1; seed <= 25; seed++) {
    const told = await history(seed);
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += told[key];
  }
  // What it is about did happen.
  expect(sum.renewals).toBeGreaterThan(100);
  expect(sum.refusals).toBeGreaterThan(20);
  expect(sum.turns).toBeGreaterThan(100);
  expect(sum.stored).toBeGreaterThan(200);
});
