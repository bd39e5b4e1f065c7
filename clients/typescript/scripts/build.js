// Builds each entry into one file, as ES module and as CommonJS, with its types.

import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { build } from "vite"

const entries = {
  index: "src/index.ts",
  shared: "src/shared/index.ts",
  react: "src/react/index.ts",
  "react-core": "src/react/core.ts",
}

process.chdir(join(import.meta.dirname, ".."))
rmSync("dist", { recursive: true, force: true })

for (const [name, entry] of Object.entries(entries)) {
  await build({
    configFile: false,
    logLevel: "warn",
    build: {
      lib: { entry, formats: ["es", "cjs"], fileName: (format) => (format === "es" ? `esm/${name}.js` : `cjs/${name}.cjs`) },
      emptyOutDir: false,
      target: "es2022",
      rolldownOptions: {
        external: [/^@pattern-stack\/broadcast/, /^react/, /^@tanstack/], // imported, not bundled: all entries share one client class and one React context
        output: { minify: true, postBanner: name.startsWith("react") ? '"use client";' : "// @pattern-stack/broadcast, MIT, built from clients/typescript" },
      },
    },
  })
}

execFileSync("node_modules/.bin/tsc", ["--project", "tsconfig.types.json"], { stdio: "inherit" })

// TypeScript needs separate types for CommonJS: the same declarations, with .d.cts and .cjs names
for (const path of readdirSync("dist/esm", { recursive: true }).filter((name) => name.endsWith(".d.ts"))) {
  const target = join("dist/cjs", path.replace(/\.d\.ts$/, ".d.cts"))
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, readFileSync(join("dist/esm", path), "utf8").replace(/"(\.{1,2}\/[^"]+)\.js"/g, '"$1.cjs"'))
}
