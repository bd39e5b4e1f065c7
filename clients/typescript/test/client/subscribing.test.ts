import { describe, expect, it, vi } from "vitest"
import { asked, said } from "../support/golden.js"
import { after, client, connected, following, network, turn } from "../support/timed.js"

describe("subscribing", () => {
  it("works before connecting, and several in one turn are one frame", async () => {
    client.subscribe("orders", () => {})
    client.subscribe("contacts", () => {})
    client.subscribe("orders", () => {})
    await connected()
    expect(network.last.sent).toEqual([asked("subscribe", { id: 1 })])
  })

  it("and unsubscribing in one turn says nothing", async () => {
    await connected()
    client.subscribe("orders", () => {})()
    await turn()
    expect(network.last.sent).toEqual([])
  })

  it("goes on while a handler of the same channel throws", async () => {
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {})
    const heard: unknown[] = []
    client.subscribe("orders", () => {
      throw new Error("mine")
    })
    await following((event) => heard.push(event))
    network.last.say(said("event"))
    expect(heard).toEqual([said("event")])
    expect(complaints).toHaveBeenCalledOnce()
  })

  it("never says more than a server admits, and says all of it in the end", async () => {
    await connected()
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
        const leave = client.subscribe(`c${second}:${n}`, () => {})
        await turn()
        if (n < 99) leave()
        await after(10)
      }
      expect(network.last.sent.length).toBeLessThanOrEqual(110 + 50 * second)
    }
    await after(1_000)
    expect(held()).toEqual([1, 2, 3, 4, 5].map((second) => `c${second}:99`))
    for (let n = 0; n < 200; n++) {
      client.subscribe("late", () => {})()
      client.subscribe(`late:${n}`, () => {})
      await turn()
    }
    client.disconnect() // in the midst of it
    client.subscribe("later", () => {})()
    await turn()
  })

  it("asks for a snapshot again", async () => {
    await following()
    client.refresh("orders")
    expect(network.last.sent.at(-1)).toEqual({ refresh: ["orders"] })
  })

  it("is ready with the server's reply", async () => {
    client.subscribe("orders", () => {})
    const ready = client.ready("orders")
    await connected()
    network.last.say(said("subscribed"))
    await ready
  })

  it("tells when the server acknowledges a channel for the first time, or for the first time after its end", async () => {
    const joins: string[] = []
    client.onError(() => {})
    client.onJoin((channel) => joins.push(channel))
    await following()
    expect([joins, client.isJoined("orders"), client.isJoined("contacts")]).toEqual([["orders"], true, false])
    network.last.end()
    await after(1_000)
    network.last.open()
    network.last.say(said("subscribed, recovered", { id: 2 }))
    expect(joins).toEqual(["orders"])
    network.last.say(said("channel ended"))
    expect(client.isJoined("orders")).toBe(false)
    client.subscribe("orders", () => {})
    await turn()
    network.last.say(said("subscribed", { id: 3 }))
    expect(joins).toEqual(["orders", "orders"])
  })

  it("tells refusals to who listens, else to the console", async () => {
    const warnings = vi.spyOn(console, "warn").mockImplementation(() => {})
    client.subscribe("orders", () => {})
    await connected()
    network.last.say(said("error of a channel"))
    expect(warnings).toHaveBeenCalledExactlyOnceWith("[broadcast] orders forbidden: not yours")
    const codes: string[] = []
    client.onError(({ code }) => codes.push(code))
    network.last.say(said("error without id"))
    expect(codes).toEqual(["invalid_json"])
    expect(warnings).toHaveBeenCalledOnce()
  })

  it("is tried again where the server cannot just now", async () => {
    client.onError(() => {})
    client.subscribe("orders", () => {})
    await connected()
    network.last.say({ id: 1, error: { code: "unavailable", message: "try again", channel: "orders" } }, { id: 1, subscribed: {} })
    await after(1_000)
    expect(network.last.sent).toEqual([asked("subscribe with id"), asked("subscribe with id", { id: 2 })])
    network.last.say({ id: 2, error: { code: "unavailable", message: "try again", channel: "orders" } })
    client.disconnect()
    expect(vi.getTimerCount()).toBe(0)
  })
})
