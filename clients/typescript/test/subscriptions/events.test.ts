import { describe, expect, it, vi } from "vitest"
import { again, event, follow, hear, idOf, subscriptions, told } from "../support/followed.js"
import { asked, said } from "../support/golden.js"

describe("events", () => {
  it("come in order, each once", () => {
    follow()
    event(42)
    event(43)
    event(42)
    event(43)
    event(44)
    expect(told).toEqual([42, 43, 44])
  })

  it("go to each handler of their channel, and to no other", () => {
    follow()
    subscriptions.add("orders", hear)
    subscriptions.add("contacts", hear)
    event(42)
    event(1, { channel: "elsewhere" })
    expect(told).toEqual([42, 42])
  })

  it("are handed to each handler though one throws", () => {
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {})
    subscriptions.add("orders", () => {
      throw new Error("mine")
    })
    subscriptions.add("orders", async () => {
      throw new Error("later")
    })
    follow()
    event(42)
    expect(told).toEqual([42])
    expect(complaints).toHaveBeenCalledOnce()
  })

  it("are not handed to a handler that one before it removed, nor to one that it added", () => {
    const leave: (() => void)[] = []
    subscriptions.add("orders", () => {
      leave[0]!()
      subscriptions.add("orders", hear)
    })
    leave.push(follow())
    event(42)
    expect(told).toEqual([])
  })

  it("that are replayed follow the position that was asked for", () => {
    follow()
    event(42)
    again()
    subscriptions.receive(said("subscribed, recovered", { id: 2, subscribed: { orders: { epoch: "k3f9", offset: 42, recovered: true } } }))
    event(43)
    event(44)
    expect(told).toEqual([42, 43, 44])
  })

  it("that the server sends of itself before its reply are left to the replay", () => {
    follow()
    again()
    event(43)
    subscriptions.receive(said("subscribed, recovered", { id: 2 }))
    event(42)
    event(43)
    expect(told).toEqual([42, 43])
  })

  it("that the server sends of itself are taken where no position was known", () => {
    subscriptions.opened()
    subscriptions.add("orders", hear)
    event(41)
    subscriptions.receive(said("subscribed", { id: idOf(subscriptions.frames()[0]) }))
    event(42)
    expect(told).toEqual([41, 42])
  })

  it("of a channel that was left are old ones until it is held again", () => {
    const leave = follow()
    leave()
    subscriptions.frames()
    subscriptions.add("orders", hear)
    subscriptions.frames()
    event(42)
    subscriptions.receive(said("snapshot", { offset: 42 }))
    subscriptions.receive(said("subscribed", { id: 2, subscribed: { orders: { epoch: "k3f9", offset: 45 } } }))
    event(46)
    expect(told).toEqual([46])
  })

  it("that the server sends of itself, and its reply, leave no hole between them unseen", () => {
    subscriptions.opened()
    subscriptions.add("orders", hear)
    event(40)
    subscriptions.receive(said("subscribed", { id: idOf(subscriptions.frames()[0]) }))
    event(42)
    expect(told).toEqual([40, ["reset", "orders"], 42])
  })

  it("of another tab have no place in the order", () => {
    follow()
    subscriptions.local({ channel: "orders", event: "created", payload: { tab: 1 }, timestamp: "" })
    event(42)
    expect(told).toEqual([{ tab: 1 }, 42])
  })
})

describe("a snapshot", () => {
  it("moves the position to its own, forward and back", () => {
    follow()
    subscriptions.receive(said("snapshot"))
    event(42)
    subscriptions.receive(said("snapshot", { offset: 41 }))
    event(42)
    subscriptions.receive(said("snapshot", { offset: 50 }))
    event(51)
    expect(told).toEqual([41, 42, 41, 42, 50, 51])
  })

  it("before the first reply is taken: the server put the connection on the channel", () => {
    subscriptions.opened()
    subscriptions.add("orders", hear)
    subscriptions.receive(said("snapshot"))
    expect(told).toEqual([41])
  })
})

describe("a gap", () => {
  it("is filled by asking from the position reached", () => {
    follow()
    event(42)
    event(44)
    const at = { since: { orders: { epoch: "k3f9", offset: 42 } } }
    expect(subscriptions.frames()).toEqual([{ unsubscribe: ["orders"] }, asked("subscribe with since", { id: 2, ...at })])
    event(45)
    subscriptions.receive({ id: 2, subscribed: { orders: { epoch: "k3f9", offset: 42, recovered: true } } })
    for (const offset of [43, 44, 45, 46]) event(offset)
    expect(told).toEqual([42, 43, 44, 45, 46])
  })

  it("that is there again is told, and not asked about for ever", () => {
    follow()
    event(43)
    const [, frame] = subscriptions.frames()
    subscriptions.receive(said("subscribed, recovered", { id: idOf(frame) }))
    event(43)
    event(44)
    expect(subscriptions.frames()).toEqual([])
    expect(told).toEqual([["reset", "orders"], 43, 44])
  })
})

describe("a reset", () => {
  it("is told, and sets the position", () => {
    follow()
    subscriptions.receive(said("reset"))
    event(7)
    event(8)
    expect(again()).toEqual([asked("subscribe with since", { id: 2, since: { orders: { epoch: "x81c", offset: 8 } } })])
    expect(told).toEqual([["reset", "orders"], 8])
  })

  it("is told once where a position could not be recovered", () => {
    follow()
    again()
    subscriptions.receive(said("subscribed, not recovered", { id: 2 }))
    subscriptions.receive(said("reset"))
    event(8)
    expect(told).toEqual([["reset", "orders"], 8])
  })

  it("is told with the reply, for the connection may break before the reset frame", () => {
    follow()
    again()
    subscriptions.receive(said("subscribed, not recovered", { id: 2 }))
    again()
    subscriptions.receive(said("subscribed, recovered", { id: 3, subscribed: { orders: { epoch: "x81c", offset: 7, recovered: true } } }))
    event(8)
    subscriptions.receive(said("reset"))
    expect(told).toEqual([["reset", "orders"], 8, ["reset", "orders"]])
  })

  it("is told where the server did not say whether it recovered, unless nothing has happened", () => {
    follow()
    again()
    subscriptions.receive(said("subscribed", { id: 2 }))
    expect(told).toEqual([])
    again()
    subscriptions.receive(said("subscribed", { id: 3, subscribed: { orders: { epoch: "k3f9", offset: 42 } } }))
    expect(told).toEqual([["reset", "orders"]])
  })
})

describe("a server that never replies", () => {
  it("has a gap told, though nothing can be asked for", () => {
    subscriptions.add("orders", hear)
    subscriptions.opened()
    subscriptions.frames()
    for (const offset of [7, 8, 10, 11]) event(offset)
    expect(told).toEqual([7, 8, ["reset", "orders"], 10, 11])
  })

  it("has its events taken as they come, and each break told", () => {
    subscriptions.add("orders", hear)
    subscriptions.add("contacts", hear)
    subscriptions.opened()
    subscriptions.frames()
    event(7)
    event(8)
    again()
    event(12)
    subscriptions.settle()
    event(13)
    again()
    subscriptions.settle()
    expect(told).toEqual([7, 8, ["reset", "orders"], 12, 13, ["reset", "orders"], ["reset", "contacts"]])
  })
})
