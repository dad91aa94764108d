/** What the form's server and its pages share: the fields, and what must hold. */
import { defineForm, type } from "sente-sync";
import type { FieldName } from "sente-sync/form";
import * as v from "valibot";

export interface Country {
  readonly name: string;
  readonly regions: readonly string[];
  /** What a postal code looks like there. */
  readonly code: RegExp;
}

export const countries: ReadonlyMap<string, Country> = new Map([
  ["AT", { name: "Austria", regions: ["Tyrol", "Upper Austria", "Vienna"], code: /^\d{4}$/ }],
  ["DE", { name: "Germany", regions: ["Bavaria", "Berlin", "Hamburg"], code: /^\d{5}$/ }],
  ["NL", { name: "Netherlands", regions: ["North Holland", "South Holland", "Utrecht"], code: /^\d{4} ?[A-Z]{2}$/ }],
]);
export const countryOf = (code: string | undefined): Country => countries.get(code ?? "") ?? (countries.get("DE") as Country);

export const maxBioLength = 160;

// #region contract
const text = (message: string) => v.pipe(v.string(), v.trim(), v.minLength(1, message), v.maxLength(80));
const day = v.pipe(v.string(), v.isoDate("Which day?"));

const schema = v.object({
  name: text("Who is coming?"),
  email: v.pipe(text("Where do we write to?"), v.email("That is no e-mail address.")),
  password: v.pipe(v.string(), v.minLength(8, "At least 8 characters.")),
  address: v.object({
    country: v.string(),
    region: text("Choose a region."),
    code: text("Which postal code?"),
    city: text("Which city?"),
  }),
  arrives: day,
  leaves: day,
  bio: v.optional(v.pipe(v.string(), v.maxLength(maxBioLength, "That is too long.")), ""),
  bioLeft: v.optional(v.number()), // the server counts
  notes: v.pipe(v.string(), v.maxLength(500, "That is too long.")),
});

export const signup = defineForm("signup", {
  schema,
  initial: {
    name: "",
    email: "",
    password: "",
    address: { country: "DE", region: "", code: "", city: "" },
    arrives: "",
    leaves: "",
    notes: "",
  },
  private: ["password"], // stays in its window until it is submitted
  fields: { notes: { text: true } }, // several may write in there at once
  answer: type<{ number: number }>(),
});
// #endregion

export type Name = FieldName<v.InferInput<typeof schema>>;
