/** A sign-up form in a world of virtual time, with a validator, a rule, a derived field and a counter. */
import { defineForm, type Schema, SyncError, type } from "sente-sync";
import { type ClientForm, form as formOn } from "sente-sync/form";
import { form, type ServerFormOptions } from "sente-sync/form/server";
import type { ServerOptions } from "sente-sync/server";
import { createWorld, type World } from "../server/world.ts";

export interface Signup {
  email: string;
  password: string;
  bio?: string;
  bioLeft?: number;
  edits?: number;
  address?: { street?: string; city?: string; country?: string };
}

/** What is there must fit; its output has the e-mail in lower case. */
export const schema: Schema<Signup, Signup & { checked: true }> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate(value) {
      const { email, password, bio = "" } = value as Partial<Signup>;
      const issues: { message: string; path: (string | { key: string })[] }[] = [];
      if (!email?.includes("@")) issues.push({ message: "not an address", path: ["email"] });
      if ((password ?? "").length < 4) issues.push({ message: "too short", path: [{ key: "password" }] });
      if (bio.length > 20) issues.push({ message: "too long", path: ["bio"] });
      return issues.length ? { issues } : { value: { ...(value as Signup), email: email?.toLowerCase() ?? "", checked: true } };
    },
  },
};

export const signup = defineForm("signup/:draft", {
  schema,
  initial: { email: "", bio: "" },
  private: ["password"],
  answer: type<{ account: number }>(),
});
export const seven = signup({ draft: "7" });

export type SignupForm = ClientForm<Signup, { account: number }>;
type Options = ServerFormOptions<Signup, Signup & { checked: true }, { account: number }, { draft: string }>;

export interface FormWorld {
  readonly world: World;
  /** What `onSubmit` was given. */
  readonly submitted: { readonly value: unknown; readonly user: string; readonly id: string }[];
  /** Validators at work: each ends when it is called. */
  readonly waiting: { readonly value: string; readonly signal: AbortSignal; done(message?: string): void }[];
  readonly forms: ReturnType<typeof form<Signup, Signup & { checked: true }, { account: number }, { draft: string }>>;
}

export function open(options: Partial<Options> = {}, server: ServerOptions = {}): FormWorld {
  const world = createWorld({
    authenticate: ({ url }) => {
      const id = url.searchParams.get("client-id") ?? "";
      return { id, name: `name of ${id.slice(0, 4)}` };
    },
    ...server,
  });
  const submitted: FormWorld["submitted"] = [];
  const waiting: FormWorld["waiting"] = [];
  const forms = form(world.sync, signup, {
    fields: {
      email: {
        validate: (value, { error, signal }) =>
          new Promise((resolve) => {
            const done = (message?: string): void => {
              if (message) error(message);
              resolve();
            };
            waiting.push({ value, signal, done });
            if (value.endsWith(".fast")) done(value.startsWith("taken") ? "taken" : undefined);
          }),
      },
      "address.city": {
        validate: (city, { error, value }) => {
          if (city === "Paris" && value.address?.country === "DE") error("not there");
        },
        dependsOn: ["address.country"],
      },
      bioLeft: { derive: ({ bio = "" }) => 20 - bio.length },
    },
    validate: ({ bio, address }, { error }) => {
      if (bio !== undefined && bio !== "" && bio === address?.city) error("bio", "is the city");
    },
    onChange: ({ value, set }) => void set("edits", (value.edits ?? 0) + 1),
    onSubmit: ({ value, user, id }) => {
      submitted.push({ value, user: user.id, id });
      if (value.bio === "refuse me") throw new SyncError("app/no", "No.");
      return { account: submitted.length };
    },
    ...options,
  });
  return { world, submitted, waiting, forms };
}

/** Two people in one form. */
export async function two({ world }: FormWorld) {
  const [a, b] = [world.client(), world.client()];
  const [ofA, ofB] = [formOn(a, seven), formOn(b, seven)];
  ofA.keep();
  ofB.keep();
  await world.advance(1000);
  return { a, b, ofA, ofB };
}
