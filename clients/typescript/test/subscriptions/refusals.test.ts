import { describe, expect, it } from "vitest"
import { BroadcastError } from "../../src/errors.js"
import { again, create, event, follow, hear, subscriptions, told } from "../support/followed.js"
import { asked, said } from "../support/golden.js"

describe("ready", () => {
  it("resolves with the reply to the subscribe that counts", async () => {
    const state: string[] = []
    const leave = subscriptions.add("orders", hear)
    subscriptions.opened()
    subscriptions.frames()
    leave()
    subscriptions.frames()
    subscriptions.add("orders", hear)
    const ready = subscriptions.ready("orders").then(() => state.push("ready"))
    subscriptions.frames()
    subscriptions.receive(said("subscribed", { id: 1 }))
    await Promise.resolve()
    expect(state).toEqual([])
    subscriptions.receive(said("subscribed", { id: 2 }))
    await ready
    await expect(subscriptions.ready("orders")).resolves.toBeUndefined()
  })

  it("rejects where the channel is refused, at once and later", async () => {
    subscriptions.add("orders", hear)
    const ready = subscriptions.ready("orders")
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(said("error of a channel"))
    await expect(ready).rejects.toMatchObject({ code: "forbidden", message: "not yours", channel: "orders" })
    await expect(subscriptions.ready("orders")).rejects.toBeInstanceOf(BroadcastError)
    await expect(subscriptions.ready("contacts")).rejects.toMatchObject({ code: "unsubscribed" })
  })

  it("rejects where the last handler goes, and where the connection is given up", async () => {
    const leave = subscriptions.add("orders", hear)
    const first = subscriptions.ready("orders")
    leave()
    subscriptions.frames()
    await expect(first).rejects.toMatchObject({ code: "unsubscribed" })
    subscriptions.add("orders", hear)
    const second = subscriptions.ready("orders")
    subscriptions.reject(new BroadcastError("disconnected", "over"))
    await expect(second).rejects.toMatchObject({ code: "disconnected" })
  })
})

describe("a refusal", () => {
  it("of one channel leaves the others, and is asked again on the next connection or by the next handler", () => {
    subscriptions.add("orders", hear)
    subscriptions.add("contacts", hear)
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(said("error of a channel"))
    subscriptions.receive({ id: 1, subscribed: { contacts: { epoch: "k3f9", offset: 0 } } })
    event(1, { channel: "contacts" })
    expect(subscriptions.frames()).toEqual([])
    subscriptions.add("orders", hear)
    expect(subscriptions.frames()).toEqual([{ subscribe: ["orders"], id: 2 }])
    subscriptions.receive(said("error of a channel", { id: 2 }))
    expect(again()).toMatchObject([{ subscribe: ["orders", "contacts"] }])
    expect(told).toEqual([["failed", "forbidden", "orders"], 1, ["failed", "forbidden", "orders"]])
  })

  it("of a whole frame holds for each of its channels", async () => {
    subscriptions.add("orders", hear)
    const ready = subscriptions.ready("orders")
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(said("error"))
    await expect(ready).rejects.toMatchObject({ code: "invalid_message", channel: "orders" })
    expect(subscriptions.frames()).toEqual([])
    expect(told).toEqual([["failed", "invalid_message", undefined]])
  })

  it("with a token's renewal takes the channel away", () => {
    follow()
    subscriptions.receive(said("error of a channel", { id: "auth" }))
    expect(subscriptions.frames()).toEqual([])
    expect(told).toEqual([["failed", "forbidden", "orders"]])
  })

  it("of something else than the subscribe leaves the channel", () => {
    follow()
    subscriptions.receive(said("error of a channel", { id: undefined }))
    event(42)
    expect(told).toEqual([["failed", "forbidden", "orders"], 42])
  })

  it.each(["unavailable", "rate_limited", "internal"])("that passes (%s) is followed by another try, later each time", (code) => {
    subscriptions.add("orders", hear)
    subscriptions.opened()
    for (const id of [1, 2]) {
      expect(subscriptions.frames()).toEqual([asked("subscribe with id", { id })])
      subscriptions.receive({ id, error: { code, message: "later", channel: "orders" } })
    }
    subscriptions.frames()
    subscriptions.receive(said("subscribed", { id: 3 }))
    subscriptions.add("contacts", hear)
    subscriptions.frames()
    subscriptions.receive({ id: 4, error: { code, message: "later", channel: "contacts" } })
    const failed = ["failed", code, "orders"]
    expect(told).toEqual([["retry", 0], failed, ["retry", 1], failed, ["retry", 0], ["failed", code, "contacts"]])
  })

  it("for too many channels is followed by asking for half as many", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `c${n}`)
    for (const name of names) subscriptions.add(name, hear)
    subscriptions.opened()
    const held = serve(10)
    expect(held.size).toBe(6)
    await expect(subscriptions.ready("c11")).rejects.toMatchObject({ code: "too_many_channels" })
  })

  it("for want of room ends when there is room", async () => {
    create(1)
    const leave = subscriptions.add("orders", hear)
    subscriptions.add("contacts", hear)
    subscriptions.opened()
    expect(subscriptions.frames()).toMatchObject([{ subscribe: ["orders"] }])
    await expect(subscriptions.ready("contacts")).rejects.toMatchObject({ code: "too_many_channels" })
    leave()
    expect(subscriptions.frames()).toMatchObject([{ unsubscribe: ["orders"] }, { subscribe: ["contacts"] }])
  })

  /** A server that lets a connection hold so many channels; those it holds in the end. */
  function serve(limit: number): Set<string> {
    const held = new Set<string>()
    for (let frames = subscriptions.frames(); frames.length > 0; frames = subscriptions.frames()) {
      for (const frame of frames) {
        if (!("subscribe" in frame)) continue
        if (held.size + frame.subscribe.length > limit) {
          subscriptions.receive({ id: frame.id!, error: { code: "too_many_channels", message: "" } })
        } else {
          for (const name of frame.subscribe) held.add(name)
          const places = frame.subscribe.map((name) => [name, { epoch: "k3f9", offset: 0 }])
          subscriptions.receive({ id: frame.id!, subscribed: Object.fromEntries(places) })
        }
      }
    }
    return held
  }
})

describe("a channel that ended", () => {
  it("is told, and asked for again only by a new handler", async () => {
    follow()
    subscriptions.receive(said("channel ended"))
    await expect(subscriptions.ready("orders")).rejects.toMatchObject({ code: "ended" })
    expect(again()).toEqual([])
    subscriptions.add("orders", () => {})
    expect(subscriptions.frames()).toEqual([asked("subscribe with id", { id: 2 })])
    subscriptions.receive(said("subscribed", { id: 2, subscribed: { orders: { epoch: "x81c", offset: 0 } } }))
    event(1)
    expect(told).toEqual([["failed", "ended", "orders"], 1])
  })

  it("while its reply is awaited is asked for again", () => {
    subscriptions.add("orders", hear)
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(said("channel ended"))
    expect(subscriptions.frames()).toEqual([asked("subscribe with id", { id: 2 })])
  })

  it("is not what the reply to an unsubscribe says", () => {
    follow()
    subscriptions.receive(said("unsubscribed"))
    event(42)
    expect(told).toEqual([42])
  })
})
