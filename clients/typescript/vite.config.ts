import { defineConfig } from "vite"

const entries = { index: "src/index.ts" }

/** One file for each entry and kind of module; what they have in common is imported, never built in twice. */
export default defineConfig({
  build: {
    lib: { entry: entries, formats: ["es", "cjs"], fileName: (format, name) => `${format === "es" ? "esm" : "cjs"}/${name}.js` },
    target: "es2022",
    minify: true,
    sourcemap: true,
    rolldownOptions: { external: [/^@pattern-stack\/broadcast/, /^react/, /^@tanstack/] },
  },
})
