import { afterEach, beforeEach, describe, expect, inject, it, vi } from "vitest"
import { BroadcastClient, type BroadcastEvent, type BroadcastState } from "@pattern-stack/broadcast"
import { sharedSocket } from "@pattern-stack/broadcast/shared"
import { WebSocket } from "ws"
import { browser, Locks, page } from "../support/pages.js"
import { Proxy } from "../support/proxy.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const server = Server.at(inject("port"))
let proxy: Proxy
let tabs: Tab[]

beforeEach(async () => {
  vi.stubGlobal("BroadcastChannel", browser.BroadcastChannel)
  vi.stubGlobal("navigator", { locks: new Locks() })
  vi.spyOn(Math, "random").mockImplementation(((n) => () => (n = (n + 0.137) % 1))(Math.random()))
  proxy = await Proxy.to(server.port)
  tabs = []
})

afterEach(async () => {
  for (const { client } of tabs) client.disconnect()
  await proxy.close()
})

interface Tab {
  client: BroadcastClient
  heard: BroadcastEvent[]
  resets: string[]
  states: BroadcastState[]
  /** The page goes, and says nothing. */
  crash: () => void
}

interface Opening {
  url?: string
  key?: string
  token?: string
}

function open(channel: string, { url = proxy.url, key = "", ...options }: Opening = {}): Tab {
  const socket = sharedSocket({ key, socket: (address) => new WebSocket(address) })
  const client = new BroadcastClient(url, { socket, ...options })
  const tab: Tab = { client, heard: [], resets: [], states: [], crash: () => {} }
  client.subscribe(channel, (event) => tab.heard.push(event))
  client.onReset((one) => tab.resets.push(one))
  client.onStateChange((state) => tab.states.push(state))
  const silence = page(() => client.connect())
  tab.crash = () => {
    silence()
    client.disconnect()
  }
  tabs.push(tab)
  return tab
}

/** So many tabs, which all follow the channel; the first one leads. */
async function opened(count: number, channel: string): Promise<Tab[]> {
  const first = open(channel)
  await first.client.ready(channel)
  const others = Array.from({ length: count - 1 }, () => open(channel))
  await Promise.all(others.map(({ client }) => client.ready(channel)))
  return [first, ...others]
}

const offsets = ({ heard }: Tab): unknown[] => heard.map(({ offset }) => offset)
const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n)

describe("tabs that share", () => {
  it("have one socket, and each hears each event once", async () => {
    const three = await opened(3, "shared:1")
    for (let n = 0; n < 20; n++) await server.publish("shared:1")
    await until(() => three.every(({ heard }) => heard.length === 20))
    expect(three.map(offsets)).toEqual([upTo(20), upTo(20), upTo(20)])
    expect(proxy.accepted).toBe(1)
    expect((await server.count())["shared:1"]).toBe(1)
  })

  it("with other keys have sockets of their own", async () => {
    const [ann, bob] = [open("shared:2", { key: "ann" }), open("shared:2", { key: "bob" })]
    await Promise.all([ann.client.ready("shared:2"), bob.client.ready("shared:2")])
    expect(proxy.accepted).toBe(2)
  })

  it("each get a snapshot when they come", async () => {
    const [one] = await opened(1, "room:shared")
    await until(() => one!.heard.length === 1)
    const two = open("room:shared")
    await until(() => two.heard.length === 1)
    expect(two.heard[0]!.event).toBe("snapshot")
  })

  it("are each told what is refused", async () => {
    const two = [open("secret:2"), open("secret:2")]
    for (const { client } of two) client.onError(() => {})
    for (const { client } of two) await expect(client.ready("secret:2")).rejects.toMatchObject({ code: "forbidden" })
  })

  it("leave a channel with the last of them, whether they say so or not", async () => {
    const three = await opened(3, "shared:3")
    three[1]!.client.disconnect()
    three[2]!.crash()
    expect((await server.count())["shared:3"]).toBe(1)
    const other = open("shared:4")
    await other.client.ready("shared:4")
    other.crash()
    await until(async () => !(await server.count())["shared:4"])
    expect(proxy.accepted).toBe(1)
  })
})

describe("when the tab that holds the socket", () => {
  it.each([
    ["leaves", ({ client }: Tab) => client.disconnect()],
    ["crashes", ({ crash }: Tab) => crash()],
  ])("%s, another takes over within a second, and nothing is lost", async (how, go) => {
    const channel = `shared:${how}`
    const [first, ...others] = await opened(30, channel)
    for (let n = 0; n < 5; n++) await server.publish(channel)
    await until(() => others.every(({ heard }) => heard.length === 5))
    const from = performance.now()
    go(first!)
    for (let n = 0; n < 5; n++) await server.publish(channel)
    await until(() => others.every(({ heard }) => heard.length === 10))
    expect(performance.now() - from).toBeLessThan(1_000)
    await server.publish(channel)
    await until(() => others.every(({ heard }) => heard.length === 11))
    expect(others.map(offsets)).toEqual(others.map(() => upTo(11)))
    expect(others.flatMap(({ resets }) => resets)).toEqual([])
    expect(proxy.accepted).toBe(2)
  })

  it("is not the one that another believes in, that one begins anew", async () => {
    const [one, two] = await opened(2, "shared:9")
    const port = new BroadcastChannel(`pattern-stack/shared//${proxy.url}`)
    port.postMessage({ lead: "another" })
    port.close()
    await until(() => [one!, two!].every(({ states }) => states.length === 4))
    await server.publish("shared:9")
    await until(() => [one!, two!].every(({ heard }) => heard.length === 1))
  })

  it("goes, and again, one takes over until the last", async () => {
    const all = await opened(4, "shared:5")
    let published = 0
    while (all.length > 1) {
      const gone = all.shift()!
      if (all.length % 2) gone.crash()
      else gone.client.disconnect()
      published = await server.publish("shared:5")
      await until(() => all.every(({ heard }) => heard.length === published))
    }
    expect(offsets(all[0]!)).toEqual(upTo(published))
  })

  it("loses the connection, all come back, and nothing is lost", async () => {
    const three = await opened(3, "shared:6")
    await server.publish("shared:6")
    await until(() => three.every(({ heard }) => heard.length === 1))
    proxy.cut()
    await server.publish("shared:6")
    await until(() => three.every(({ heard }) => heard.length === 2))
    expect(three.map(({ states }) => states)).toEqual(three.map(() => ["connecting", "connected", "reconnecting", "connected"]))
    expect(three.flatMap(({ resets }) => resets)).toEqual([])
    expect(proxy.accepted).toBe(2)
  })
})

it("what a close says is told to every tab", async () => {
  const opening = { url: server.url.replace("/broadcast", "/token"), token: "eve:60" }
  const two = [open("shared:7", opening), open("shared:7", opening)].map(({ client }) => client)
  await Promise.all(two.map((client) => client.ready("shared:7")))
  await server.post("/disconnect/eve")
  await until(() => two.every(({ state }) => state === "disconnected"))
  expect(two.map(({ lastClose }) => lastClose?.code)).toEqual([4403, 4403])
})

it("a browser without Web Locks has a socket for each tab", async () => {
  vi.stubGlobal("navigator", {})
  const two = [open("shared:8"), open("shared:8")]
  await Promise.all(two.map(({ client }) => client.ready("shared:8")))
  expect(proxy.accepted).toBe(2)
})
