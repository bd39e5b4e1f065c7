import { describe, expect, it } from "vitest"
import { BroadcastError } from "../../src/errors.js"
import { create, event, log, reconnect, record, subscribe, subscriptions } from "../support/subscribed.js"
import { clientFrame, serverFrame } from "../support/frames.js"

describe("ready()", () => {
  it("resolves with the reply to the newest subscribe frame", async () => {
    const resolved: string[] = []
    const unsubscribe = subscriptions.add("orders", record)
    subscriptions.opened()
    subscriptions.frames()
    unsubscribe()
    subscriptions.frames()
    subscriptions.add("orders", record)
    const ready = subscriptions.ready("orders").then(() => resolved.push("ready"))
    subscriptions.frames()
    subscriptions.receive(serverFrame("subscribed", { id: 1 }))
    await Promise.resolve()
    expect(resolved).toEqual([])
    subscriptions.receive(serverFrame("subscribed", { id: 3 }))
    await ready
    await expect(subscriptions.ready("orders")).resolves.toBeUndefined()
  })

  it("rejects if the channel is refused, both a pending call and a later one", async () => {
    subscriptions.add("orders", record)
    const ready = subscriptions.ready("orders")
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(serverFrame("error of a channel"))
    await expect(ready).rejects.toMatchObject({ code: "forbidden", message: "not yours", channel: "orders" })
    await expect(subscriptions.ready("orders")).rejects.toBeInstanceOf(BroadcastError)
    await expect(subscriptions.ready("contacts")).rejects.toMatchObject({ code: "unsubscribed" })
  })

  it("rejects if the last handler is removed, or the client disconnects", async () => {
    const unsubscribe = subscriptions.add("orders", record)
    const first = subscriptions.ready("orders")
    unsubscribe()
    subscriptions.frames()
    await expect(first).rejects.toMatchObject({ code: "unsubscribed" })
    subscriptions.add("orders", record)
    const second = subscriptions.ready("orders")
    subscriptions.reject(new BroadcastError("disconnected", "over"))
    await expect(second).rejects.toMatchObject({ code: "disconnected" })
  })
})

describe("a refusal", () => {
  it("that names a channel refuses it alone; it is requested again on the next connection or for a new handler", () => {
    subscriptions.add("orders", record)
    subscriptions.add("contacts", record)
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(serverFrame("error of a channel"))
    subscriptions.receive({ id: 1, subscribed: { contacts: { epoch: "k3f9", offset: 0 } } })
    event(1, { channel: "contacts" })
    expect(subscriptions.frames()).toEqual([])
    subscriptions.add("orders", record)
    expect(subscriptions.frames()).toEqual([{ subscribe: ["orders"], id: 2 }])
    subscriptions.receive(serverFrame("error of a channel", { id: 2 }))
    expect(reconnect()).toMatchObject([{ subscribe: ["orders", "contacts"] }])
    expect(log).toEqual([["failed", "forbidden", "orders"], 1, ["failed", "forbidden", "orders"]])
  })

  it("of a whole frame refuses each of its channels", async () => {
    subscriptions.add("orders", record)
    const ready = subscriptions.ready("orders")
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(serverFrame("error"))
    await expect(ready).rejects.toMatchObject({ code: "invalid_message", channel: "orders" })
    expect(subscriptions.frames()).toEqual([])
    expect(log).toEqual([["failed", "invalid_message", undefined]])
  })

  it("under the id of a token renewal takes the channel away", () => {
    subscribe()
    subscriptions.receive(serverFrame("error of a channel", { id: "auth" }))
    expect(subscriptions.frames()).toEqual([])
    expect(log).toEqual([["failed", "forbidden", "orders"]])
  })

  it("of another frame does not end the subscription", () => {
    subscribe()
    subscriptions.receive(serverFrame("error of a channel", { id: undefined }))
    event(42)
    expect(log).toEqual([["failed", "forbidden", "orders"], 42])
  })

  it.each(["unavailable", "rate_limited", "internal"])("with the temporary code %s is retried, later each time", (code) => {
    subscriptions.add("orders", record)
    subscriptions.opened()
    for (const id of [1, 2]) {
      expect(subscriptions.frames()).toEqual([clientFrame("subscribe with id", { id })])
      subscriptions.receive({ id, error: { code, message: "later", channel: "orders" } })
    }
    subscriptions.frames()
    subscriptions.receive(serverFrame("subscribed", { id: 3 }))
    subscriptions.add("contacts", record)
    subscriptions.frames()
    subscriptions.receive({ id: 4, error: { code, message: "later", channel: "contacts" } })
    const failed = ["failed", code, "orders"]
    expect(log).toEqual([["retry", 0], failed, ["retry", 1], failed, ["retry", 0], ["failed", code, "contacts"]])
  })

  it("that names the delay is retried after it", () => {
    subscriptions.add("orders", record)
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(serverFrame("rate limited"))
    expect(log).toEqual([["retry", 0, 400], ["failed", "rate_limited", undefined]])
    expect(subscriptions.frames()).toEqual([clientFrame("subscribe with id", { id: 2 })])
  })

  it("of an unsubscribe frame for a temporary reason is followed by another one", () => {
    subscribe()()
    expect(subscriptions.frames()).toEqual([clientFrame("unsubscribe")])
    subscriptions.receive(serverFrame("rate limited", { id: 2 }))
    expect(log).toEqual([["retry", 0, 400], ["failed", "rate_limited", undefined]])
    expect(subscriptions.frames()).toEqual([clientFrame("unsubscribe", { id: 3 })])
    subscriptions.receive(serverFrame("unsubscribed", { id: 3 }))
    expect(subscriptions.frames()).toEqual([])
  })

  it("of an unsubscribe frame is followed by another one before the channel is subscribed again", () => {
    subscribe()()
    subscriptions.frames()
    subscriptions.receive(serverFrame("rate limited", { id: 2 }))
    subscriptions.add("orders", record)
    expect(subscriptions.frames()).toEqual([clientFrame("unsubscribe", { id: 3 }), clientFrame("subscribe with id", { id: 4 })])
  })

  it("of a refresh frame for a temporary reason is followed by another one", () => {
    subscribe()
    subscriptions.refresh("orders")
    subscriptions.frames()
    subscriptions.receive({ id: 2, error: { code: "unavailable", message: "try again" } })
    expect(log).toEqual([["retry", 0], ["failed", "unavailable", undefined]])
    expect(subscriptions.frames()).toEqual([{ refresh: ["orders"], id: 3 }])
  })

  it("that names a channel, for too many channels or a wrong name, refuses that channel alone", () => {
    for (const name of ["c1", "c2", "c3", "c4"]) subscriptions.add(name, record)
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(serverFrame("error of a wrong name", { error: { code: "invalid_channel", message: "", channel: "c1" } }))
    for (const channel of ["c3", "c4"]) subscriptions.receive({ id: 1, error: { code: "too_many_channels", message: "", channel } })
    subscriptions.receive({ id: 1, subscribed: { c2: { epoch: "k3f9", offset: 0 } } })
    event(1, { channel: "c2" })
    expect(subscriptions.frames()).toEqual([])
    expect(log.filter((one) => one === 1)).toHaveLength(1)
    expect(reconnect()).toMatchObject([{ subscribe: ["c1"] }]) // the connection holds one channel
    subscriptions.receive(serverFrame("error of a wrong name", { id: 2, error: { code: "invalid_channel", message: "", channel: "c1" } }))
    expect(subscriptions.frames()).toMatchObject([{ subscribe: ["c2"] }])
  })

  it("for too many channels is followed by a request for half as many", async () => {
    const names = Array.from({ length: 12 }, (_, n) => `c${n}`)
    for (const name of names) subscriptions.add(name, record)
    subscriptions.opened()
    const held = serve(10)
    expect(held.size).toBe(6)
    await expect(subscriptions.ready("c11")).rejects.toMatchObject({ code: "too_many_channels" })
  })

  it("for lack of room ends when another channel is unsubscribed", async () => {
    create(1)
    const unsubscribe = subscriptions.add("orders", record)
    subscriptions.add("contacts", record)
    subscriptions.opened()
    expect(subscriptions.frames()).toMatchObject([{ subscribe: ["orders"] }])
    await expect(subscriptions.ready("contacts")).rejects.toMatchObject({ code: "too_many_channels" })
    unsubscribe()
    expect(subscriptions.frames()).toMatchObject([{ unsubscribe: ["orders"] }, { subscribe: ["contacts"] }])
  })

  /** A server whose connections may hold so many channels. Returns those it holds in the end. */
  function serve(limit: number): Set<string> {
    const held = new Set<string>()
    for (let frames = subscriptions.frames(); frames.length > 0; frames = subscriptions.frames()) {
      for (const frame of frames) {
        if (!("subscribe" in frame)) continue
        if (held.size + frame.subscribe.length > limit) {
          subscriptions.receive({ id: frame.id!, error: { code: "too_many_channels", message: "" } })
        } else {
          for (const name of frame.subscribe) held.add(name)
          const positions = frame.subscribe.map((name) => [name, { epoch: "k3f9", offset: 0 }])
          subscriptions.receive({ id: frame.id!, subscribed: Object.fromEntries(positions) })
        }
      }
    }
    return held
  }
})

describe("a channel that ended", () => {
  it("is reported, and requested again only for a new handler", async () => {
    subscribe()
    subscriptions.receive(serverFrame("channel ended"))
    await expect(subscriptions.ready("orders")).rejects.toMatchObject({ code: "ended" })
    expect(reconnect()).toEqual([])
    subscriptions.add("orders", () => {})
    expect(subscriptions.frames()).toEqual([clientFrame("subscribe with id", { id: 2 })])
    subscriptions.receive(serverFrame("subscribed", { id: 2, subscribed: { orders: { epoch: "x81c", offset: 0 } } }))
    event(1)
    expect(log).toEqual([["failed", "ended", "orders"], 1])
  })

  it("before the reply to its subscribe frame is requested again", () => {
    subscriptions.add("orders", record)
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(serverFrame("channel ended"))
    expect(subscriptions.frames()).toEqual([clientFrame("subscribe with id", { id: 2 })])
  })

  it("before the reply to its subscribe frame is unsubscribed if it has no handler any more", () => {
    const unsubscribe = subscriptions.add("orders", record)
    subscriptions.opened()
    subscriptions.frames()
    subscriptions.receive(serverFrame("channel ended"))
    unsubscribe()
    expect(subscriptions.frames()).toEqual([clientFrame("unsubscribe")])
  })

  it("is different from the reply to an unsubscribe frame", () => {
    subscribe()
    subscriptions.receive(serverFrame("unsubscribed"))
    event(42)
    expect(log).toEqual([42])
  })
})
