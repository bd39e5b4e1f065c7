// @vitest-environment happy-dom
import { describe, expect, it, vi } from "vitest"
import { BroadcastError } from "@pattern-stack/broadcast"
import { clientFrame, serverFrame } from "../support/frames.js"
import { advance, client, connect, connectAndSubscribe, create, flush, network } from "../support/fake-time.js"

/** Lets so many connections fail in a row. Returns the delays before the next attempts, in milliseconds. */
async function failures(count: number): Promise<number[]> {
  const delays: number[] = []
  for (let n = 0; n < count; n++) {
    const opened = network.sockets.length
    const from = Date.now()
    network.last.end()
    while (network.sockets.length === opened) await advance(100)
    delays.push(Date.now() - from)
  }
  return delays
}

describe("reconnecting", () => {
  it("doubles the delay from 1 s to 30 s, and starts over after a frame from the server", async () => {
    await connect()
    expect(await failures(7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    network.last.open()
    network.last.receive(serverFrame("subscribed"))
    expect(await failures(2)).toEqual([1_000, 2_000])
  })

  it("subtracts a random part of up to half of the delay", async () => {
    await connect()
    vi.spyOn(Math, "random").mockReturnValue(1)
    expect(await failures(3)).toEqual([500, 1_000, 2_000])
  })

  it("waits as long as the server says, even when the network comes back", async () => {
    await connect()
    network.last.end(1012, "retry-after=1.7")
    expect(client.lastClose).toEqual({ code: 1012, reason: "retry-after=1.7", final: false })
    window.dispatchEvent(new Event("online"))
    await advance(1_699)
    expect(network.sockets).toHaveLength(1)
    await advance(1)
    expect(network.sockets).toHaveLength(2)
  })

  it("happens at once when the network is back, or the page becomes visible", async () => {
    await connect()
    for (const wakeup of [() => window.dispatchEvent(new Event("online")), () => document.dispatchEvent(new Event("visibilitychange"))]) {
      const count = network.sockets.length
      network.last.end()
      await flush()
      wakeup()
      wakeup()
      await flush()
      expect(network.sockets).toHaveLength(count + 1)
    }
  })

  it("does not happen earlier when the page becomes hidden", async () => {
    await connect()
    network.last.end()
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden")
    document.dispatchEvent(new Event("visibilitychange"))
    await flush()
    expect(network.sockets).toHaveLength(1)
  })

  it("happens at once when the machine wakes from sleep", async () => {
    await connect()
    await failures(6)
    network.last.end()
    vi.setSystemTime(Date.now() + 3_600_000)
    await advance(5_000)
    expect(network.sockets).toHaveLength(8)
  })

  it.each([1000, 1001, 1005, 1006, 1011, 1012, 1013, 4408])("follows close code %i", async (code) => {
    await connect()
    network.last.end(code)
    expect(client.state).toBe("reconnecting")
  })

  it.each([1002, 1007, 1008, 1009, 4401, 4403])("does not follow close code %i, which lastClose shows", async (code) => {
    client.subscribe("orders", () => {})
    await connect()
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

  it("goes on for as long as the server refuses with 1013, with a growing delay", async () => {
    create({ token: "TOKEN" })
    client.connect()
    await flush()
    const delays: number[] = []
    for (let n = 0; n < 8; n++) {
      const from = Date.now()
      network.last.open()
      network.last.end(1013, "the database is away")
      for (const count = network.sockets.length; network.sockets.length === count; ) await advance(100)
      delays.push(Date.now() - from)
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    expect(client.lastClose).toEqual({ code: 1013, reason: "the database is away", final: false })
  })

  it("waits longer than the server says if that did not help three times", async () => {
    await connect()
    const delays: number[] = []
    for (let n = 0; n < 6; n++) {
      const from = Date.now()
      network.last.end(1012, "retry-after=0")
      for (const count = network.sockets.length; network.sockets.length === count; ) await advance(100)
      delays.push(Date.now() - from)
    }
    expect(delays).toEqual([100, 100, 100, 1_000, 2_000, 4_000])
  })

  it("is not tried for a URL that can never work, and lastClose has the error", async () => {
    create({
      socket: () => {
        throw new SyntaxError("not a URL")
      },
    })
    client.connect()
    await flush()
    expect(client.lastClose).toMatchObject({ final: true, reason: expect.stringContaining("not a URL") })
    expect(client.state).toBe("disconnected")
  })

  it("recovers missed events: each is delivered once", async () => {
    const offsets: unknown[] = []
    await connectAndSubscribe(({ offset }) => offsets.push(offset))
    network.last.receive(serverFrame("event", { offset: 42 }))
    network.last.end()
    await advance(1_000)
    network.last.open()
    expect(network.last.sent).toEqual([clientFrame("subscribe with since", { id: 2, since: { orders: { epoch: "k3f9", offset: 42 } } })])
    network.last.receive(serverFrame("subscribed, recovered", { id: 2, subscribed: { orders: { epoch: "k3f9", offset: 42, recovered: true } } }))
    network.last.receive(...[43, 43, 44].map((offset) => serverFrame("event", { offset })))
    expect(offsets).toEqual([42, 43, 44])
  })

  it("reports a reset if missed events cannot be recovered", async () => {
    const resets: string[] = []
    client.onReset((channel) => resets.push(channel))
    await connectAndSubscribe()
    network.last.end()
    await advance(1_000)
    network.last.open()
    network.last.receive(serverFrame("subscribed, not recovered", { id: 2 }), serverFrame("reset"))
    expect(resets).toEqual(["orders"])
  })
})

describe("the option reconnect", () => {
  it("sets the first and the longest delay", async () => {
    create({ reconnect: { first: 200, most: 1_000 } })
    await connect()
    expect(await failures(5)).toEqual([200, 400, 800, 1_000, 1_000])
  })

  it("limits the failed attempts in a row: then the client disconnects", async () => {
    create({ reconnect: { tries: 2 } })
    await connect()
    await failures(1)
    network.last.open()
    network.last.receive(serverFrame("pong"))
    await failures(2)
    expect(client.state).toBe("reconnecting")
    network.last.end(1006, "no")
    expect(client.state).toBe("disconnected")
    expect(client.lastClose).toEqual({ code: 1006, reason: "no", final: true })
    client.connect()
    await flush()
    expect(network.sockets).toHaveLength(5)
  })

  it("with 0 tries never reconnects", async () => {
    create({ reconnect: { tries: 0 } })
    await connect()
    network.last.end()
    expect(client.state).toBe("disconnected")
  })
})
