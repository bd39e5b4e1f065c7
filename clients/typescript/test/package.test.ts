/** What `npm run build` has made, as an application gets it. */

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../")
const description = JSON.parse(readFileSync(`${root}package.json`, "utf8"))
const entries = Object.keys(description.exports).map((path) => path.replace(".", description.name))
const size = (file: string): number => gzipSync(readFileSync(`${root}dist/esm/${file}.js`), { level: 9 }).length

const run = (code: string, ...options: string[]): string =>
  execFileSync(process.execPath, [...options, "--eval", code], { cwd: root, encoding: "utf8" }).trim()

it("is below 5 KB, and has no dependency", () => {
  expect(size("index")).toBeLessThan(5_000)
  expect(description.dependencies).toBeUndefined()
  expect(readFileSync(`${root}dist/esm/index.js`, "utf8")).not.toMatch(/\bfrom\s*["'`]|\bimport\s*["'`(]/)
})

describe.each(entries)("%s", (entry) => {
  it("gives the same, as ES module and as CommonJS", () => {
    const imported = run(`console.log(Object.keys(await import("${entry}")).sort().join())`, "--input-type=module")
    const required = run(`console.log(Object.keys(require("${entry}")).sort().join())`, "--input-type=commonjs")
    expect(required).toBe(imported)
    expect(imported).toMatch(/[bB]roadcast|sharedSocket/)
  })

  it("has types for both", () => {
    const { import: esm, require: cjs } = description.exports[entry.replace(description.name, ".")]
    for (const { types } of [esm, cjs]) expect(readFileSync(`${root}${types}`, "utf8")).toContain("export")
    expect(readFileSync(`${root}${cjs.types}`, "utf8")).not.toContain('.js"')
  })
})

it("React's entries share one context, and say that they are for the client", () => {
  expect(run(`
    const [all, core] = [await import("${description.name}/react"), await import("${description.name}/react/core")]
    console.log(all.BroadcastProvider === core.BroadcastProvider, all.useBroadcast === core.useBroadcast)
  `, "--input-type=module")).toBe("true true")
  for (const file of ["esm/react.js", "esm/react-core.js", "cjs/react.cjs", "cjs/react-core.cjs"]) {
    expect(readFileSync(`${root}dist/${file}`, "utf8")).toMatch(/^"use client"/)
  }
})

it("needs neither React nor a query library where they are not asked for", () => {
  for (const file of ["index", "shared"]) expect(readFileSync(`${root}dist/esm/${file}.js`, "utf8")).not.toMatch(/react|tanstack/)
  expect(readFileSync(`${root}dist/esm/react-core.js`, "utf8")).not.toContain("tanstack")
})
