/** `npm start`: the gallery at http://localhost:8787, or the next port that is free. PORT and HOST say otherwise. */
import { serveGallery } from "./serve.ts";

const { PORT = "8787", HOST = "localhost" } = process.env;
const gallery = await serveGallery({ port: Number(PORT), moreTries: 20, host: HOST });

console.log(`
  The gallery is open:  ${gallery.url}

  Open it in two windows, side by side. Ctrl+C closes it.
`);

process.once("SIGINT", () => void gallery.close().then(() => process.exit(0)));
process.once("SIGTERM", () => void gallery.close().then(() => process.exit(0)));
