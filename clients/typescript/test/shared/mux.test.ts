import { beforeEach, describe, expect, it } from "vitest"
import type { ClientFrame, ServerFrame } from "../../src/protocol.js"
import { Mux } from "../../src/shared/mux.js"
import { asked, said } from "../support/golden.js"

let mux: Mux
let server: ClientFrame[]
let tabs: [to: string | undefined, frame: ServerFrame][] // to whom: the tabs, one after the other
let broken: number

beforeEach(() => {
  server = []
  tabs = []
  broken = 0
  mux = new Mux({
    server: (frame) => server.push(frame),
    tab: (frame, to) => tabs.push([to?.join(), frame]),
    broken: () => broken++,
  })
})

const place = (offset: number, change: object = {}): object => ({ epoch: "k3f9", offset, ...change })
const since = (offset: number, epoch = "k3f9"): object => ({ since: { orders: { epoch, offset } } })
const subscribed = (id: string, offset: number, change: object = {}): void =>
  mux.hear({ id, subscribed: { orders: place(offset, change) } } as ServerFrame)

/** Tab a is on orders, at offset 41. */
function held(): void {
  mux.say("a", asked("subscribe with id"))
  subscribed("a:1", 41)
  server.length = tabs.length = 0
}

describe("a subscribe", () => {
  it("of the first tab goes to the server, and the reply to the tab", () => {
    mux.say("a", asked("subscribe with id"))
    expect(server).toEqual([asked("subscribe with id", { id: "a:1" })])
    subscribed("a:1", 41)
    expect(tabs).toEqual([["a", said("subscribed")]])
  })

  it("of another tab is answered here, and a snapshot asked for", () => {
    held()
    mux.hear(said("event"))
    mux.say("b", asked("subscribe with id", { id: 7 }))
    expect(server).toEqual([{ refresh: ["orders"] }])
    expect(tabs.slice(1)).toEqual([["b", { id: 7, subscribed: { orders: place(42) } }]])
  })

  it("of a tab that comes back no further behind is answered here", () => {
    held()
    mux.say("b", asked("subscribe with id", since(41)))
    mux.say("c", asked("subscribe with id", since(43)))
    expect(server).toEqual([])
    expect(tabs).toEqual([
      ["b", { id: 1, subscribed: { orders: place(41, { recovered: true }) } }],
      ["c", { id: 1, subscribed: { orders: place(43, { recovered: true }) } }],
    ])
  })

  it.each([["k3f9", 40], ["x81c", 99]])("of a tab that comes back from elsewhere (%s, %i) makes the server replay", (epoch, offset) => {
    held()
    mux.say("b", asked("subscribe with id", since(offset, epoch)))
    expect(server).toEqual([{ unsubscribe: ["orders"] }, asked("subscribe with id", { id: "b:1", ...since(offset, epoch) })])
    subscribed("b:1", 40, { recovered: true })
    mux.say("c", asked("subscribe with id", since(40)))
    expect(server).toHaveLength(2)
  })

  it("of several channels is answered in parts", () => {
    held()
    mux.say("b", { subscribe: ["orders", "contacts"], id: 3 })
    mux.hear({ id: "b:3", subscribed: { contacts: { epoch: "x", offset: 0 } } })
    expect(server).toEqual([{ refresh: ["orders"] }, { subscribe: ["contacts"], id: "b:3" }])
    expect(tabs).toEqual([
      ["b", { id: 3, subscribed: { orders: place(41) } }],
      ["b", { id: 3, subscribed: { contacts: { epoch: "x", offset: 0 } } }],
    ])
  })

  it("waits for the one before it, so that all come back from one replay", () => {
    mux.say("a", asked("subscribe with id", since(41)))
    mux.say("b", asked("subscribe with id", since(41)))
    mux.say("c", asked("subscribe with id", since(42)))
    expect(server).toHaveLength(1)
    subscribed("a:1", 41, { recovered: true })
    mux.hear(said("event"))
    expect(server).toHaveLength(1)
    expect(tabs.map(([to, frame]) => [to, "subscribed" in frame ? frame.subscribed["orders"]!.offset : 0])).toEqual([
      ["a", 41],
      ["b", 41],
      ["c", 42],
      ["a,b,c", 0],
    ])
  })
})

describe("an unsubscribe", () => {
  it("goes to the server after the last tab", () => {
    held()
    mux.say("b", asked("subscribe with id"))
    server.length = 0
    mux.say("a", { unsubscribe: ["orders", "contacts"] })
    expect(server).toEqual([])
    mux.say("b", { unsubscribe: ["orders"] })
    mux.say("b", { unsubscribe: ["orders"] })
    expect(server).toEqual([{ unsubscribe: ["orders"] }])
  })

  it("is what a tab leaves behind, while its subscribe is under way too", () => {
    held()
    mux.leave("a")
    expect(server).toEqual([{ unsubscribe: ["orders"] }])
    mux.say("b", asked("subscribe with id"))
    mux.say("b", asked("subscribe with id", { subscribe: ["contacts"] }))
    mux.leave("b")
    subscribed("b:1", 41)
    expect(server.slice(1)).toEqual([asked("subscribe with id", { id: "b:1" }), { unsubscribe: ["orders"] }])
  })
})

describe("what the server says", () => {
  it.each(["reset", "channel ended", "error without id", "pong"])("to all (%s) goes to all", (name) => {
    held()
    mux.hear(said(name))
    expect(tabs).toEqual([[undefined, said(name)]])
  })

  it.each(["event", "event with origin", "snapshot"])("on a channel (%s) goes to the tabs that are on it, or to all where none has asked", (name) => {
    held()
    mux.say("b", asked("subscribe with id"))
    mux.hear(said(name))
    mux.hear(said(name, { channel: "everyone" }))
    expect(tabs.slice(1)).toEqual([
      ["a,b", said(name)],
      [undefined, said(name, { channel: "everyone" })],
    ])
  })

  it.each(["authenticated", "refreshed", "pong with id", "presence", "error", "error of a channel"])("to one (%s) goes to that one", (name) => {
    mux.hear(said(name, { id: 'b:"now"' }))
    expect(tabs).toEqual([["b", said(name, { id: "now" })]])
  })

  it("of a snapshot or a reset moves the position that newcomers get", () => {
    held()
    mux.hear(said("event"))
    mux.hear(said("snapshot"))
    mux.say("b", asked("subscribe with id"))
    mux.hear(said("reset"))
    mux.say("c", asked("subscribe with id"))
    const places = tabs.flatMap(([, frame]) => ("subscribed" in frame ? frame.subscribed["orders"] : []))
    expect(places).toEqual([place(41), { epoch: "x81c", offset: 7 }])
  })

  it("of a channel that ended lets the next one ask anew", () => {
    held()
    mux.hear(said("channel ended"))
    mux.say("b", asked("subscribe with id"))
    expect(server).toEqual([asked("subscribe with id", { id: "b:1" })])
  })
})

describe("a frame", () => {
  it("of another kind goes to the server under the tab's id", () => {
    for (const name of ["auth", "refresh", "presence", "ping", "ping with a string and an id"]) mux.say("a", asked(name))
    expect(server.map(({ id }) => id)).toEqual(["a:3", "a:4", "a:5", undefined, "a:9"])
  })
})

describe("a refusal", () => {
  it("of a channel, or of a frame, lets the next one go on", () => {
    mux.say("a", asked("subscribe with id"))
    mux.say("b", asked("subscribe with id"))
    mux.hear(said("error of a channel", { id: "a:1" }))
    expect(server).toHaveLength(1)
    mux.hear({ id: "a:1", subscribed: {} })
    expect(server).toHaveLength(2)
    mux.hear(said("error", { id: "b:1" }))
    mux.say("c", asked("ping"))
    expect(server).toHaveLength(3)
    expect(broken).toBe(0)
  })

  it.each([
    ["of a channel that others were on", [said("error of a channel", { id: "b:1" }), { id: "b:1", subscribed: {} }]],
    ["of a frame for a channel that others were on", [said("error", { id: "b:1" })]],
    ["by a renewal", [said("error of a channel", { id: 'b:"auth"' })]],
  ])("%s makes all begin anew", (_, frames) => {
    held()
    mux.say("b", asked("subscribe with id", since(40)))
    for (const frame of frames) mux.hear(frame as ServerFrame)
    expect(broken).toBe(1)
  })
})
