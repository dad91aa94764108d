/** Types of forms: what must compile, and below `@ts-expect-error` what must not. */
import { defineForm, type Schema, type } from "sente-sync";
import { createClient } from "sente-sync/client";
import { type Draft, type FieldState, form, type SubmitResult } from "sente-sync/form";
import { form as serve } from "sente-sync/form/server";
import { formTexts } from "sente-sync/form/text";
import { formTexts as serverTexts } from "sente-sync/form/text/server";
import { useField, useForm } from "sente-sync/react/form";
import { createServer } from "sente-sync/server";
import * as svelte from "sente-sync/svelte/form";
import { expectType } from "./expect.ts";

interface Typed {
  email: string;
  age?: number;
  password: string;
  address: { street: string; city?: string };
  tags: string[];
}
interface Checked {
  email: string;
  age: number;
}
declare const schema: Schema<Typed, Checked>;

const signup = defineForm("signup/:draft", {
  schema,
  initial: { email: "", address: {} },
  private: ["password"],
  fields: { "address.city": { text: true } },
  answer: type<{ id: number }>(),
});
const plain = defineForm("plain", { schema: type<{ a: string }>() });
const one = signup({ draft: "1" });

export function definitions(): void {
  // @ts-expect-error no such field
  defineForm("x", { schema, private: ["nothing"] });
  // @ts-expect-error a draft of it
  defineForm("x", { schema, initial: { email: 5 } });
  // @ts-expect-error no text
  defineForm("x", { schema, fields: { age: { text: true } } });
  // @ts-expect-error no such field
  defineForm("x", { schema, fields: { nothing: { text: true } } });
  // @ts-expect-error it wants its params
  signup({});
}

export async function onClient(): Promise<void> {
  const client = formTexts(createClient("/chsk"));
  const f = form(client, one);
  expectType<Draft<Typed> | undefined>()(f.get());
  expectType<string | undefined>()(f.field("email").value);
  expectType<number | undefined>()(f.field("age").value);
  expectType<string | undefined>()(f.field("address.city").value);
  expectType<string | undefined>()(f.field(["address", "street"]).value);
  expectType<string[] | undefined>()(f.field("tags").value);
  f.field("age").set(undefined);
  f.field("email").listen((state: FieldState<string>) => state.conflict?.takeTheirs());
  expectType<SubmitResult<{ id: number }>>()(await f.submit());
  expectType<{ id: number } | undefined>()(f.answer);
  const result = await form(client, plain).submit();
  if (result.ok) expectType<unknown>()(result.answer);
  else expectType<readonly string[] | undefined>()(result.errors["a"]);
  // @ts-expect-error no such field
  f.field("nothing");
  // @ts-expect-error no such field in it
  f.field("address.zip");
  // @ts-expect-error it is a string
  f.field("email").set(5);
  // @ts-expect-error it is a string
  f.field(["address", "street"]).set(5);
  // @ts-expect-error a pattern is called first
  form(client, signup);
}

export function onServer(): void {
  const sync = createServer();
  const forms = serve(sync, signup, {
    texts: serverTexts,
    fields: {
      "email": {
        validate: async (email, { error, signal, value, user, params }) => {
          expectType<string>()(email);
          expectType<AbortSignal>()(signal);
          expectType<Draft<Typed>>()(value);
          expectType<string | undefined>()(user?.id);
          expectType<string>()(params.draft);
          error("no");
        },
      },
      "age": { derive: ({ email }) => email?.length },
      "address.city": { validate: (city) => void city.length, dependsOn: ["address.street"] },
    },
    validate: (value, { error }) => {
      expectType<Draft<Typed>>()(value);
      error("address.city", "no");
      // @ts-expect-error no such field
      error("nothing", "no");
    },
    onChange: ({ set, changes }) => {
      expectType<string | undefined>()(changes[0]?.field);
      set("age", 5);
      // @ts-expect-error it is a number
      set("age", "5");
    },
    onSubmit: ({ value, user, id, params }) => {
      expectType<Checked>()(value);
      expectType<string>()(user.id + id + params.draft);
      return { id: 1 };
    },
  });
  void forms.open({ draft: "1" }).then((open) => expectType<Draft<Typed>>()(open.get()));
  serve(sync, plain, { onSubmit: () => "whatever" }).set("a", "b");
  // @ts-expect-error the answer has an id
  serve(sync, signup, { onSubmit: () => ({ name: "x" }) });
  // @ts-expect-error it must be submitted somehow
  serve(sync, signup, {});
  // @ts-expect-error no such field
  serve(sync, signup, { fields: { nothing: {} }, onSubmit: () => ({ id: 1 }) });
}

export function useInComponents(): void {
  expectType<string | undefined>()(useField(one, "address.street").value);
  expectType<{ id: number } | undefined>()(useForm(one).answer);
  expectType<string | undefined>()(useForm(one).field("email").value);
  expectType<number | undefined>()(svelte.field(one, "age").current.value);
  expectType<{ id: number } | undefined>()(svelte.form(() => one).current.answer);
  // @ts-expect-error no such field
  useField(one, "nothing");
  // @ts-expect-error it is a number
  svelte.field(one, "age").set("5");
}
