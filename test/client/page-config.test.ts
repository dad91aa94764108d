// @vitest-environment jsdom
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Page, pageConfig } from "../../src/client/page-config.ts";
import { configScript } from "../../src/server/page-config.ts";

/** A page of attributes and of the JSON in the script, at a place. */
function page(dataset: Record<string, string>, json?: unknown, href = "http://board.example:8080/"): Page {
  const textContent = typeof json === "string" ? json : JSON.stringify(json);
  return {
    document: { body: { dataset }, querySelector: () => (json === undefined ? null : { textContent }) },
    location: new URL(href),
  };
}

/** A page as a browser's parser makes it. */
function parsed(html: string): Page {
  return { document: new DOMParser().parseFromString(html, "text/html"), location: new URL("http://board.example/") };
}

test("DISC6 the script is one inert element, and its values read back as they were", () => {
  const unit = fc.constantFrom(
    "</script>",
    "<!--",
    "-->",
    "<script>",
    "&lt;",
    "\u2028",
    "\u2029",
    '"',
    "\\",
    "'",
    "]]>",
    "é",
    "\ud800",
    "\0",
  );
  const texts = fc
    .array(fc.oneof(unit, fc.string({ unit: "binary" })), { minLength: 1, maxLength: 5 })
    .map((parts) => `x${parts.join("")}`);
  fc.assert(
    fc.property(texts, texts, (csrfToken, apiBase) => {
      const html = configScript({ csrfToken, apiBase, host: "a.example", port: 81 });
      const { document } = parsed(`<!doctype html><body><p>before</p>${html}<p>after</p></body>`) as { document: Document };
      expect([...document.querySelectorAll("body *")].map(({ tagName }) => tagName)).toEqual(["P", "SCRIPT", "P"]);
      expect(pageConfig({ document, location: new URL("http://board.example/") })).toEqual({
        url: "ws://a.example:81/chsk",
        csrfToken,
        apiBase,
      });
    }),
    { numRuns: 100 },
  );
});

test("DISC6 no value can end the element", () => {
  const html = configScript({ csrfToken: "</script><script>alert(1)</script>&<!--\u2028" });
  expect(html).toBe(
    '<script type="application/json" id="sente-config">{"wsPath":"/chsk","csrfToken":' +
      '"\\u003c/script\\u003e\\u003cscript\\u003ealert(1)\\u003c/script\\u003e\\u0026\\u003c!--\\u2028"}</script>',
  );
});

test("DISC7 the path is /chsk by default", () => {
  expect(configScript()).toBe('<script type="application/json" id="sente-config">{"wsPath":"/chsk"}</script>');
  expect(pageConfig(parsed(configScript()))).toEqual({ url: "/chsk", csrfToken: undefined, apiBase: undefined });
});

test("DISC7 what no URL can have is invalid", () => {
  const bad = [
    { path: "" },
    { path: "chsk" },
    { path: "//evil.example" },
    { path: "/\\evil.example" },
    { path: "/\t/evil.example" },
    { port: 0 },
    { port: 65_536 },
    { port: 1.5 },
    { port: Number.NaN },
    { host: "" },
    { host: "a:80" },
    { host: "a/b" },
    { host: "user@a" },
    { host: "::1" },
  ];
  for (const options of bad) {
    expect(() => configScript(options), JSON.stringify(options)).toThrow(expect.objectContaining({ code: "invalid" }));
  }
  expect(pageConfig(parsed(configScript({ host: "[::1]", port: 81 })))?.url).toBe("ws://[::1]:81/chsk");
});

test("DISC8 the script goes before the body, value by value", () => {
  const attributes = { wsHost: "a.example", wsPort: "81", wsPath: "/body", apiBase: "/api", csrfToken: "body" };
  expect(pageConfig(page(attributes))).toEqual({ url: "ws://a.example:81/body", csrfToken: "body", apiBase: "/api" });
  expect(pageConfig(page(attributes, { wsHost: "b.example", csrfToken: "script" }))).toEqual({
    url: "ws://b.example:81/body",
    csrfToken: "script",
    apiBase: "/api",
  });
  expect(pageConfig(page(attributes, { wsPort: 82, wsPath: "/script", apiBase: "/v2" }))).toEqual({
    url: "ws://a.example:82/script",
    csrfToken: "body",
    apiBase: "/v2",
  });
});

test("DISC8 attributes are those of the parser, data-ws-host and so on", () => {
  const body = '<body data-ws-host="a.example" data-ws-port="81" data-ws-path="/x" data-api-base="/api" data-csrf-token="t">';
  expect(pageConfig(parsed(body))).toEqual({ url: "ws://a.example:81/x", csrfToken: "t", apiBase: "/api" });
});

test("DISC8 what is unreadable is as if it were not there", () => {
  const attributes = { wsHost: "a.example", wsPort: "81" };
  for (const json of [
    "",
    "{",
    "null",
    "7",
    "[]",
    '"x"',
    { wsHost: 7, wsPort: "eighty" },
    { wsHost: "", wsPort: 0 },
    { wsPort: 1e9 },
    { wsPort: 80.5 },
  ]) {
    expect(pageConfig(page(attributes, json))?.url, JSON.stringify(json)).toBe("ws://a.example:81/");
  }
  for (const wsPort of ["", "0", "-1", "65536", "8e2", "0x50", " 80"])
    expect(pageConfig(page({ wsPort })), wsPort).toBe(undefined);
  expect(pageConfig(page({ wsPort: "80" }))?.url).toBe("ws://board.example:80/");
});

test("DISC9 a URL has the page's host unless another is named, localhost where there is none, and wss on a safe page", () => {
  const url = (dataset: Record<string, string>, href: string) => pageConfig(page(dataset, undefined, href))?.url;
  expect(url({ wsPort: "81" }, "http://board.example:8080/p")).toBe("ws://board.example:81/");
  expect(url({ wsPort: "81" }, "http://[::1]:8080/")).toBe("ws://[::1]:81/");
  expect(url({ wsPort: "81" }, "file:///page.html")).toBe("ws://localhost:81/");
  expect(url({ wsPort: "81" }, "https://board.example/")).toBe("wss://board.example:81/");
  expect(url({ wsHost: "a.example" }, "https://board.example/")).toBe("wss://a.example/");
  expect(url({ wsHost: "a.example", wsPath: "live" }, "http://board.example/")).toBe("ws://a.example/live");
  expect(pageConfig({ document: page({ wsPort: "81" }).document as NonNullable<Page["document"]> })?.url).toBe(
    "ws://localhost:81/",
  );
});

test("DISC10 a path alone is the URL; without anything, or without a page, there is none", () => {
  expect(pageConfig(page({ wsPath: "/live" }))?.url).toBe("/live");
  expect(pageConfig(page({}))).toBe(undefined);
  expect(pageConfig(page({ apiBase: "/api" }, { csrfToken: "t" }))).toBe(undefined);
  expect(pageConfig({})).toBe(undefined);
  expect(pageConfig({ document: { body: null, querySelector: () => null } })).toBe(undefined);
});

test("DISC10 without an argument it is this page", () => {
  expect(pageConfig()).toBe(undefined);
  document.body.dataset["wsPort"] = "81";
  expect(pageConfig()?.url).toBe("ws://localhost:81/");
  delete document.body.dataset["wsPort"];
});

test("DISC11 a host brings no port or path, and a path no host", () => {
  for (const wsHost of ["a:80", "a/b", "user@a", "a?b", "::1", "a b"]) {
    expect(pageConfig(page({ wsHost, wsPort: "81" }))?.url, wsHost).toBe("ws://board.example:81/");
  }
  for (const wsPath of ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\n\\evil.example", " //evil.example"]) {
    expect(pageConfig(page({ wsPath })), JSON.stringify(wsPath)).toBe(undefined);
  }
});

test("DISC12 only a script of that type is read", () => {
  const json = '{"wsHost":"evil.example"}';
  expect(pageConfig(parsed(`<script type="application/json" id="sente-config">${json}</script>`))?.url).toBe(
    "ws://evil.example/",
  );
  for (const html of [
    `<div id="sente-config">${json}</div>`,
    `<script id="sente-config">${json}</script>`,
    `<script type="application/json">${json}</script>`,
  ]) {
    expect(pageConfig(parsed(html)), html).toBe(undefined);
  }
  const both = `<div id="sente-config">${json}</div>${configScript({ path: "/ours" })}`;
  expect(pageConfig(parsed(both))?.url).toBe("/ours");
});
