// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest"
import type { BroadcastState } from "@pattern-stack/broadcast"
import { asked } from "../support/golden.js"
import { after, client, connected, following, network, turn } from "../support/timed.js"

describe("states", () => {
  it("go from connecting to connected, reconnecting and back, and end disconnected", async () => {
    const states: BroadcastState[] = []
    client.onStateChange((state) => states.push(state))
    expect(client.state).toBe("disconnected")
    await connected()
    network.last.end()
    await after(1_000)
    network.last.open()
    client.disconnect()
    expect(states).toEqual(["connecting", "connected", "reconnecting", "connected", "disconnected"])
    expect(client.state).toBe("disconnected")
  })

  it("are told to each handler though one throws", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const states: BroadcastState[] = []
    client.onStateChange(() => {
      throw new Error("mine")
    })
    const stop = client.onStateChange((state) => states.push(state))
    client.connect()
    stop()
    client.disconnect()
    expect(states).toEqual(["connecting"])
  })

  it("connecting twice opens one socket", async () => {
    await connected()
    client.connect()
    await turn()
    expect(network.sockets).toHaveLength(1)
  })

  it.each(["connecting", "connected", "reconnecting"])("a handler may disconnect when it hears of %s", async (when) => {
    client.subscribe("orders", () => {})
    client.onStateChange((state) => state === when && client.disconnect())
    client.connect()
    await turn()
    network.sockets.at(-1)?.open()
    network.sockets.at(-1)?.end()
    await after(60_000)
    expect(client.state).toBe("disconnected")
    expect(network.sockets.length).toBe(when === "connecting" ? 0 : 1)
  })
})

describe("disconnect", () => {
  it("is final, whatever was under way, and a later connect works again", async () => {
    client.connect()
    client.disconnect()
    await after(60_000)
    expect(network.sockets).toHaveLength(0)

    await connected()
    network.last.end()
    client.disconnect()
    await after(60_000)
    expect(network.sockets).toHaveLength(1)

    client.connect()
    await turn()
    client.disconnect()
    network.last.open()
    expect(network.last.closed).toBe(true)
    expect(client.state).toBe("disconnected")

    await connected()
    expect(client.state).toBe("connected")
  })

  it("leaves no timer, listener or socket", async () => {
    const counted = [globalThis, document].flatMap((target) => [
      [vi.spyOn(target, "addEventListener"), vi.spyOn(target, "removeEventListener")] as const,
    ])
    await following()
    client.disconnect()
    expect(vi.getTimerCount()).toBe(0)
    expect(network.sockets.map((socket) => socket.closed)).toEqual([true])
    for (const [add, remove] of counted) {
      expect(add.mock.calls.length).toBeGreaterThan(0)
      expect(remove.mock.calls.map(([name, handler]) => [name, handler])).toEqual(add.mock.calls.map(([name, handler]) => [name, handler]))
    }
  })

  it("keeps subscriptions and positions for the next connect", async () => {
    await following()
    client.disconnect()
    await connected()
    expect(network.last.sent).toEqual([asked("subscribe with since", { id: 2 })])
  })

  it("rejects who waits", async () => {
    client.subscribe("orders", () => {})
    const ready = client.ready("orders")
    client.connect()
    client.disconnect()
    await expect(ready).rejects.toMatchObject({ code: "disconnected" })
  })
})
