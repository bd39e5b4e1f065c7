/** The output of `npm run build`, used as an application uses it. */

import { execFileSync, spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { afterAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../")
const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8"))
const entries = Object.keys(manifest.exports).map((path) => path.replace(".", manifest.name))
const size = (file: string): number => gzipSync(readFileSync(`${root}dist/esm/${file}.js`), { level: 9 }).length

const run = (code: string, ...options: string[]): string =>
  execFileSync(process.execPath, [...options, "--eval", code], { cwd: root, encoding: "utf8" }).trim()

it("the core is below 6 KB gzipped, and has no dependency", () => {
  expect(size("index")).toBeLessThan(6 * 1_024)
  expect(manifest.dependencies).toBeUndefined()
  const imports = readFileSync(`${root}dist/esm/index.js`, "utf8").match(/\b(from|import)\s*\(?["'`][^"'`]*["'`]/g)
  expect(imports).toEqual(["import(`./sse.js`", "import(`./upstream.js`"]) // loaded when they are first needed
})

describe.each(entries)("%s", (entry) => {
  it("exports the same as ES module and as CommonJS", () => {
    const imported = run(`console.log(Object.keys(await import("${entry}")).sort().join())`, "--input-type=module")
    const required = run(`console.log(Object.keys(require("${entry}")).sort().join())`, "--input-type=commonjs")
    expect(required).toBe(imported)
    expect(imported).toMatch(/[bB]roadcast|sharedSocket|Upstream|opener/)
  })

  it("has types for both", () => {
    const { import: esm, require: cjs } = manifest.exports[entry.replace(manifest.name, ".")]
    for (const { types } of [esm, cjs]) expect(readFileSync(`${root}${types}`, "utf8")).toContain("export")
    expect(readFileSync(`${root}${cjs.types}`, "utf8")).not.toContain('.js"')
  })
})

describe("an application's TypeScript", () => {
  const application = mkdtempSync(`${root}test/.tmp-package-`)
  afterAll(() => rmSync(application, { recursive: true }))

  const code = `
    import { BroadcastClient, type BroadcastOptions } from "@pattern-stack/broadcast"
    import { sharedSocket } from "@pattern-stack/broadcast/shared"
    import { BroadcastProvider, useBroadcastInvalidation } from "@pattern-stack/broadcast/react"
    import { useBroadcastState } from "@pattern-stack/broadcast/react/core"

    const options: BroadcastOptions = { socket: sharedSocket({ key: "ann" }), reconnect: { tries: 3 } }
    export const client: BroadcastClient = new BroadcastClient("/ws/broadcast", options)
    export const state: "connected" extends ReturnType<typeof useBroadcastState> ? true : false = true
    export const used = [BroadcastProvider, useBroadcastInvalidation]
    // @ts-expect-error -- the option does not exist
    new BroadcastClient("/ws/broadcast", { tokn: "" })
  `

  mkdirSync(`${application}/node_modules/@pattern-stack`, { recursive: true })
  symlinkSync(root, `${application}/node_modules/@pattern-stack/broadcast`)
  writeFileSync(`${application}/index.ts`, code)
  for (const file of ["channels", "uses"]) copyFileSync(`${root}test/typed/${file}.ts`, `${application}/${file}.ts`)

  it.each([
    ["typescript-5", "node10", "es2022"], // written `node`, too; TypeScript 7 no longer has it
    ["typescript", "nodenext", "nodenext"],
  ])("finds the types with %s and moduleResolution %s", { timeout: 180_000 }, (compiler, moduleResolution, module) => {
    const options = { strict: true, noEmit: true, target: "es2022", module, moduleResolution, jsx: "react-jsx", lib: ["es2022", "dom"], types: [] }
    writeFileSync(`${application}/tsconfig.json`, JSON.stringify({ compilerOptions: options, include: ["*.ts"] }))
    const { stdout } = spawnSync(process.execPath, [`${root}node_modules/${compiler}/bin/tsc`, "--project", application], { encoding: "utf8" })
    expect(stdout).toBe("")
  })
})

it("the React entries share one context, and are marked as client components", () => {
  expect(run(`
    const [all, core] = [await import("${manifest.name}/react"), await import("${manifest.name}/react/core")]
    console.log(all.BroadcastProvider === core.BroadcastProvider, all.useBroadcast === core.useBroadcast)
  `, "--input-type=module")).toBe("true true")
  for (const file of ["esm/react.js", "esm/react-core.js", "cjs/react.cjs", "cjs/react-core.cjs"]) {
    expect(readFileSync(`${root}dist/${file}`, "utf8")).toMatch(/^"use client"/)
  }
})

it("the live pages load this build: if this fails, run `make assets`", () => {
  const copy = readFileSync(`${root}../../pattern_stack/pages/assets/client.js`, "utf8")
  expect(copy === readFileSync(`${root}dist/pages/client.js`, "utf8")).toBe(true)
})

it("entries without React or TanStack Query in their purpose import neither", () => {
  for (const file of ["index", "shared"]) expect(readFileSync(`${root}dist/esm/${file}.js`, "utf8")).not.toMatch(/react|tanstack/)
  expect(readFileSync(`${root}dist/esm/react-core.js`, "utf8")).not.toContain("tanstack")
})
