/** The form's server: it checks what is typed while it is typed, counts, fills in, and takes the form once. */
import { setTimeout as sleep } from "node:timers/promises";
import { form } from "sente-sync/form/server";
import { formTexts } from "sente-sync/form/text/server";
import { createServer } from "sente-sync/server";
import { folder } from "sente-sync/storage/folder";
import { readName } from "../shared/names.ts";
import { folderOfProcess, type Running } from "../shared/running.ts";
import { countryOf, maxBioLength, signup } from "./contract.ts";

/** Who signed up, by e-mail address. */
const guests = new Map([["ada@example.org", 1]]);
const cities = new Map([
  ["1010", "Vienna"],
  ["6020", "Innsbruck"],
  ["10115", "Berlin"],
  ["20095", "Hamburg"],
  ["80331", "Munich"],
  ["1012 AB", "Amsterdam"],
  ["3511 AA", "Utrecht"],
]);

/** As slow as a database somewhere else. */
async function isTaken(email: string, signal: AbortSignal): Promise<boolean> {
  await sleep(300, undefined, { signal }).catch(() => {});
  return guests.has(email.trim().toLowerCase());
}

export function start(path = folderOfProcess("form")): Running {
  const sync = createServer({
    storage: folder(path), // what is typed outlives its server
    authenticate({ url }) {
      const id = readName(url.searchParams.get("name"));
      return id === null ? null : { id };
    },
  });
  // #region serve
  form(sync, signup, {
    texts: formTexts, // for `notes`
    fields: {
      email: {
        async validate(email, { error, signal }) {
          if (await isTaken(email, signal)) error("Somebody has signed up with that address.");
        },
      },
      bioLeft: { derive: ({ bio = "" }) => maxBioLength - bio.length },
    },
    // Between fields.
    validate({ arrives, leaves, address }, { error }) {
      const { name, regions, code } = countryOf(address?.country);
      if (arrives && leaves && leaves < arrives) error("leaves", "That is before the arrival.");
      if (address?.code && !code.test(address.code)) error("address.code", `${name} has other postal codes.`);
      if (address?.region && !regions.includes(address.region)) error("address.region", `Not in ${name}.`);
    },
    // A postal code that we know fills in the city.
    onChange({ changes, set }) {
      const code = changes.find(({ field }) => field === "address.code")?.value;
      const city = typeof code === "string" && cities.get(code);
      if (city) set("address.city", city);
    },
    // Once, whatever breaks on the way, and with everything checked a moment before.
    onSubmit({ value }) {
      const number = guests.size + 1;
      guests.set(value.email.toLowerCase(), number);
      return { number };
    },
  });
  // #endregion
  return { sync, close: () => sync.close() };
}
