// @vitest-environment happy-dom
import { beforeEach, expect, it, vi } from "vitest"
import { webSocket } from "../src/socket.js"

const urls: string[] = []

beforeEach(() => {
  urls.length = 0
  vi.stubGlobal("WebSocket", function WebSocket(url: string) {
    urls.push(url)
  })
})

it.each([
  ["ws://server:1/ws/broadcast", "ws://server:1/ws/broadcast"],
  ["https://server/ws/broadcast?a=http", "wss://server/ws/broadcast?a=http"],
  ["/ws/broadcast", "wss://page.example:8000/ws/broadcast"],
])("webSocket() opens %s as %s", (given, opened) => {
  vi.stubGlobal("location", { href: "https://page.example:8000/orders#1" })
  webSocket(given)
  expect(urls).toEqual([opened])
})

it("webSocket() works without a page", () => {
  vi.stubGlobal("location", undefined)
  webSocket("ws://server/ws/broadcast")
  expect(urls).toEqual(["ws://server/ws/broadcast"])
})
