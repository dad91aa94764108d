/** The form as a React page. What a row looks like is in parts.tsx. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "sente-sync/client";
import { indexedDb } from "sente-sync/client/indexed-db";
import { formTexts } from "sente-sync/form/text";
import { SyncProvider } from "sente-sync/react";
import { useField, useForm } from "sente-sync/react/form";
import { nameOfWindow } from "../shared/names.ts";
import { Line, Me, Saved } from "../shared/parts.tsx";
import { countries, countryOf, signup } from "./contract.ts";
import { Row } from "./parts.tsx";

const me = nameOfWindow();

// #region page
function Regions() {
  const country = useField(signup, "address.country").value;
  return (
    <Row
      name="address.region"
      label="Region"
      control={({ value = "", readOnly: _, ...props }) => (
        <select {...props} value={value}>
          <option value="">Choose…</option>
          {countryOf(country).regions.map((region) => (
            <option key={region}>{region}</option>
          ))}
        </select>
      )}
    />
  );
}

function Left() {
  const left = useField(signup, "bioLeft").value;
  return <>{left === undefined ? "" : `${left} characters left: the server counts`}</>;
}

function SignUp() {
  const { formProps, submitting, submitted, answer, errors, reset } = useForm(signup);
  return (
    <form className="form card" {...formProps}>
      <Row name="name" label="Name" />
      <Row name="email" label="E-mail" type="email" hint="ada@example.org is taken" />
      <Row name="password" label="Password" type="password" hint="Nobody else sees it, and it is never stored" />
      <Row
        name="address.country"
        label="Country"
        control={({ value = "", readOnly: _, ...props }) => (
          <select {...props} value={value}>
            {[...countries].map(([code, { name }]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        )}
      />
      <Regions />
      <Row name="address.code" label="Postal code" hint="10115 fills in the city, for everybody" />
      <Row name="address.city" label="City" />
      <Row name="arrives" label="Arrives" type="date" />
      <Row name="leaves" label="Leaves" type="date" />
      <Row
        name="bio"
        label="About you"
        hint={<Left />}
        control={({ value = "", ...props }) => <textarea {...props} value={value} rows={3} />}
      />
      <Row
        name="notes"
        label="Who brings what"
        hint="Write here at the same time as somebody else"
        control={(props) => <textarea {...props} rows={3} />}
      />
      <p className="foot">
        <button type="submit" className="main" disabled={submitting}>
          {submitting ? "Signing up…" : "Sign up"}
        </button>
        <button type="button" onClick={reset}>
          Empty the form
        </button>
        <span id="outcome" role="status">
          {submitted ? `You are number ${answer?.number}.` : errors[""]?.[0]}
        </span>
      </p>
    </form>
  );
}
// #endregion

// #region client
// #region create
function create() {
  // What is typed and not stored yet outlives this page.
  return formTexts(createClient(`/form/chsk?name=${encodeURIComponent(me)}`, { storage: indexedDb({ user: me }) }));
}
// #endregion

createRoot(document.getElementById("page") as HTMLElement).render(
  <StrictMode>
    <SyncProvider create={create}>
      <Line />
      <div className="row">
        <Me name={me} />
        <Saved />
      </div>
      <SignUp />
    </SyncProvider>
  </StrictMode>,
);
// #endregion
