// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest"
import { BroadcastError } from "@pattern-stack/broadcast"
import { asked, said } from "../support/golden.js"
import { after, client, connected, following, make, network, turn } from "../support/timed.js"

/** The delays, in milliseconds, between so many tries that all fail. */
async function delays(tries: number): Promise<number[]> {
  const found: number[] = []
  for (let n = 0; n < tries; n++) {
    const count = network.sockets.length
    const from = Date.now()
    network.last.end()
    while (network.sockets.length === count) await after(100)
    found.push(Date.now() - from)
  }
  return found
}

describe("coming back", () => {
  it("waits from 1 s to 30 s, doubling, and begins anew once the server has said something", async () => {
    await connected()
    expect(await delays(7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    network.last.open()
    network.last.say(said("subscribed"))
    expect(await delays(2)).toEqual([1_000, 2_000])
  })

  it("waits up to half as long by chance", async () => {
    await connected()
    vi.spyOn(Math, "random").mockReturnValue(1)
    expect(await delays(3)).toEqual([500, 1_000, 2_000])
  })

  it("keeps the delay that the server names, and does not wake from it", async () => {
    await connected()
    network.last.end(1012, "retry-after=1.7")
    expect(client.lastClose).toEqual({ code: 1012, reason: "retry-after=1.7", final: false })
    window.dispatchEvent(new Event("online"))
    await after(1_699)
    expect(network.sockets).toHaveLength(1)
    await after(1)
    expect(network.sockets).toHaveLength(2)
  })

  it("happens at once when the network is back, or somebody looks at the page", async () => {
    await connected()
    for (const wake of [() => window.dispatchEvent(new Event("online")), () => document.dispatchEvent(new Event("visibilitychange"))]) {
      const count = network.sockets.length
      network.last.end()
      await turn()
      wake()
      wake()
      await turn()
      expect(network.sockets).toHaveLength(count + 1)
    }
  })

  it("does not happen sooner because somebody looks away", async () => {
    await connected()
    network.last.end()
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden")
    document.dispatchEvent(new Event("visibilitychange"))
    await turn()
    expect(network.sockets).toHaveLength(1)
  })

  it("happens at once when the machine wakes from sleep", async () => {
    await connected()
    await delays(6)
    network.last.end()
    vi.setSystemTime(Date.now() + 3_600_000)
    await after(5_000)
    expect(network.sockets).toHaveLength(8)
  })

  it.each([1000, 1001, 1005, 1006, 1011, 1012, 4408])("follows a close with %i", async (code) => {
    await connected()
    network.last.end(code)
    expect(client.state).toBe("reconnecting")
  })

  it.each([1002, 1007, 1008, 1009, 4401, 4403])("does not follow a close with %i, and the reason can be seen", async (code) => {
    client.subscribe("orders", () => {})
    await connected()
    const ready = client.ready("orders")
    network.last.end(code, "no more")
    expect(client.state).toBe("disconnected")
    expect(client.lastClose).toEqual({ code, reason: "no more", final: true })
    expect(vi.getTimerCount()).toBe(0)
    await expect(ready).rejects.toMatchObject({ code: "disconnected", message: `${code} no more` })
    await expect(client.ready("orders")).rejects.toBeInstanceOf(BroadcastError)
    client.connect()
    expect(client.lastClose).toBeNull()
  })

  it("gives up an address that can never work, and says why", async () => {
    make({
      socket: () => {
        throw new SyntaxError("not an address")
      },
    })
    client.connect()
    await turn()
    expect(client.lastClose).toMatchObject({ final: true, reason: expect.stringContaining("not an address") })
    expect(client.state).toBe("disconnected")
  })

  it("recovers: each event once, and none is missing", async () => {
    const offsets: unknown[] = []
    await following(({ offset }) => offsets.push(offset))
    network.last.say(said("event", { offset: 42 }))
    network.last.end()
    await after(1_000)
    network.last.open()
    expect(network.last.sent).toEqual([asked("subscribe with since", { id: 2, since: { orders: { epoch: "k3f9", offset: 42 } } })])
    network.last.say(said("subscribed, recovered", { id: 2, subscribed: { orders: { epoch: "k3f9", offset: 42, recovered: true } } }))
    network.last.say(said("event", { offset: 43 }), said("event", { offset: 43 }), said("event", { offset: 44 }))
    expect(offsets).toEqual([42, 43, 44])
  })

  it("says where it could not recover", async () => {
    const resets: string[] = []
    client.onReset((channel) => resets.push(channel))
    await following()
    network.last.end()
    await after(1_000)
    network.last.open()
    network.last.say(said("subscribed, not recovered", { id: 2 }), said("reset"))
    expect(resets).toEqual(["orders"])
  })
})
