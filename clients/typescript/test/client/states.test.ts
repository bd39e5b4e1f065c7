// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest"
import type { BroadcastState } from "@pattern-stack/broadcast"
import { clientFrame } from "../support/frames.js"
import { advance, client, connect, connectAndSubscribe, flush, network } from "../support/fake-time.js"

describe("state", () => {
  it("goes from connecting to connected, reconnecting, connected and disconnected", async () => {
    const states: BroadcastState[] = []
    client.onStateChange((state) => states.push(state))
    expect(client.state).toBe("disconnected")
    await connect()
    network.last.end()
    await advance(1_000)
    network.last.open()
    client.disconnect()
    expect(states).toEqual(["connecting", "connected", "reconnecting", "connected", "disconnected"])
    expect(client.state).toBe("disconnected")
  })

  it("is passed to every handler even if one throws", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const states: BroadcastState[] = []
    client.onStateChange(() => {
      throw new Error("from the handler")
    })
    const stop = client.onStateChange((state) => states.push(state))
    client.connect()
    stop()
    client.disconnect()
    expect(states).toEqual(["connecting"])
  })

  it("does not change when connect() is called again, and no second socket is opened", async () => {
    await connect()
    client.connect()
    await flush()
    expect(network.sockets).toHaveLength(1)
  })

  it.each(["connecting", "connected", "reconnecting"])("may be answered with disconnect() by a handler of %s", async (when) => {
    client.subscribe("orders", () => {})
    client.onStateChange((state) => state === when && client.disconnect())
    client.connect()
    await flush()
    network.sockets.at(-1)?.open()
    network.sockets.at(-1)?.end()
    await advance(60_000)
    expect(client.state).toBe("disconnected")
    expect(network.sockets.length).toBe(when === "connecting" ? 0 : 1)
  })
})

describe("disconnect()", () => {
  it("ends whatever was under way, and a later connect() works again", async () => {
    client.connect()
    client.disconnect()
    await advance(60_000)
    expect(network.sockets).toHaveLength(0)

    await connect()
    network.last.end()
    client.disconnect()
    await advance(60_000)
    expect(network.sockets).toHaveLength(1)

    client.connect()
    await flush()
    client.disconnect()
    network.last.open()
    expect(network.last.closed).toBe(true)
    expect(client.state).toBe("disconnected")

    await connect()
    expect(client.state).toBe("connected")
  })

  it("leaves no timer, listener or socket", async () => {
    const spies = [globalThis, document].map(
      (target) => [vi.spyOn(target, "addEventListener"), vi.spyOn(target, "removeEventListener")] as const,
    )
    await connectAndSubscribe()
    client.disconnect()
    expect(vi.getTimerCount()).toBe(0)
    expect(network.sockets.map((socket) => socket.closed)).toEqual([true])
    for (const [add, remove] of spies) {
      expect(add.mock.calls.length).toBeGreaterThan(0)
      expect(remove.mock.calls.map(([name, handler]) => [name, handler])).toEqual(add.mock.calls.map(([name, handler]) => [name, handler]))
    }
  })

  it("keeps subscriptions and positions for the next connect()", async () => {
    await connectAndSubscribe()
    client.disconnect()
    await connect()
    expect(network.last.sent).toEqual([clientFrame("subscribe with since", { id: 2 })])
  })

  it("rejects a pending ready()", async () => {
    client.subscribe("orders", () => {})
    const ready = client.ready("orders")
    client.connect()
    client.disconnect()
    await expect(ready).rejects.toMatchObject({ code: "disconnected" })
  })
})
