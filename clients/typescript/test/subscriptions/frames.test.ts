import { describe, expect, it } from "vitest"
import { BroadcastError } from "../../src/errors.js"
import { event, idOf, log, reconnect, record, subscribe, subscriptions } from "../support/subscribed.js"
import { clientFrame, serverFrame } from "../support/frames.js"

describe("frames()", () => {
  it("is empty until the connection is open, then subscribes all channels in one frame", () => {
    subscriptions.add("orders", record)
    subscriptions.add("contacts", record)
    expect(subscriptions.frames()).toEqual([])
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([clientFrame("subscribe", { id: 1 })])
    expect(subscriptions.frames()).toEqual([])
  })

  it("subscribes for the first handler, and unsubscribes after the last", () => {
    const first = subscribe()
    const second = subscriptions.add("orders", record)
    expect(subscriptions.frames()).toEqual([])
    first()
    first()
    expect(subscriptions.frames()).toEqual([])
    second()
    expect(subscriptions.frames()).toEqual([{ unsubscribe: ["orders"] }])
    expect(subscriptions.frames()).toEqual([])
  })

  it("is empty if one handler is removed and another added in one turn", () => {
    subscribe()()
    subscriptions.add("orders", record)
    expect(subscriptions.frames()).toEqual([])
    event(42)
    expect(log).toEqual([42])
  })

  it("contains the position reached after a reconnect", () => {
    subscribe()
    expect(reconnect()).toEqual([clientFrame("subscribe with since", { id: 2 })])
    event(42)
    subscriptions.receive(serverFrame("subscribed, recovered", { id: 2 }))
    event(42)
    expect(idOf(reconnect()[0])).toBe(3)
    expect(log).toEqual([42])
  })

  it("splits long frames, and subscribes no more channels than a connection may hold", () => {
    for (let n = 0; n < 130; n++) subscriptions.add(`${n}:`.padEnd(200, "x"), record)
    subscriptions.opened()
    const channels = subscriptions.frames().map((frame) => ("subscribe" in frame ? frame.subscribe.length : 0))
    expect(channels).toEqual([64, 64])
    expect(log.filter((one) => Array.isArray(one) && one[1] === "too_many_channels")).toHaveLength(2)
  })

  it("stays below 64 KiB per frame with the longest names and positions", () => {
    for (let n = 0; n < 64; n++) subscriptions.add(`${n}:`.padEnd(200, "x"), record)
    subscriptions.opened()
    const [frame] = subscriptions.frames()
    const position = { epoch: "e".repeat(64), offset: Number.MAX_SAFE_INTEGER }
    const subscribed = Object.fromEntries((frame as { subscribe: string[] }).subscribe.map((name) => [name, position]))
    subscriptions.receive({ id: 1, subscribed })
    const text = JSON.stringify(reconnect()[0])
    expect(text).toContain(`"offset":${position.offset}`)
    expect(text.length).toBeLessThan(65_536)
  })

  it("works with names that every object has as properties", () => {
    for (const name of ["__proto__", "constructor", "toString"]) subscriptions.add(name, record)
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([{ subscribe: ["__proto__", "constructor", "toString"], id: 1 }])
    subscriptions.receive(JSON.parse('{"id": 1, "subscribed": {"__proto__": {"epoch": "k3f9", "offset": 1}}}'))
    expect(JSON.stringify(reconnect())).toContain('"since":{"__proto__":{"epoch":"k3f9","offset":1}}')
  })
})

describe("add()", () => {
  it.each(["", "a b", "orders*", "x".repeat(201), "ü"])("throws for the channel name %j", (name) => {
    expect(() => subscriptions.add(name, record)).toThrow(BroadcastError)
  })
})
