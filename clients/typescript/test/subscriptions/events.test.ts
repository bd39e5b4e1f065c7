import { describe, expect, it, vi } from "vitest"
import { event, idOf, log, reconnect, record, subscribe, subscriptions } from "../support/subscribed.js"
import { clientFrame, serverFrame } from "../support/frames.js"

const ordersAt = (epoch: string, offset: number, change: object = {}): object => ({ subscribed: { orders: { epoch, offset, ...change } } })

describe("events", () => {
  it("are delivered in order, once each", () => {
    subscribe()
    event(42)
    event(43)
    event(42)
    event(43)
    event(44)
    expect(log).toEqual([42, 43, 44])
  })

  it("are delivered to each handler of their channel, and to no other", () => {
    subscribe()
    subscriptions.add("orders", record)
    subscriptions.add("contacts", record)
    event(42)
    event(1, { channel: "elsewhere" })
    expect(log).toEqual([42, 42])
  })

  it("are delivered to each handler even if one throws", () => {
    const errors = vi.spyOn(console, "error").mockImplementation(() => {})
    subscriptions.add("orders", () => {
      throw new Error("from the handler")
    })
    subscriptions.add("orders", async () => {
      throw new Error("from the promise")
    })
    subscribe()
    event(42)
    expect(log).toEqual([42])
    expect(errors).toHaveBeenCalledOnce()
  })

  it("are not delivered to a handler that an earlier handler removed or added", () => {
    const unsubscribes: (() => void)[] = []
    subscriptions.add("orders", () => {
      unsubscribes[0]!()
      subscriptions.add("orders", record)
    })
    unsubscribes.push(subscribe())
    event(42)
    expect(log).toEqual([])
  })

  it("of a replay follow the position that was sent as since", () => {
    subscribe()
    event(42)
    reconnect()
    subscriptions.receive(serverFrame("subscribed, recovered", { id: 2, ...ordersAt("k3f9", 42, { recovered: true }) }))
    event(43)
    event(44)
    expect(log).toEqual([42, 43, 44])
  })

  it("before the reply are ignored on a reconnect: the replay contains them", () => {
    subscribe()
    reconnect()
    event(43)
    subscriptions.receive(serverFrame("subscribed, recovered", { id: 2 }))
    event(42)
    event(43)
    expect(log).toEqual([42, 43])
  })

  it("before the reply are delivered if no position was known", () => {
    subscriptions.opened()
    subscriptions.add("orders", record)
    event(41)
    subscriptions.receive(serverFrame("subscribed", { id: idOf(subscriptions.frames()[0]) }))
    event(42)
    expect(log).toEqual([41, 42])
  })

  it("of an unsubscribed channel are ignored until it is acknowledged again", () => {
    const unsubscribe = subscribe()
    unsubscribe()
    subscriptions.frames()
    subscriptions.add("orders", record)
    subscriptions.frames()
    event(42)
    subscriptions.receive(serverFrame("snapshot", { offset: 42 }))
    subscriptions.receive(serverFrame("unsubscribed"))
    subscriptions.receive(serverFrame("subscribed", { id: 3, ...ordersAt("k3f9", 45) }))
    event(46)
    expect(log).toEqual([46])
  })

  it("that are missing between those before the reply and the reply cause a reset", () => {
    subscriptions.opened()
    subscriptions.add("orders", record)
    event(40)
    subscriptions.receive(serverFrame("subscribed", { id: idOf(subscriptions.frames()[0]) }))
    event(42)
    expect(log).toEqual([40, ["reset", "orders"], 42])
  })

  it("of another tab do not move the position", () => {
    subscribe()
    subscriptions.deliverLocal({ channel: "orders", event: "created", payload: { tab: 1 }, timestamp: "" })
    event(42)
    expect(log).toEqual([{ tab: 1 }, 42])
  })
})

describe("a snapshot", () => {
  it("moves the position to its own, forward and back", () => {
    subscribe()
    subscriptions.receive(serverFrame("snapshot"))
    event(42)
    subscriptions.receive(serverFrame("snapshot", { offset: 41 }))
    event(42)
    subscriptions.receive(serverFrame("snapshot", { offset: 50 }))
    event(51)
    expect(log).toEqual([41, 42, 41, 42, 50, 51])
  })

  it("before the first reply is delivered: the server put the connection on the channel", () => {
    subscriptions.opened()
    subscriptions.add("orders", record)
    subscriptions.receive(serverFrame("snapshot"))
    expect(log).toEqual([41])
  })
})

describe("a gap in the offsets", () => {
  it("is filled by subscribing again from the position reached", () => {
    subscribe()
    event(42)
    event(44)
    const since = { since: { orders: { epoch: "k3f9", offset: 42 } } }
    expect(subscriptions.frames()).toEqual([clientFrame("unsubscribe"), clientFrame("subscribe with since", { id: 3, ...since })])
    event(45)
    subscriptions.receive(serverFrame("subscribed, recovered", { id: 3, ...ordersAt("k3f9", 42, { recovered: true }) }))
    for (const offset of [43, 44, 45, 46]) event(offset)
    expect(log).toEqual([42, 43, 44, 45, 46])
  })

  it("is a reset if it is still there after that, and is not requested again", () => {
    subscribe()
    event(43)
    const [, frame] = subscriptions.frames()
    subscriptions.receive(serverFrame("subscribed, recovered", { id: idOf(frame) }))
    event(43)
    event(44)
    expect(subscriptions.frames()).toEqual([])
    expect(log).toEqual([["reset", "orders"], 43, 44])
  })
})

describe("a reset", () => {
  it("is reported, and sets the position", () => {
    subscribe()
    subscriptions.receive(serverFrame("reset"))
    event(7)
    event(8)
    expect(reconnect()).toEqual([clientFrame("subscribe with since", { id: 2, since: { orders: { epoch: "x81c", offset: 8 } } })])
    expect(log).toEqual([["reset", "orders"], 8])
  })

  it("is reported once if a position could not be recovered", () => {
    subscribe()
    reconnect()
    subscriptions.receive(serverFrame("subscribed, not recovered", { id: 2 }))
    subscriptions.receive(serverFrame("reset"))
    event(8)
    expect(log).toEqual([["reset", "orders"], 8])
  })

  it("is reported with the reply, for the connection may break before the reset frame", () => {
    subscribe()
    reconnect()
    subscriptions.receive(serverFrame("subscribed, not recovered", { id: 2 }))
    reconnect()
    subscriptions.receive(serverFrame("subscribed, recovered", { id: 3, ...ordersAt("x81c", 7, { recovered: true }) }))
    event(8)
    subscriptions.receive(serverFrame("reset"))
    expect(log).toEqual([["reset", "orders"], 8, ["reset", "orders"]])
  })

  it("is reported if the reply does not say whether it recovered, unless the position is unchanged", () => {
    subscribe()
    reconnect()
    subscriptions.receive(serverFrame("subscribed", { id: 2 }))
    expect(log).toEqual([])
    reconnect()
    subscriptions.receive(serverFrame("subscribed", { id: 3, ...ordersAt("k3f9", 42) }))
    expect(log).toEqual([["reset", "orders"]])
  })
})

describe("a server that never replies", () => {
  it("causes a reset at a gap, for the gap cannot be filled", () => {
    subscriptions.add("orders", record)
    subscriptions.opened()
    subscriptions.frames()
    for (const offset of [7, 8, 10, 11]) event(offset)
    expect(log).toEqual([7, 8, ["reset", "orders"], 10, 11])
  })

  it("has its events delivered as they come, and causes a reset at each reconnect", () => {
    subscriptions.add("orders", record)
    subscriptions.add("contacts", record)
    subscriptions.opened()
    subscriptions.frames()
    event(7)
    event(8)
    reconnect()
    event(12)
    subscriptions.assumeJoined()
    event(13)
    reconnect()
    subscriptions.assumeJoined()
    expect(log).toEqual([7, 8, ["reset", "orders"], 12, 13, ["reset", "orders"], ["reset", "contacts"]])
  })
})
