import { afterEach, describe, expect, it, vi } from "vitest"
import { BroadcastError } from "../../src/errors.js"
import { event, idOf, log, reconnect, record, subscribe, subscriptions } from "../support/subscribed.js"
import { clientFrame, serverFrame } from "../support/frames.js"

afterEach(() => {
  vi.unstubAllEnvs()
})

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
    expect(subscriptions.frames()).toEqual([clientFrame("unsubscribe")])
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

describe("refresh()", () => {
  it("asks for another snapshot, once for several calls", () => {
    subscribe()
    subscriptions.refresh("orders")
    subscriptions.refresh("orders")
    expect(subscriptions.frames()).toEqual([{ refresh: ["orders"], id: 2 }])
    expect(subscriptions.frames()).toEqual([])
  })

  it("waits for the acknowledgement of the channel after a reconnect", () => {
    subscribe()
    subscriptions.closed()
    subscriptions.refresh("orders")
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([clientFrame("subscribe with since", { id: 2 })])
    subscriptions.receive(serverFrame("subscribed, recovered", { id: 2 }))
    expect(subscriptions.frames()).toEqual([{ refresh: ["orders"], id: 3 }])
  })

  it("reports a channel without a handler", () => {
    subscriptions.refresh("orders")
    expect(log).toEqual([["failed", "unsubscribed", "orders"]])
  })
})

describe("add()", () => {
  it.each(["", "a b", "orders*", "x".repeat(201), "ü"])("throws for the channel name %j", (name) => {
    expect(() => subscriptions.add(name, record)).toThrow(BroadcastError)
  })

  it.each([undefined, null, 7, {}])("throws for %j instead of a channel name", (name) => {
    expect(() => subscriptions.add(name as never, record)).toThrow("not a channel name")
  })

  it.each([`items:${undefined}`, `items:${null}:1`, `items/${Number.NaN}`, "undefined"])("throws in development if a part is missing: %s", (name) => {
    expect(() => subscriptions.add(name, record)).toThrow("missing")
    vi.stubEnv("NODE_ENV", "production")
    subscriptions.add(name, record)
  })

  it.each(["items:nullable", "undefined-items", "NaNs"])("takes %s, in which no part is missing", (name) => {
    subscriptions.add(name, record)
  })

  it("throws without a handler, and keeps nothing", () => {
    expect(() => subscriptions.add("orders", undefined as never)).toThrow("a handler is a function, not undefined")
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([])
  })
})
