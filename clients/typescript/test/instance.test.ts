import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { getBroadcastClient, initBroadcast, type BroadcastOptions } from "@pattern-stack/broadcast"
import { FakeNetwork } from "./support/socket.js"

const url = "ws://server/one"
let network: FakeNetwork
let warn: ReturnType<typeof vi.spyOn>

it("getBroadcastClient throws before initBroadcast", () => {
  expect(getBroadcastClient).toThrow("call initBroadcast(url) first")
})

describe("initBroadcast", () => {
  beforeEach(() => {
    network = new FakeNetwork()
    warn = vi.spyOn(console, "warn").mockImplementation(() => {})
  })
  afterEach(() => getBroadcastClient().disconnect())

  it("creates and connects the client that getBroadcastClient returns", () => {
    const client = initBroadcast(url, { socket: network.socket, origin: "me" })
    expect(client.state).toBe("connecting")
    expect(client.origin).toBe("me")
    expect(getBroadcastClient()).toBe(client)
  })

  it("returns the same client for the same URL and options, or for the URL alone", () => {
    const options = (): BroadcastOptions => ({ socket: network.socket, token: "ALICE", reconnect: { tries: 3 } })
    const client = initBroadcast(url, options())
    client.disconnect()
    expect(initBroadcast(url, options())).toBe(client)
    expect(initBroadcast(url)).toBe(client)
    expect(client.state).toBe("connecting")
    expect(warn).not.toHaveBeenCalled()
  })

  it.each<[string, BroadcastOptions]>([
    ["another token", { token: "BOB" }],
    ["another token function", { token: () => "ALICE" }],
    ["no token", {}],
    ["another nested option", { token: "ALICE", reconnect: { tries: 3 } }],
  ])("creates another client for %s", async (_, change) => {
    const { socket } = network
    const alice = initBroadcast(url, { socket, token: "ALICE" })
    alice.disconnect()
    const other = initBroadcast(url, { socket, ...change })
    expect(other).not.toBe(alice)
    expect(getBroadcastClient()).toBe(other)
    expect(warn).not.toHaveBeenCalled()
  })

  it("sends the new user's token after the change", async () => {
    const { socket } = network
    initBroadcast(url, { socket, token: "ALICE" }).disconnect()
    initBroadcast(url, { socket, token: "BOB" })
    await vi.waitFor(() => network.last)
    network.last.open()
    expect(network.sockets.flatMap(({ sent }) => sent)).toEqual([{ auth: "BOB", id: "auth" }])
  })

  it("disconnects a client that it replaces", () => {
    const { socket } = network
    const first = initBroadcast(url, { socket })
    const second = initBroadcast("ws://server/two", { socket })
    expect(second).not.toBe(first)
    expect(first.state).toBe("disconnected")
  })
})
