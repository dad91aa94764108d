/**
 * Bundles the gallery's pages, once per state of the files: the second start finds what the first one made.
 *
 * Always: a folder in .cache/gallery is whole or not there, also when two processes build at once.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { Plugin } from "vite";
import { guides } from "./guides.ts";
import { examplePage, galleryPage, guidePage, guideText } from "./layout.ts";
import { render } from "./markdown.ts";
import { examples } from "./pages.ts";

const root = new URL("../../", import.meta.url).pathname;
const cache = `${root}.cache/gallery`;
/** What the bundles are made of. */
const sources = ["examples", "src", "adapters", "docs/guides", "package-lock.json"];
const maxKept = 3;

const frame = "<!-- page -->";
/** What a page has in its HTML, up to where it ends. */
const framed = /<!-- page -->(?:([\s\S]*)<!-- end of page -->)?/;
const favicon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%233457d5' stroke-width='3' stroke-linecap='round'%3E%3Cpath d='M4 8c4-6 12-6 16 0M4 16c4 6 12 6 16 0'/%3E%3C/svg%3E";

const pages = new Map<string, (content?: string) => string>([
  ["gallery/index.html", galleryPage],
  ["gallery/guide.html", () => guidePage(frame)],
  ...examples.flatMap((example) =>
    example.pages.map((page) => [page.html, (content?: string) => examplePage(example, page, content)] as const),
  ),
]);

/** Puts around each page what all pages have. */
const layout: Plugin = {
  name: "gallery-layout",
  transformIndexHtml: {
    order: "pre",
    handler(html, { path }) {
      const page = pages.get(path.replace(/^\//, ""));
      const icon = { tag: "link", attrs: { rel: "icon", href: favicon }, injectTo: "head" as const };
      return { html: html.replace(framed, (_, content?: string) => page?.(content) ?? ""), tags: [icon] };
    },
  },
};

/** Taken when this code is loaded: what is edited later is not in the pages that it makes. */
const fingerprint = hashSources();

/** The folder with everything that is served. */
export async function buildGallery(): Promise<string> {
  const folder = `${cache}/${fingerprint}`;
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const scratch = mkdtempSync(`${cache}/.scratch-`);
  // Loaded where there is something to build: they take longer than everything else at a start.
  const [{ build }, { svelte }] = await Promise.all([import("vite"), import("@sveltejs/vite-plugin-svelte")]);
  const { NODE_ENV } = process.env;
  // Who visits gets what a product would ship, also from a gallery that a test opened.
  process.env.NODE_ENV = "production";
  try {
    await build({
      configFile: false,
      root: `${root}examples`,
      logLevel: "warn",
      plugins: [svelte({ configFile: false }), layout],
      resolve: { conditions: ["source", "module", "browser", "development|production"] },
      build: {
        outDir: scratch,
        emptyOutDir: true,
        target: "es2022",
        assetsInlineLimit: 0,
        reportCompressedSize: false,
        // CodeMirror with all that may stand in Markdown.
        chunkSizeWarningLimit: 1000,
        rolldownOptions: {
          input: [...pages.keys()].map((page) => `${root}examples/${page}`),
          // React's "use client" means something to servers of components; here is none.
          onLog: (level, log, tell) => void (log.code !== "MODULE_LEVEL_DIRECTIVE" && tell(level, log)),
          checks: { bundlerTimings: false },
        },
      },
    });
    writeGuides(scratch);
    // Another process may have been first; then its folder is as good.
    if (!existsSync(folder)) renameSync(scratch, folder);
  } finally {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = NODE_ENV;
    rmSync(scratch, { recursive: true, force: true });
  }
  forgetOld();
  return folder;
}

function writeGuides(folder: string): void {
  const template = readFileSync(`${folder}/gallery/guide.html`, "utf8");
  const names = new Set(guides.map(({ name }) => `${name}.md`));
  // What is no guide stands in the repository, which this server does not serve.
  const link = (target: string): string | undefined => {
    const [file = "", anchor] = target.split("#");
    if (target.startsWith("https:") || file === "") return target;
    return names.has(file) ? `/guides/${file.slice(0, -3)}${anchor ? `#${anchor}` : ""}` : undefined;
  };
  for (const guide of guides) {
    const { name, title, markdown } = guide;
    const html = template
      .replace(frame, () => guideText(guide, render(markdown, link)))
      .replace(/<title>.*?<\/title>/, () => `<title>${title} · sente-sync</title>`);
    writeFileSync(`${folder}/gallery/${name}.html`, html);
  }
}

function forgetOld(): void {
  const made = readdirSync(cache)
    .filter((name) => !name.startsWith("."))
    .map((name) => ({ name, atMs: statSync(`${cache}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((one, other) => other.atMs - one.atMs);
  for (const { name } of made.slice(maxKept)) rmSync(`${cache}/${name}`, { recursive: true, force: true });
}

/** Changes whenever a source file does. */
function hashSources(): string {
  const hash = createHash("sha256").update(process.version);
  const visit = (path: string): void => {
    const stat = statSync(root + path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) for (const name of readdirSync(root + path).sort()) visit(`${path}/${name}`);
    else if (stat) hash.update(`${path}:${stat.size}:${stat.mtimeMs};`);
  };
  for (const source of sources) visit(source);
  return hash.digest("hex").slice(0, 16);
}
