import { afterEach, expect, it } from "vitest"
import { getBroadcastClient, initBroadcast } from "@pattern-stack/broadcast"
import { FakeNetwork } from "./support/socket.js"

afterEach(() => getBroadcastClient().disconnect())

it("initBroadcast creates one client per page, and replaces it for another URL", () => {
  expect(getBroadcastClient).toThrow("call initBroadcast(url) first")
  const { socket } = new FakeNetwork()
  const client = initBroadcast("ws://server/one", { socket, origin: "me" })
  expect(client.state).toBe("connecting")
  expect(client.origin).toBe("me")
  expect(getBroadcastClient()).toBe(client)
  expect(initBroadcast("ws://server/one")).toBe(client)
  const other = initBroadcast("ws://server/two", { socket })
  expect(other).not.toBe(client)
  expect(client.state).toBe("disconnected")
  expect(getBroadcastClient()).toBe(other)
})
