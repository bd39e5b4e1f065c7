import { beforeEach, describe, expect, it } from "vitest"
import type { ClientFrame, ServerFrame } from "../../src/protocol.js"
import { Mux } from "../../src/shared/mux.js"
import { clientFrame, serverFrame } from "../support/frames.js"

let mux: Mux
let toServer: ClientFrame[]
let toTabs: [tabs: string | undefined, frame: ServerFrame][] // undefined: to all tabs
let restarts: number
let later: [delay: number, callback: () => void][]

beforeEach(() => {
  toServer = []
  toTabs = []
  restarts = 0
  later = []
  mux = new Mux({
    toServer: (frame) => toServer.push(frame),
    toTabs: (frame, to) => toTabs.push([to?.join(), frame]),
    restart: () => restarts++,
    later: (delay, callback) => later.push([delay, callback]),
  })
})

const position = (offset: number, change: object = {}): object => ({ epoch: "k3f9", offset, ...change })
const since = (offset: number, epoch = "k3f9"): object => ({ since: { orders: { epoch, offset } } })
const subscribed = (id: string, offset: number, change: object = {}): void =>
  mux.fromServer({ id, subscribed: { orders: position(offset, change) } } as ServerFrame)

/** Tab a subscribes to orders, at offset 41. */
function subscribeTabA(): void {
  mux.fromTab("a", clientFrame("subscribe with id"))
  subscribed("a:1", 41)
  toServer.length = toTabs.length = 0
}

describe("a subscribe frame", () => {
  it("of the first tab goes to the server, and the reply goes to the tab", () => {
    mux.fromTab("a", clientFrame("subscribe with id"))
    expect(toServer).toEqual([clientFrame("subscribe with id", { id: "a:1" })])
    subscribed("a:1", 41)
    expect(toTabs).toEqual([["a", serverFrame("subscribed")]])
  })

  it("of another tab is answered by the mux, which asks the server for a snapshot", () => {
    subscribeTabA()
    mux.fromServer(serverFrame("event"))
    mux.fromTab("b", clientFrame("subscribe with id", { id: 7 }))
    expect(toServer).toEqual([{ refresh: ["orders"], id: ":1" }])
    expect(toTabs.slice(1)).toEqual([["b", { id: 7, subscribed: { orders: position(42) } }]])
  })

  it("with a position that is not behind is answered by the mux", () => {
    subscribeTabA()
    mux.fromTab("b", clientFrame("subscribe with id", since(41)))
    mux.fromTab("c", clientFrame("subscribe with id", since(43)))
    expect(toServer).toEqual([])
    expect(toTabs).toEqual([
      ["b", { id: 1, subscribed: { orders: position(41, { recovered: true }) } }],
      ["c", { id: 1, subscribed: { orders: position(43, { recovered: true }) } }],
    ])
  })

  it.each([["k3f9", 40], ["x81c", 99]])("with a position that is behind or of another epoch (%s, %i) makes the server replay", (epoch, offset) => {
    subscribeTabA()
    mux.fromTab("b", clientFrame("subscribe with id", since(offset, epoch)))
    expect(toServer).toEqual([
      { unsubscribe: ["orders"], id: ":1" },
      clientFrame("subscribe with id", { id: "b:1", ...since(offset, epoch) }),
    ])
    subscribed("b:1", 40, { recovered: true })
    mux.fromTab("c", clientFrame("subscribe with id", since(40)))
    expect(toServer).toHaveLength(2)
  })

  it("for a held and a new channel gets two replies", () => {
    subscribeTabA()
    mux.fromTab("b", { subscribe: ["orders", "contacts"], id: 3 })
    mux.fromServer({ id: "b:3", subscribed: { contacts: { epoch: "x", offset: 0 } } })
    expect(toServer).toEqual([{ refresh: ["orders"], id: ":1" }, { subscribe: ["contacts"], id: "b:3" }])
    expect(toTabs).toEqual([
      ["b", { id: 3, subscribed: { orders: position(41) } }],
      ["b", { id: 3, subscribed: { contacts: { epoch: "x", offset: 0 } } }],
    ])
  })

  it("waits for the reply to the one before, so that one replay serves all tabs", () => {
    mux.fromTab("a", clientFrame("subscribe with id", since(41)))
    mux.fromTab("b", clientFrame("subscribe with id", since(41)))
    mux.fromTab("c", clientFrame("subscribe with id", since(42)))
    expect(toServer).toHaveLength(1)
    subscribed("a:1", 41, { recovered: true })
    mux.fromServer(serverFrame("event"))
    expect(toServer).toHaveLength(1)
    expect(toTabs.map(([to, frame]) => [to, "subscribed" in frame ? frame.subscribed["orders"]!.offset : 0])).toEqual([
      ["a", 41],
      ["b", 41],
      ["c", 42],
      ["a,b,c", 0],
    ])
  })
})

describe("an unsubscribe frame", () => {
  it("goes to the server when the last tab leaves the channel", () => {
    subscribeTabA()
    mux.fromTab("b", clientFrame("subscribe with id"))
    toServer.length = 0
    mux.fromTab("a", { unsubscribe: ["orders", "contacts"] })
    expect(toServer).toEqual([])
    mux.fromTab("b", { unsubscribe: ["orders"] })
    mux.fromTab("b", { unsubscribe: ["orders"] })
    expect(toServer).toEqual([{ unsubscribe: ["orders"], id: ":2" }])
  })

  it("with an id is answered by the mux", () => {
    subscribeTabA()
    mux.fromTab("a", { unsubscribe: ["orders"], id: 2 })
    expect(toTabs).toEqual([["a", { unsubscribed: ["orders"], id: 2 }]])
    mux.fromServer({ unsubscribed: ["orders"], id: ":1" })
    expect(toTabs).toHaveLength(1)
  })

  it("is sent for a tab that is gone, also if its subscribe frame has no reply yet", () => {
    subscribeTabA()
    mux.removeTab("a")
    expect(toServer).toEqual([{ unsubscribe: ["orders"], id: ":1" }])
    mux.fromTab("b", clientFrame("subscribe with id"))
    mux.fromTab("b", clientFrame("subscribe with id", { subscribe: ["contacts"] }))
    mux.removeTab("b")
    subscribed("b:1", 41)
    expect(toServer.slice(1)).toEqual([clientFrame("subscribe with id", { id: "b:1" }), { unsubscribe: ["orders"], id: ":2" }])
  })
})

describe("a frame of the server", () => {
  it.each(["reset", "channel ended", "error without id", "pong"])("for the connection (%s) goes to all tabs", (name) => {
    subscribeTabA()
    mux.fromServer(serverFrame(name))
    expect(toTabs).toEqual([[undefined, serverFrame(name)]])
  })

  it.each(["event", "event with origin", "snapshot"])("for a channel (%s) goes to the channel's tabs, or to all tabs if none subscribed", (name) => {
    subscribeTabA()
    mux.fromTab("b", clientFrame("subscribe with id"))
    mux.fromServer(serverFrame(name))
    mux.fromServer(serverFrame(name, { channel: "everyone" }))
    expect(toTabs.slice(1)).toEqual([
      ["a,b", serverFrame(name)],
      [undefined, serverFrame(name, { channel: "everyone" })],
    ])
  })

  it.each(["authenticated", "refreshed", "pong with id", "presence", "error", "error of a channel"])("with an id (%s) goes to the tab in the id", (name) => {
    mux.fromServer(serverFrame(name, { id: 'b:"now"' }))
    expect(toTabs).toEqual([["b", serverFrame(name, { id: "now" })]])
  })

  it("that is a snapshot or a reset moves the position that new tabs get", () => {
    subscribeTabA()
    mux.fromServer(serverFrame("event"))
    mux.fromServer(serverFrame("snapshot"))
    mux.fromTab("b", clientFrame("subscribe with id"))
    mux.fromServer(serverFrame("reset"))
    mux.fromTab("c", clientFrame("subscribe with id"))
    const positions = toTabs.flatMap(([, frame]) => ("subscribed" in frame ? frame.subscribed["orders"] : []))
    expect(positions).toEqual([position(41), { epoch: "x81c", offset: 7 }])
  })

  it("that ends a channel makes the next subscribe frame go to the server", () => {
    subscribeTabA()
    mux.fromServer(serverFrame("channel ended"))
    mux.fromTab("b", clientFrame("subscribe with id"))
    expect(toServer).toEqual([clientFrame("subscribe with id", { id: "b:1" })])
  })
})

describe("any other frame of a tab", () => {
  it("goes to the server with the tab in its id", () => {
    for (const name of ["auth", "refresh", "presence", "ping", "ping with a string and an id"]) mux.fromTab("a", clientFrame(name))
    expect(toServer.map(({ id }) => id)).toEqual(["a:3", "a:4", "a:5", undefined, "a:9"])
  })
})

describe("a refusal", () => {
  it("of a channel or a frame lets the next frame proceed", () => {
    mux.fromTab("a", clientFrame("subscribe with id"))
    mux.fromTab("b", clientFrame("subscribe with id"))
    mux.fromServer(serverFrame("error of a channel", { id: "a:1" }))
    expect(toServer).toHaveLength(1)
    mux.fromServer({ id: "a:1", subscribed: {} })
    expect(toServer).toHaveLength(2)
    mux.fromServer(serverFrame("error", { id: "b:1" }))
    mux.fromTab("c", clientFrame("ping"))
    expect(toServer).toHaveLength(3)
    expect(restarts).toBe(0)
  })

  it("of the mux's own frame for a temporary reason is followed by another one after the server's delay", () => {
    subscribeTabA()
    mux.fromTab("b", clientFrame("subscribe with id"))
    mux.fromServer(serverFrame("rate limited", { id: ":1" }))
    expect(later.map(([delay]) => delay)).toEqual([400])
    later[0]![1]()
    expect(toServer).toEqual([{ refresh: ["orders"], id: ":1" }, { refresh: ["orders"], id: ":2" }])
    mux.fromServer(serverFrame("refreshed", { id: ":2" }))
    expect(toTabs).toEqual([["b", serverFrame("subscribed")]])
  })

  it("of an unsubscribe frame is followed by another one, at the latest before the channel is subscribed again", () => {
    subscribeTabA()
    mux.fromTab("a", { unsubscribe: ["orders"] })
    mux.fromServer({ id: ":1", error: { code: "unavailable", message: "try again" } })
    mux.fromTab("a", clientFrame("subscribe with id", { id: 2 }))
    expect(later.map(([delay]) => delay)).toEqual([1_000])
    later[0]![1]()
    subscribed("a:2", 41)
    expect(toServer).toEqual([
      { unsubscribe: ["orders"], id: ":1" },
      { unsubscribe: ["orders"], id: ":2" },
      clientFrame("subscribe with id", { id: "a:2" }),
    ])
  })

  it("of an unsubscribe frame that a subscribe frame follows makes all tabs reconnect: the server would not replay", () => {
    subscribeTabA()
    mux.fromTab("b", clientFrame("subscribe with id", since(40)))
    mux.fromServer(serverFrame("rate limited", { id: ":1" }))
    expect(restarts).toBe(1)
  })

  it.each([
    ["of a channel that another tab holds", [serverFrame("error of a channel", { id: "b:1" }), { id: "b:1", subscribed: {} }]],
    ["of a frame for a channel that another tab holds", [serverFrame("error", { id: "b:1" })]],
    ["under the id of a token renewal", [serverFrame("error of a channel", { id: 'b:"auth"' })]],
  ])("%s makes all tabs reconnect", (_, frames) => {
    subscribeTabA()
    mux.fromTab("b", clientFrame("subscribe with id", since(40)))
    for (const frame of frames) mux.fromServer(frame as ServerFrame)
    expect(restarts).toBe(1)
  })
})
