// Builds each entry into one file, as ES module and as CommonJS, with its types.

import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { build } from "vite"

const entries = {
  index: "src/index.ts",
  upstream: "src/upstream/index.ts",
  sse: "src/sse/index.ts",
  shared: "src/shared/index.ts",
  react: "src/react/index.ts",
  "react-core": "src/react/core.ts",
}

process.chdir(join(import.meta.dirname, ".."))
rmSync("dist", { recursive: true, force: true })

const ownEntries = /^@pattern-stack\/broadcast/
const peers = [/^react/, /^@tanstack/]

async function bundle(entry, formats, fileName, output, external = [ownEntries, ...peers]) {
  await build({
    configFile: false,
    resolve: { alias: { "@pattern-stack/broadcast/upstream": resolve(entries.upstream), "@pattern-stack/broadcast/sse": resolve(entries.sse) } },
    logLevel: "warn",
    build: {
      lib: { entry, formats, fileName },
      emptyOutDir: false,
      target: "es2022",
      rolldownOptions: {
        external, // imported, not bundled: all entries share one client class and one React context
        output,
      },
    },
  })
}

/** The chunks that the core loads: by a path, which every bundler follows. */
const chunks = (directory) => ({
  "@pattern-stack/broadcast/upstream": `${directory}/upstream.js`,
  "@pattern-stack/broadcast/sse": `${directory}/sse.js`,
})

for (const [name, entry] of Object.entries(entries)) {
  const output = { minify: true, ...(name.startsWith("react") && { banner: '"use client";' }) }
  await bundle(entry, ["es"], () => `esm/${name}.js`, { ...output, paths: chunks(".") })
  await bundle(entry, ["cjs"], () => `cjs/${name}.cjs`, { ...output, paths: chunks("../esm") })
}

// for the live pages of pattern_stack, which commit it: readable
const banner = "// Built from clients/typescript by `make assets`: do not edit.\n"
await bundle(entries.index, ["es"], () => "pages/client.js", { minify: false, postBanner: banner, codeSplitting: false }, peers)

execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "--project", "tsconfig.types.json"], { stdio: "inherit" })

for (const path of readdirSync("dist/esm", { recursive: true }).filter((name) => name.endsWith(".d.ts"))) {
  // the package's own name does not resolve inside the package with `moduleResolution: node`
  const types = readFileSync(join("dist/esm", path), "utf8").replace(/"@pattern-stack\/broadcast(.*?)"/g, (_, entry) => {
    const target = { "/react/core": "react/core.js", "/upstream": "upstream/index.js", "/sse": "sse/index.js" }[entry] ?? "index.js"
    const found = relative(dirname(path), target)
    return JSON.stringify(found.startsWith(".") ? found : `./${found}`)
  })
  writeFileSync(join("dist/esm", path), types)
  // TypeScript needs separate types for CommonJS: the same declarations, with .d.cts and .cjs names
  const target = join("dist/cjs", path.replace(/\.d\.ts$/, ".d.cts"))
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, types.replace(/"(\.{1,2}\/[^"]+)\.js"/g, '"$1.cjs"'))
}
