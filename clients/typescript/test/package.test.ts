/** The output of `npm run build`, used as an application uses it. */

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../")
const manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8"))
const entries = Object.keys(manifest.exports).map((path) => path.replace(".", manifest.name))
const size = (file: string): number => gzipSync(readFileSync(`${root}dist/esm/${file}.js`), { level: 9 }).length

const run = (code: string, ...options: string[]): string =>
  execFileSync(process.execPath, [...options, "--eval", code], { cwd: root, encoding: "utf8" }).trim()

it("the core is below 6 KB gzipped, and has no dependency", () => {
  expect(size("index")).toBeLessThan(6_000)
  expect(manifest.dependencies).toBeUndefined()
  expect(readFileSync(`${root}dist/esm/index.js`, "utf8")).not.toMatch(/\bfrom\s*["'`]|\bimport\s*["'`(]/)
})

describe.each(entries)("%s", (entry) => {
  it("exports the same as ES module and as CommonJS", () => {
    const imported = run(`console.log(Object.keys(await import("${entry}")).sort().join())`, "--input-type=module")
    const required = run(`console.log(Object.keys(require("${entry}")).sort().join())`, "--input-type=commonjs")
    expect(required).toBe(imported)
    expect(imported).toMatch(/[bB]roadcast|sharedSocket/)
  })

  it("has types for both", () => {
    const { import: esm, require: cjs } = manifest.exports[entry.replace(manifest.name, ".")]
    for (const { types } of [esm, cjs]) expect(readFileSync(`${root}${types}`, "utf8")).toContain("export")
    expect(readFileSync(`${root}${cjs.types}`, "utf8")).not.toContain('.js"')
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
  expect(copy === readFileSync(`${root}dist/esm/index.js`, "utf8")).toBe(true)
})

it("entries without React or TanStack Query in their purpose import neither", () => {
  for (const file of ["index", "shared"]) expect(readFileSync(`${root}dist/esm/${file}.js`, "utf8")).not.toMatch(/react|tanstack/)
  expect(readFileSync(`${root}dist/esm/react-core.js`, "utf8")).not.toContain("tanstack")
})
