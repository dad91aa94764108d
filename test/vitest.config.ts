/** Tests run on the sources, by public name, with nothing built (the `source` export condition). */
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

const conditions = ["source"];
const resolve = { conditions: [...conditions, "module", "browser", "development|production"] };
const ssr = { resolve: { conditions: [...conditions, "module", "node", "development|production"] } };

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    // What is waited for comes soon, or on a busy machine late: only what never comes is a failure.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 40_000, interval: 10 } },
    // All cores: by default one is left idle, and of two that is half. Many tests wait for a browser or another process.
    maxWorkers: "100%",
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
          exclude: ["test/adapters/{element,react,svelte}/**", "test/bench/**", "**/node_modules/**"],
        },
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
          include: ["test/adapters/{element,react,svelte}/**/*.test.{ts,tsx}"],
        },
      },
    ],
  },
});
