import { describe, expect, it, vi } from "vitest"
import { clientFrame, serverFrame } from "../support/frames.js"
import { advance, client, connect, connectAndSubscribe, create, flush, network } from "../support/fake-time.js"

describe("subscribe()", () => {
  it("works before connect(), and several calls in one turn send one frame", async () => {
    client.subscribe("orders", () => {})
    client.subscribe("contacts", () => {})
    client.subscribe("orders", () => {})
    await connect()
    expect(network.last.sent).toEqual([clientFrame("subscribe", { id: 1 })])
  })

  it("sends nothing if the channel is unsubscribed in the same turn", async () => {
    await connect()
    client.subscribe("orders", () => {})()
    await flush()
    expect(network.last.sent).toEqual([{ ping: 1 }])
  })

  it("delivers to every handler even if one throws", async () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => {})
    const events: unknown[] = []
    client.subscribe("orders", () => {
      throw new Error("from the handler")
    })
    await connectAndSubscribe((event) => events.push(event))
    network.last.receive(serverFrame("event"))
    expect(events).toEqual([serverFrame("event")])
    expect(errors).toHaveBeenCalledOnce()
  })

  it("never sends faster than a server allows, and in the end sends everything", async () => {
    await connect()
    const held = (): string[] => {
      const names = new Set<string>()
      for (const frame of network.last.sent) {
        if ("subscribe" in frame) frame.subscribe.forEach((name) => names.add(name))
        if ("unsubscribe" in frame) frame.unsubscribe.forEach((name) => names.delete(name))
      }
      return [...names]
    }
    for (let second = 1; second <= 5; second++) {
      for (let n = 0; n < 100; n++) {
        const unsubscribe = client.subscribe(`c${second}:${n}`, () => {})
        await flush()
        if (n < 99) unsubscribe()
        await advance(10)
      }
      expect(network.last.sent.length).toBeLessThanOrEqual(110 + 50 * second)
    }
    await advance(1_000)
    expect(held()).toEqual([1, 2, 3, 4, 5].map((second) => `c${second}:99`))
    for (let n = 0; n < 200; n++) {
      client.subscribe("late", () => {})()
      client.subscribe(`late:${n}`, () => {})
      await flush()
    }
    client.disconnect() // while frames are still held back
    client.subscribe("later", () => {})()
    await flush()
  })

  it("is tried again if the server is temporarily unavailable", async () => {
    client.onError(() => {})
    client.subscribe("orders", () => {})
    await connect()
    network.last.receive({ id: 1, error: { code: "unavailable", message: "try again", channel: "orders" } }, { id: 1, subscribed: {} })
    await advance(1_000)
    expect(network.last.sent).toEqual([clientFrame("subscribe with id"), clientFrame("subscribe with id", { id: 2 })])
    network.last.receive({ id: 2, error: { code: "unavailable", message: "try again", channel: "orders" } })
    client.disconnect()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe("a refusal", () => {
  it("makes room for a channel that waits for it", async () => {
    create({ maxChannels: 1 })
    client.onError(() => {})
    client.subscribe("orders", () => {})
    client.subscribe("contacts", () => {})
    await connect()
    network.last.receive(serverFrame("error of a channel"))
    await flush()
    expect(network.last.sent.slice(1)).toEqual([{ subscribe: ["contacts"], id: 2 }])
  })
})

describe("a refusal with retry_after", () => {
  it("makes the client send nothing for that time, and then everything", async () => {
    client.onError(() => {})
    client.subscribe("orders", () => {})
    await connect()
    network.last.receive(serverFrame("rate limited"))
    client.subscribe("contacts", () => {})
    await advance(399)
    expect(network.last.sent).toEqual([clientFrame("subscribe with id")])
    await advance(1)
    expect(network.last.sent.slice(1)).toEqual([clientFrame("subscribe", { id: 2 })])
  })

  it("is forgotten when the connection is lost", async () => {
    client.onError(() => {})
    client.subscribe("orders", () => {})
    await connect()
    network.last.receive({ id: 1, error: { code: "rate_limited", message: "", retry_after: 60 } })
    network.last.end()
    await advance(1_000)
    network.last.open()
    expect(network.last.sent).toEqual([clientFrame("subscribe with id", { id: 2 })])
  })
})

describe("ready()", () => {
  it("resolves with the server's reply", async () => {
    client.subscribe("orders", () => {})
    const ready = client.ready("orders")
    await connect()
    network.last.receive(serverFrame("subscribed"))
    await ready
  })
})

describe("refresh()", () => {
  it("asks for another snapshot", async () => {
    await connectAndSubscribe()
    client.refresh("orders")
    await flush()
    expect(network.last.sent.at(-1)).toEqual({ refresh: ["orders"], id: 2 })
  })
})

describe("refresh() while not connected", () => {
  it("asks for another snapshot after the reconnect", async () => {
    await connectAndSubscribe()
    network.last.end()
    client.refresh("orders")
    await advance(1_000)
    network.last.open()
    await flush()
    expect(network.last.sent).toEqual([clientFrame("subscribe with since", { id: 2 })])
    network.last.receive(serverFrame("subscribed, recovered", { id: 2 }))
    await flush()
    expect(network.last.sent.slice(1)).toEqual([{ refresh: ["orders"], id: 3 }])
  })
})

describe("onJoin()", () => {
  it("reports the first acknowledgement of a channel, and the first one after the channel ended", async () => {
    const joined: string[] = []
    client.onError(() => {})
    client.onJoin((channel) => joined.push(channel))
    await connectAndSubscribe()
    expect([joined, client.isJoined("orders"), client.isJoined("contacts")]).toEqual([["orders"], true, false])
    network.last.end()
    await advance(1_000)
    network.last.open()
    network.last.receive(serverFrame("subscribed, recovered", { id: 2 }))
    expect(joined).toEqual(["orders"])
    network.last.receive(serverFrame("channel ended"))
    expect(client.isJoined("orders")).toBe(false)
    client.subscribe("orders", () => {})
    await flush()
    network.last.receive(serverFrame("subscribed", { id: 3 }))
    expect(joined).toEqual(["orders", "orders"])
  })
})

describe("onError()", () => {
  it("reports refusals; without a handler they go to the console", async () => {
    const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
    client.subscribe("orders", () => {})
    await connect()
    network.last.receive(serverFrame("error of a channel"))
    expect(warnings).toHaveBeenCalledExactlyOnceWith("[broadcast] orders forbidden: not yours")
    const codes: string[] = []
    client.onError(({ code }) => codes.push(code))
    network.last.receive(serverFrame("error without id"))
    expect(codes).toEqual(["invalid_json"])
    expect(warnings).toHaveBeenCalledOnce()
  })
})
