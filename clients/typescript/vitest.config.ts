import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: "@pattern-stack/broadcast/react/core", replacement: source("react/core.ts") },
      { find: "@pattern-stack/broadcast/react", replacement: source("react/index.ts") },
      { find: "@pattern-stack/broadcast/upstream", replacement: source("upstream/index.ts") },
      { find: "@pattern-stack/broadcast/sse", replacement: source("sse/index.ts") },
      { find: "@pattern-stack/broadcast/shared", replacement: source("shared/index.ts") },
      { find: "@pattern-stack/broadcast", replacement: source("index.ts") },
    ],
  },
  test: {
    include: ["test/**/*.test.{ts,tsx}"],
    globalSetup: "test/support/servers.ts",
    environmentOptions: { happyDOM: { settings: { fetch: { disableSameOriginPolicy: true } } } }, // the tests call servers of other origins
    restoreMocks: true,
    unstubGlobals: true,
    testTimeout: 60_000, // no test judges a duration by it
    hookTimeout: 60_000,
    maxWorkers: 3, // most tests wait rather than compute
  },
})
