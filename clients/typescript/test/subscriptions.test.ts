import { beforeEach, describe, expect, it, vi } from "vitest"
import { BroadcastError } from "../src/errors.js"
import type { BroadcastEvent, ClientFrame } from "../src/protocol.js"
import { Subscriptions } from "../src/subscriptions.js"
import { asked, said } from "./support/golden.js"

let subscriptions: Subscriptions
let told: unknown[]

beforeEach(() => {
  told = []
  subscriptions = create()
})

function create(limit = 128): Subscriptions {
  return new Subscriptions(
    {
      changed: () => {},
      retry: (failures) => told.push(["retry", failures]),
      joined: () => {},
      reset: (channel) => told.push(["reset", channel]),
      failed: (error) => told.push(["failed", error.code, error.channel]),
    },
    limit,
  )
}

const hear = (event: BroadcastEvent): unknown => told.push(event.offset ?? event.payload)
const event = (offset: number, change: object = {}): void => subscriptions.receive(said("event", { offset, ...change }))
const idOf = (frame: ClientFrame | undefined): unknown => frame?.id

/** On orders at (k3f9, 41). */
function follow(): () => void {
  const leave = subscriptions.add("orders", hear)
  subscriptions.opened()
  const [frame] = subscriptions.frames()
  subscriptions.receive(said("subscribed", { id: idOf(frame) }))
  return leave
}

/** The connection breaks and comes back; what is said then. */
function again(): ClientFrame[] {
  subscriptions.closed()
  subscriptions.opened()
  return subscriptions.frames()
}

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
  it("has its events taken as they come, and each break told", () => {
    subscriptions.add("orders", hear)
    subscriptions.add("contacts", hear)
    subscriptions.opened()
    subscriptions.frames()
    event(7)
    event(9)
    again()
    event(12)
    subscriptions.settle()
    event(13)
    again()
    subscriptions.settle()
    expect(told).toEqual([7, 9, ["reset", "orders"], 12, 13, ["reset", "orders"], ["reset", "contacts"]])
  })
})

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
    subscriptions = create(1)
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
