/** What every page of the gallery has around it, as HTML: written into the pages when they are bundled. */
import { escaped, excerpt } from "./excerpt.ts";
import { type Chapter, chapters, type Guide, guides } from "./guides.ts";
import { type Example, examples, type Page, pathOf } from "./pages.ts";

const icon = (path: string): string => `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${path}</svg>`;
const icons = {
  brand: icon('<path d="M4 8c4-6 12-6 16 0M4 16c4 6 12 6 16 0M4 8v2m16-2v2M4 16v-2m16 2v-2"/>'),
  cut: icon('<circle cx="6" cy="7" r="2.5"/><circle cx="6" cy="17" r="2.5"/><path d="m8 8.5 12 8M8 15.500l12-8"/>'),
  offline: icon('<path d="M3 3l18 18M5 10a11 11 0 0 1 4-2.300M19 10a11 11 0 0 0-6-3M8 14a6 6 0 0 1 5-1.500M12 18h.01"/>'),
  slow: icon('<circle cx="12" cy="13" r="8"/><path d="M12 9v4l3 2M9 2h6"/>'),
  restart: icon('<path d="M20 11a8 8 0 1 0-2 6M20 4v7h-7"/>'),
  window: icon('<path d="M14 4h6v6M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5"/>'),
  code: icon('<path d="m8 7-5 5 5 5M16 7l5 5-5 5M14 4l-4 16"/>'),
  guide: icon('<path d="M12 6c-2-1.500-5-2-8-2v14c3 0 6 .5 8 2 2-1.500 5-2 8-2V4c-3 0-6 .5-8 2Zm0 0v14"/>'),
};

const bar = (inner: string): string =>
  `<a class="skip" href="#page">Skip to the page</a>
  <header class="bar"><a class="brand" href="/">${icons.brand}<span>sente-sync</span></a>${inner}</header>`;

const badge = `<div class="badge" id="line" data-state="initial">
    <span class="dot"></span><span id="line-name" role="status">Connecting</span><span id="line-detail" aria-hidden="true"></span>
    <button type="button" class="quiet" id="line-again" hidden>Try now</button>
  </div>`;

const trouble = (name: string, label: string, sign: string, more = ""): string =>
  `<button type="button" data-trouble="${name}"${more}>${sign}${label}</button>`;

const tools = ({ guide, isDurable }: Example): string =>
  `<div class="tools">
    <div class="group">
      <a class="button main" href="" target="_blank" id="second-window">${icons.window}Open a second window</a>
      <button type="button" id="how-open" aria-haspopup="dialog">${icons.code}How it works</button>
      <a class="button" href="/guides/${guide}">${icons.guide}Guide</a>
    </div>
    <div class="trouble">
    <div class="group" role="group" aria-label="Make trouble for this window's line" aria-describedby="told">
      ${trouble("cut", "Cut the line", icons.cut)}
      ${trouble("offline", "Offline for 5 s", icons.offline)}
      ${trouble("slow", "Slow it down", icons.slow, ' aria-pressed="false"')}
      ${isDurable ? trouble("kill", "Kill the server", icons.restart) : trouble("restart", "Restart the server", icons.restart)}
    </div>
    <p id="told" class="told" role="status">These four make trouble on purpose, to see what the page does with it.</p>
    </div>
  </div>`;

const drawer = (page: Page): string =>
  `<dialog id="how" class="drawer" aria-labelledby="how-title">
    <form method="dialog"><h2 id="how-title">How it works</h2><button aria-label="Close">Close</button></form>
    <p>These are the lines that do it, cut from the files that run here.</p>
    ${page.how.map(excerpt).join("\n")}
  </dialog>`;

const versions = ({ pages }: Example, shown?: Page): string =>
  `<nav class="tabs" aria-label="Versions">${pages
    .map((page) => `<a href="${pathOf(page.html)}"${page === shown ? ' aria-current="page"' : ""}>${page.framework}</a>`)
    .join("")}</nav>`;

/** The page of an example: its script finds `<main id="page">` to fill, or what the HTML has there already. */
export const examplePage = (example: Example, page: Page, content = ""): string =>
  `${bar(badge)}
  <div class="intro">
    <div class="title"><h1>${example.title}</h1>${example.pages.length > 1 ? versions(example, page) : ""}</div>
    <p class="lead">${example.lead}</p>
    ${tools(example)}
  </div>
  <main id="page" tabindex="-1">${content}</main>
  ${drawer(page)}`;

/** A screenshot that the browser tests take; it is served as it is, not bundled. */
const picture = ({ name, title }: Example): string =>
  `<picture class="shot"><source vite-ignore srcset="/images/${name}-card-dark.png" media="(prefers-color-scheme: dark)">
    <img vite-ignore src="/images/${name}-card-light.png" alt="${title}, as it looks in a window" width="640" height="400"></picture>`;

/** The whole card leads to the example; its versions stand above that. */
const card = (example: Example): string =>
  `<li class="card tile">
    ${picture(example)}
    <h3><a href="${pathOf(example.pages[0]?.html ?? "")}">${example.title}</a></h3>
    <p>${example.about}</p>
    <div class="tags">${example.kinds.map((kind) => `<code>${kind}</code>`).join("")}${versions(example)}</div>
  </li>`;

export const galleryPage = (): string =>
  `${bar("")}
  <div class="intro hero">
    <h1>State on your server, live in every browser</h1>
    <p class="lead">Open an example in two windows, side by side. Then cut the line of one, and watch it come back.</p>
    <p class="group"><a class="button main" href="/guides/getting-started">${icons.guide}Get started</a><a class="button" href="#guides">All guides</a></p>
  </div>
  <main id="page" tabindex="-1">
    <h2 id="examples">Examples</h2>
    <ul class="grid three">${examples.map(card).join("\n")}</ul>
    <h2 id="guides">Guides</h2>
    ${chapters.map(chapter).join("\n")}
  </main>`;

const chapter = ({ title, guides }: Chapter): string =>
  `<h3>${title}</h3>
    <ul class="grid three">${guides
      .map(
        ({ name, title, about }) =>
          `<li class="card tile"><h4><a href="/guides/${name}">${title}</a></h4><p>${escaped(about)}</p></li>`,
      )
      .join("\n")}</ul>`;

/** What stands around a guide. */
export const guidePage = (text: string): string =>
  `${bar('<nav class="tabs" aria-label="Gallery"><a href="/#examples">Examples</a><a href="/#guides">Guides</a></nav>')}${text}`;

/** A guide's text, with what is on the page beside it, and where to go from there. */
export function guideText({ name }: Guide, html: string): string {
  const at = guides.findIndex((guide) => guide.name === name);
  const onward = (guide: Guide | undefined, rel: string, word: string): string =>
    guide ? `<a class="card" rel="${rel}" href="/guides/${guide.name}"><small>${word}</small>${guide.title}</a>` : "";
  const live = examples.flatMap(({ guide, title, pages: [page] }) =>
    guide === name && page ? [`<a class="button" href="${pathOf(page.html)}">${icons.brand}Live: ${title}</a>`] : [],
  );
  const heads = [...html.matchAll(/<h2 id="([^"]+)">(.*?)<\/h2>/g)].map(
    ([, id = "", head = ""]) => `<li><a href="#${id}">${head.replace(/<\/?a\b[^>]*>/g, "")}</a></li>`,
  );
  return `<div class="reading">
    <main id="page" class="prose" tabindex="-1">${html}
      <nav class="onward" aria-label="Other guides">${onward(guides[at - 1], "prev", "Before this")}${onward(guides[at + 1], "next", "Next")}</nav>
    </main>
    <aside class="beside">${live.join("")}<nav aria-labelledby="on-page"><h2 id="on-page">On this page</h2><ul>${heads.join("")}</ul></nav></aside>
  </div>`;
}
