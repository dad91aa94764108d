/** Tests run on the sources, by public name, with nothing built (the `source` export condition). */
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./support/longest-first.ts";

const conditions = ["source"];
const resolve = { conditions: [...conditions, "module", "browser", "development|production"] };
const ssr = { resolve: { conditions: [...conditions, "module", "node", "development|production"] } };
const dom = "test/adapters/{element,react,svelte}/**";
/** Each in a process of its own: they load programs, which serve, and set the environment, from their first line on. */
const alone = "test/{browser,examples}/**/*.test.ts";

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    // What is waited for comes soon, or on a busy machine late: only what never comes is a failure.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 40_000, interval: 10 } },
    // All cores: by default one is left idle, and of two that is half. Many tests wait for a browser or another process.
    maxWorkers: "100%",
    sequence: { sequencer: LongestFirst },
    reporters: ["default", new URL("support/report-skips.ts", import.meta.url).pathname],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts", "adapters/**/*.{ts,tsx}"],
      reporter: ["text-summary", "html"],
      reportsDirectory: "coverage",
      thresholds: { statements: 90, branches: 85, functions: 90, lines: 90 },
    },
    projects: [
      {
        extends: true,
        resolve: { conditions: [...conditions, "module", "node", "development|production"] },
        ssr,
        test: {
          name: "node",
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: [dom, alone, "test/bench/**", "**/node_modules/**"],
          // To start a process and load the sources anew costs a core half a second, and most files take less than that.
          isolate: false,
        },
      },
      {
        extends: true,
        resolve: { conditions: [...conditions, "module", "node", "development|production"] },
        ssr,
        test: { name: "alone", environment: "node", include: [alone] },
      },
      {
        extends: true,
        plugins: [svelte({ configFile: false }), svelteTesting()],
        // The server under test runs in the same process as the page: it needs `ws` itself, not what `ws` is to browsers.
        resolve: { ...resolve, alias: { ws: new URL("../node_modules/ws/wrapper.mjs", import.meta.url).pathname } },
        ssr,
        test: {
          name: "dom",
          environment: "jsdom",
          include: [`${dom}/*.test.{ts,tsx}`],
        },
      },
    ],
  },
});
