import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest"
import { BroadcastClient, type BroadcastEvent, type BroadcastState } from "@pattern-stack/broadcast"
import { sharedSocket } from "@pattern-stack/broadcast/shared"
import { WebSocket } from "ws"
import { Locks, Page, PageBroadcastChannel } from "../support/browser.js"
import { Proxy } from "../support/proxy.js"
import { Server } from "../support/server.js"
import { FakeSocket } from "../support/socket.js"
import { until } from "../support/until.js"

const server = Server.at(inject("port"))
let proxy: Proxy
let tabs: Tab[]

beforeEach(async () => {
  vi.stubGlobal("BroadcastChannel", PageBroadcastChannel)
  vi.stubGlobal("navigator", { locks: new Locks() })
  vi.spyOn(Math, "random").mockImplementation(((n) => () => (n = (n + 0.137) % 1))(Math.random()))
  proxy = await Proxy.to(server.port)
  tabs = []
  isBlocked = false
})

afterEach(async () => {
  for (const { client } of tabs) client.disconnect()
  await proxy.close()
})

interface Tab {
  client: BroadcastClient
  events: BroadcastEvent[]
  resets: string[]
  states: BroadcastState[]
  page: Page
}

interface TabOptions {
  url?: string
  key?: string
  token?: string
  reconnect?: { first: number }
}

/** Whether no WebSocket can be opened. */
let isBlocked: boolean

function openTab(channel: string, { url = proxy.url, key = "", ...options }: TabOptions = {}): Tab {
  const socket = sharedSocket({ key, socket: (address) => new WebSocket(isBlocked ? `${address}/blocked` : address) })
  const client = new BroadcastClient(url, { socket, ...options })
  const tab: Tab = { client, events: [], resets: [], states: [], page: new Page() }
  client.subscribe(channel, (event) => tab.events.push(event))
  client.onReset((reset) => tab.resets.push(reset))
  client.onStateChange((state) => tab.states.push(state))
  tab.page.run(() => client.connect())
  tabs.push(tab)
  return tab
}

/** Ends the tab without any message from it. */
function crash({ client, page }: Tab): void {
  page.block()
  client.disconnect()
}

/** Opens so many tabs that are all subscribed to the channel. The first one leads. */
async function openTabs(count: number, channel: string, options: TabOptions = {}): Promise<Tab[]> {
  const first = openTab(channel, options)
  await first.client.ready(channel)
  const others = Array.from({ length: count - 1 }, () => openTab(channel, options))
  await Promise.all(others.map(({ client }) => client.ready(channel)))
  return [first, ...others]
}

const offsets = ({ events }: Tab): unknown[] => events.map(({ offset }) => offset)
const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n)

describe("tabs with a shared socket", () => {
  it("open one socket, and each gets every event once", async () => {
    const three = await openTabs(3, "shared:1")
    for (let n = 0; n < 20; n++) await server.publish("shared:1")
    await until(() => three.every(({ events }) => events.length === 20))
    expect(three.map(offsets)).toEqual([range(1, 20), range(1, 20), range(1, 20)])
    expect(proxy.accepted).toBe(1)
    expect((await server.count())["shared:1"]).toBe(1)
  })

  it("have separate sockets if their keys differ", async () => {
    const [ann, bob] = [openTab("shared:2", { key: "ann" }), openTab("shared:2", { key: "bob" })]
    await Promise.all([ann.client.ready("shared:2"), bob.client.ready("shared:2")])
    expect(proxy.accepted).toBe(2)
  })

  it("each get a snapshot when they subscribe", async () => {
    const [one] = await openTabs(1, "room:shared")
    await until(() => one!.events.length === 1)
    const two = openTab("room:shared")
    await until(() => two.events.length === 1)
    expect(two.events[0]!.event).toBe("snapshot")
  })

  it("each get the refusal of a channel", async () => {
    const two = [openTab("secret:2"), openTab("secret:2")]
    for (const { client } of two) client.onError(() => {})
    for (const { client } of two) await expect(client.ready("secret:2")).rejects.toMatchObject({ code: "forbidden" })
  })

  it("leave a channel when the last of them disconnects or crashes", async () => {
    const three = await openTabs(3, "shared:3")
    three[1]!.client.disconnect()
    crash(three[2]!)
    expect((await server.count())["shared:3"]).toBe(1)
    const other = openTab("shared:4")
    await other.client.ready("shared:4")
    crash(other)
    await until(async () => !(await server.count())["shared:4"])
    expect(proxy.accepted).toBe(1)
  })
})

describe("when the leading tab", () => {
  it.each([
    ["disconnects", ({ client }: Tab) => client.disconnect()],
    ["crashes", crash],
  ])("%s, another takes over, and no event is lost", async (how, end) => {
    const channel = `shared:${how}`
    const [first, ...others] = await openTabs(30, channel)
    for (let n = 0; n < 5; n++) await server.publish(channel)
    await until(() => others.every(({ events }) => events.length === 5))
    end(first!)
    for (let n = 0; n < 5; n++) await server.publish(channel)
    await until(() => others.every(({ events }) => events.length === 10))
    await server.publish(channel)
    await until(() => others.every(({ events }) => events.length === 11))
    expect(others.map(offsets)).toEqual(others.map(() => range(1, 11)))
    expect(others.flatMap(({ resets }) => resets)).toEqual([])
    expect(proxy.accepted).toBe(2)
  })

  it("is blocked, another takes over, and it follows when it is no longer blocked", async () => {
    const [first, ...others] = await openTabs(5, "shared:10")
    first!.page.block()
    for (let n = 0; n < 5; n++) await server.publish("shared:10")
    await until(() => others.every(({ events }) => events.length === 5))
    expect(proxy.accepted).toBe(2)
    first!.page.unblock()
    await until(() => first!.states.length > 2 && first!.client.state === "connected")
    await server.publish("shared:10")
    const all = [first!, ...others]
    await until(() => all.every(({ events }) => events.length === 6))
    expect(all.map(offsets)).toEqual(all.map(() => range(1, 6)))
    expect(all.flatMap(({ resets }) => resets)).toEqual([])
    expect(proxy.accepted).toBe(2)
    expect((await server.count())["shared:10"]).toBe(1)
  })

  it("is blocked, a tab that is opened then takes over", async () => {
    const [first] = await openTabs(1, "shared:11")
    first!.page.block()
    const second = openTab("shared:11")
    await second.client.ready("shared:11")
    await server.publish("shared:11")
    await until(() => second.events.length === 1)
  })

  it("cannot connect, even before it serves its own tab, its client reports it", async () => {
    const failing = (address: string): FakeSocket => {
      const socket = new FakeSocket(address)
      queueMicrotask(() => socket.end(1006, "refused"))
      return socket
    }
    const client = new BroadcastClient("ws://server/ws/broadcast", { socket: sharedSocket({ socket: failing }) })
    client.connect()
    await until(() => client.lastClose)
    client.disconnect()
    expect(client.lastClose).toEqual({ code: 1006, reason: "refused", final: false })
  })

  it("cannot connect, all clients report it", async () => {
    const { url } = proxy
    await proxy.close()
    const two = [openTab("shared:12", { url }), openTab("shared:12", { url })]
    await until(() => two.every(({ client }) => client.lastClose))
    expect(two.map(({ client }) => client.lastClose)).toEqual(two.map(() => ({ code: 1006, reason: "", final: false })))
    proxy = await Proxy.to(server.port)
  })

  it("is not the one that another tab follows, both reconnect", async () => {
    const [one, two] = await openTabs(2, "shared:9")
    const port = new BroadcastChannel(`pattern-stack/shared//${proxy.url}`)
    port.postMessage({ lead: "another" })
    port.close()
    await until(() => [one!, two!].every(({ states }) => states.length === 4))
    await server.publish("shared:9")
    await until(() => [one!, two!].every(({ events }) => events.length === 1))
  })

  it("ends, and each one after it, another takes over until one is left", async () => {
    const all = await openTabs(4, "shared:5")
    let published = 0
    while (all.length > 1) {
      const leader = all.shift()!
      if (all.length % 2) crash(leader)
      else leader.client.disconnect()
      published = await server.publish("shared:5")
      await until(() => all.every(({ events }) => events.length === published))
    }
    expect(offsets(all[0]!)).toEqual(range(1, published))
  })

  it("loses the connection, all tabs reconnect, and no event is lost", async () => {
    const three = await openTabs(3, "shared:6")
    await server.publish("shared:6")
    await until(() => three.every(({ events }) => events.length === 1))
    proxy.cut()
    await server.publish("shared:6")
    await until(() => three.every(({ events }) => events.length === 2))
    expect(three.map(({ states }) => states)).toEqual(three.map(() => ["connecting", "connected", "reconnecting", "connected"]))
    expect(three.flatMap(({ resets }) => resets)).toEqual([])
    expect(proxy.accepted).toBe(2)
  })
})

it("an option that does not exist is refused in development", () => {
  expect(() => sharedSocket({ keys: "ann" } as object)).toThrow("sharedSocket has no option keys; it has key, socket")
})

it("every tab gets the close code of the server", async () => {
  const options = { url: server.url.replace("/broadcast", "/token"), token: "eve:60" }
  const two = [openTab("shared:7", options), openTab("shared:7", options)].map(({ client }) => client)
  await Promise.all(two.map((client) => client.ready("shared:7")))
  await server.post("/disconnect/eve")
  await until(() => two.every(({ state }) => state === "disconnected"))
  expect(two.map(({ lastClose }) => lastClose?.code)).toEqual([4403, 4403])
})

it("in a browser without Web Locks each tab has a socket of its own", async () => {
  vi.stubGlobal("navigator", {})
  const two = [openTab("shared:8"), openTab("shared:8")]
  await Promise.all(two.map(({ client }) => client.ready("shared:8")))
  expect(proxy.accepted).toBe(2)
})

describe("where no WebSocket can be opened, tabs", () => {
  const options = { reconnect: { first: 10 } }

  it.each([
    ["disconnects", ({ client }: Tab) => client.disconnect()],
    ["crashes", crash],
  ])("share one stream, and lose nothing when the tab that holds it %s", async (how, end) => {
    isBlocked = true
    const channel = `shared:sse:${how}`
    const [first, ...others] = await openTabs(4, channel, options)
    expect([first!, ...others].map(({ client }) => client.transport)).toEqual(Array(4).fill("sse"))
    for (let n = 0; n < 5; n++) await server.publish(channel)
    await until(() => others.every(({ events }) => events.length === 5))
    await until(async () => (await server.count())[channel] === 1)
    end(first!)
    for (let n = 0; n < 5; n++) await server.publish(channel)
    await until(() => others.every(({ events }) => events.length === 10))
    expect(others.map(offsets)).toEqual(others.map(() => range(1, 10)))
    expect(others.flatMap(({ resets }) => resets)).toEqual([])
    await until(async () => (await server.count())[channel] === 1)
  })

  it("all return when one of them can open a WebSocket", async () => {
    const listeners = new Set<() => void>()
    vi.stubGlobal("addEventListener", (type: string, changed: () => void) => type === "online" && listeners.add(changed))
    vi.stubGlobal("removeEventListener", (_: string, changed: () => void) => listeners.delete(changed))
    isBlocked = true
    const three = await openTabs(3, "shared:return", options)
    await server.publish("shared:return")
    await until(() => three.every(({ events }) => events.length === 1))
    isBlocked = false
    for (const changed of Array.from(listeners)) changed()
    await until(() => three.every(({ client }) => client.transport === "websocket"))
    await Promise.all(three.map(({ client }) => client.ready("shared:return")))
    await server.publish("shared:return")
    await until(() => three.every(({ events }) => events.length === 2))
    expect(three.map(offsets)).toEqual(three.map(() => [1, 2]))
    expect(three.flatMap(({ resets }) => resets)).toEqual([])
    await until(async () => (await server.count())["shared:return"] === 1)
  })
})
