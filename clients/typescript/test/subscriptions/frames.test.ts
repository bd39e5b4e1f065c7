import { describe, expect, it } from "vitest"
import { BroadcastError } from "../../src/errors.js"
import { again, event, follow, hear, idOf, subscriptions, told } from "../support/followed.js"
import { asked, said } from "../support/golden.js"

describe("what is said", () => {
  it("is nothing before the connection is open, then all at once", () => {
    subscriptions.add("orders", hear)
    subscriptions.add("contacts", hear)
    expect(subscriptions.frames()).toEqual([])
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([asked("subscribe", { id: 1 })])
    expect(subscriptions.frames()).toEqual([])
  })

  it("is one subscribe for the first handler and one unsubscribe after the last", () => {
    const first = follow()
    const second = subscriptions.add("orders", hear)
    expect(subscriptions.frames()).toEqual([])
    first()
    first()
    expect(subscriptions.frames()).toEqual([])
    second()
    expect(subscriptions.frames()).toEqual([{ unsubscribe: ["orders"] }])
    expect(subscriptions.frames()).toEqual([])
  })

  it("is nothing where a handler goes and another comes in one turn", () => {
    follow()()
    subscriptions.add("orders", hear)
    expect(subscriptions.frames()).toEqual([])
    event(42)
    expect(told).toEqual([42])
  })

  it("names the position reached after a break", () => {
    follow()
    expect(again()).toEqual([asked("subscribe with since", { id: 2 })])
    event(42)
    subscriptions.receive(said("subscribed, recovered", { id: 2 }))
    event(42)
    expect(idOf(again()[0])).toBe(3)
    expect(told).toEqual([42])
  })

  it("is split so that no frame is too long, and names no more channels than a connection may hold", () => {
    for (let n = 0; n < 130; n++) subscriptions.add(`${n}:`.padEnd(200, "x"), hear)
    subscriptions.opened()
    const channels = subscriptions.frames().map((frame) => ("subscribe" in frame ? frame.subscribe.length : 0))
    expect(channels).toEqual([64, 64])
    expect(told.filter((one) => Array.isArray(one) && one[1] === "too_many_channels")).toHaveLength(2)
  })

  it("fits into 64 KiB with the longest names and positions", () => {
    for (let n = 0; n < 64; n++) subscriptions.add(`${n}:`.padEnd(200, "x"), hear)
    subscriptions.opened()
    const [frame] = subscriptions.frames()
    const place = { epoch: "e".repeat(64), offset: Number.MAX_SAFE_INTEGER }
    const subscribed = Object.fromEntries((frame as { subscribe: string[] }).subscribe.map((name) => [name, place]))
    subscriptions.receive({ id: 1, subscribed })
    const text = JSON.stringify(again()[0])
    expect(text).toContain(`"offset":${place.offset}`)
    expect(text.length).toBeLessThan(65_536)
  })

  it.each(["", "a b", "orders*", "x".repeat(201), "ü"])("names no channel %j", (name) => {
    expect(() => subscriptions.add(name, hear)).toThrow(BroadcastError)
  })

  it("takes names that objects have by themselves", () => {
    for (const name of ["__proto__", "constructor", "toString"]) subscriptions.add(name, hear)
    subscriptions.opened()
    expect(subscriptions.frames()).toEqual([{ subscribe: ["__proto__", "constructor", "toString"], id: 1 }])
    subscriptions.receive(JSON.parse('{"id": 1, "subscribed": {"__proto__": {"epoch": "k3f9", "offset": 1}}}'))
    expect(JSON.stringify(again())).toContain('"since":{"__proto__":{"epoch":"k3f9","offset":1}}')
  })
})
