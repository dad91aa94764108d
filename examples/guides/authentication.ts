/** A client that shows a token that lives for a second: it is renewed, refused once nobody is signed in, and let in again. Prints the states in order. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { createClient } from "sente-sync/client";
import { renewing } from "sente-sync/client/auth";
import { createServer } from "sente-sync/server";

/** A stand-in for the application's own endpoint, which signs tokens for who has its cookie. */
let signedIn: string | null = "ada";
let issued = 0;
const sign = (said: string): string => createHmac("sha256", "a secret").update(said).digest("base64url");
const endpoint = async (): Promise<string | null> => {
  if (signedIn === null) return null;
  const said = `${signedIn}~${Date.now() / 1000 + 1}~${issued++}`;
  return `${said}~${sign(said)}`;
};
const verify = (token = ""): { readonly sub: string; readonly exp: number } | null => {
  const [sub = "", exp = "", nth = "", mac = ""] = token.split("~");
  const [shown, own] = [Buffer.from(mac), Buffer.from(sign(`${sub}~${exp}~${nth}`))];
  return shown.length === own.length && timingSafeEqual(shown, own) ? { sub, exp: Number(exp) } : null;
};

// #region server
const sync = createServer({
  authenticate({ token }) {
    const claims = verify(token); // of a JWT or of your own making; null for none, or a bad one
    return claims && { user: { id: claims.sub }, expiresAtMs: claims.exp * 1000 };
  },
});
// #endregion
const port = await sync.listen(0);
const url = `ws://localhost:${port}/chsk`;

// #region client
const fetchToken = async (): Promise<string | null> => await endpoint(); // null: nobody is signed in
const client = createClient(url, { auth: renewing(fetchToken) });
// #endregion

const states: string[] = [];
client.status.subscribe(({ name }) => void (states.at(-1) === name || states.push(name)));
// #region status
client.status.subscribe(({ name, error }) => {
  if (name === "needs-auth") console.log("Please sign in:", error?.message);
});
// #endregion
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
};

await until(() => issued > 1); // it was renewed, and nobody noticed
const renewed = [...states];

signedIn = null;
await until(() => client.status.get().name === "needs-auth");

signedIn = "bob";
// #region again
await client.reauthenticate(); // after signing in: resolves once the server has taken the new token
console.log(client.user.get()); // of whom it is
// #endregion

export const seen = { renewed, states: [...states], user: client.user.get() };
console.log(seen);
client.close();
await sync.close();
