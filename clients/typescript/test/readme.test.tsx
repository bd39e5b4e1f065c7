// @vitest-environment happy-dom
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { act, cleanup, render, screen } from "@testing-library/react"
import { afterAll, afterEach, expect, inject, it, vi } from "vitest"
import { WebSocket } from "ws"
import { getBroadcastClient, type BroadcastClient } from "@pattern-stack/broadcast"
import { Server } from "./support/server.js"
import { until } from "./support/until.js"

const server = Server.at(inject("port"))
const root = join(import.meta.dirname, "../")
const directory = mkdtempSync(`${root}test/.tmp-readme-`)
const pages = ["README.md", "../../docs/migration.md"]
const blocks = pages.flatMap((page) => [...readFileSync(root + page, "utf8").matchAll(/^```tsx?\n([\s\S]*?)^```/gm)].map(([, code]) => code!))
const clients = vi.hoisted(() => new Set<BroadcastClient>())

vi.mock("@pattern-stack/broadcast", async (original) => {
  const module = await original<typeof import("@pattern-stack/broadcast")>()
  class RecordedClient extends module.BroadcastClient {
    constructor(...args: ConstructorParameters<typeof BroadcastClient>) {
      super(...args)
      clients.add(this)
    }
  }
  return { ...module, BroadcastClient: RecordedClient }
})

blocks.forEach((code, n) => writeFileSync(`${directory}/${n}.tsx`, code.replaceAll("/ws/broadcast", server.url)))
writeFileSync(`${directory}/tsconfig.json`, '{ "extends": "../../tsconfig.json", "compilerOptions": { "noUnusedLocals": false }, "include": ["*.tsx"] }')

afterAll(() => rmSync(directory, { recursive: true }))

afterEach(() => {
  cleanup()
  for (const client of clients) client.disconnect()
  try {
    getBroadcastClient().disconnect()
  } catch {} // this block has not called initBroadcast
})

/** Runs the code block that contains the text. Returns what it logs, and what it exports. */
async function runBlock(text: string): Promise<{ logged: unknown[][]; module: Record<string, () => React.JSX.Element> }> {
  vi.stubGlobal("WebSocket", WebSocket)
  const logged: unknown[][] = []
  vi.spyOn(console, "log").mockImplementation((...words) => logged.push(words))
  const module = await import(/* @vite-ignore */ `${directory}/${blocks.findIndex((code) => code.includes(text))}.tsx`)
  return { logged, module }
}

it("the code blocks have no type errors", () => {
  const { stdout } = spawnSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, "--project", directory], { encoding: "utf8" })
  expect(stdout).toBe("")
})

it("the quickstart runs", async () => {
  const { logged } = await runBlock("client.onStateChange")
  expect(logged).toEqual([["connecting"], ["connected"], ["ready"]])
  await server.publish("orders", { payload: { entity_id: "1" } })
  await until(() => logged.length === 4)
  expect(logged[3]).toEqual(["created", { entity_id: "1" }])
})

it("the React example runs", async () => {
  let orders = ["one"]
  const realFetch = globalThis.fetch
  vi.stubGlobal("fetch", async (url: string, init?: object) => (url === "/orders" ? Response.json(orders) : realFetch(url, init)))
  const { module } = await runBlock("useBroadcastInvalidation")
  const { App } = module
  render(<App />)
  await act(() => until(() => screen.queryByTitle("connected")?.textContent === "one"))
  orders = ["one", "two"]
  await act(() => until(async () => (await server.count())["orders"]))
  await server.publish("orders", { payload: { entity_id: "2" } })
  await act(() => until(() => screen.queryByTitle("connected")?.textContent === "one, two"))
})

it("the example with a token runs", async () => {
  vi.stubGlobal("fetch", async () => Response.json({ token: "ann:60", seconds: 60 }))
  const { logged } = await runBlock("initBroadcast")
  vi.unstubAllGlobals()
  await getBroadcastClient().ready("orders")
  await server.publish("orders", { payload: { entity_id: "7" } })
  await until(() => logged.length > 0)
  expect(logged).toEqual([["7"]])
})
