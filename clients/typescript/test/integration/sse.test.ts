import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest"
import { WebSocket } from "ws"
import type { BroadcastClient, BroadcastError, BroadcastOptions } from "@pattern-stack/broadcast"
import { collectEvents, collectResets, connectClient } from "../support/clients.js"
import { Proxy } from "../support/proxy.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))
let proxy: Proxy
let isBlocked: boolean
let sockets: number

beforeAll(async () => {
  proxy = await Proxy.to(shared.port)
})
afterAll(() => proxy.close())

beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(1) // the shortest delays
  isBlocked = true
  sockets = 0
})

/** A WebSocket that a network lets pass or not. */
function socket(url: string): WebSocket {
  sockets++
  return new WebSocket(isBlocked ? `${url}/blocked` : url)
}

const connect = (options: BroadcastOptions = {}, path = "broadcast"): BroadcastClient =>
  connectClient(proxy.url.replace("broadcast", path), { socket, transports: ["websocket", "sse"], reconnect: { first: 10 }, ...options })

const offsets = (events: { offset?: number }[]): unknown[] => events.map(({ offset }) => offset)
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n)

describe("where no WebSocket can be opened", () => {
  it("two are tried, then HTTP is used", async () => {
    const client = connect()
    expect(client.transport).toBeNull()
    const events = await collectEvents(client, "sse:1")
    expect([client.transport, sockets]).toEqual(["sse", 2])
    await shared.publish("sse:1", { payload: { n: 1 } })
    await until(() => events.length === 1)
    expect(events[0]).toMatchObject({ channel: "sse:1", payload: { n: 1 }, offset: 1 })
  })

  it("nothing is lost or repeated when streams are cut and channels come and go", async () => {
    const client = connect()
    const resets = collectResets(client)
    const events = await collectEvents(client, "sse:2")
    let published = 0
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 10; n++) published = await shared.publish("sse:2")
      const end = client.subscribe(`sse:other${round}`, () => {})
      await client.ready(`sse:other${round}`)
      for (let n = 0; n < 10; n++) published = await shared.publish("sse:2")
      end()
      if (round % 2) proxy.cut()
      for (let n = 0; n < 10; n++) published = await shared.publish("sse:2")
    }
    await until(() => events.length >= published)
    expect(offsets(events)).toEqual(numbers(1, published))
    expect(resets).toEqual([])
  })

  it("a history that does not reach back is a reset", async () => {
    const client = connect()
    const resets = collectResets(client)
    const events = await collectEvents(client, "short:sse")
    client.disconnect()
    for (let n = 0; n < 5; n++) await shared.publish("short:sse")
    client.connect()
    await client.ready("short:sse")
    expect(client.transport).toBe("sse")
    const last = await shared.publish("short:sse")
    await until(() => events.length > 0)
    expect([offsets(events), resets]).toEqual([[last], ["short:sse"]])
  })

  it("snapshots come on joining and on refresh()", async () => {
    const client = connect()
    const events = await collectEvents(client, "room:sse")
    await until(() => events.length === 1)
    client.refresh("room:sse")
    await until(() => events.length === 2)
    expect(events.map(({ event, payload }) => [event, payload])).toEqual([["snapshot", { name: "sse" }], ["snapshot", { name: "sse" }]])
  })

  it("snapshots that are asked for together share one stream, with channels that have none", async () => {
    const client = connect()
    const rooms = await Promise.all(["room:sse1", "room:sse2"].map((room) => collectEvents(client, room)))
    const plain = await collectEvents(client, "sse:plain")
    await until(() => rooms.every((events) => events.length === 1))
    for (const channel of ["sse:plain", "room:sse1", "room:sse2"]) client.refresh(channel)
    await until(() => rooms.every((events) => events.length === 2))
    expect(await shared.count()).toMatchObject({ "sse:plain": 2, "room:sse1": 2, "room:sse2": 2 })
    await shared.publish("sse:plain")
    await until(async () => (await shared.count())["room:sse1"] === 1)
    await until(() => plain.length === 1)
  })

  it("a refused channel is an error of its own, alone and beside others", async () => {
    const client = connect()
    const errors: BroadcastError[] = []
    client.onError((error) => errors.push(error))
    client.subscribe("secret:1", () => {})
    await expect(client.ready("secret:1")).rejects.toMatchObject({ code: "forbidden" })
    client.subscribe("secret:2", () => {})
    await collectEvents(client, "sse:3")
    await expect(client.ready("secret:2")).rejects.toMatchObject({ code: "forbidden", channel: "secret:2" })
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["forbidden"]))
    expect(client.transport).toBe("sse")
  })

  it("the token is proved, and a wrong one ends with 4401", async () => {
    const ann = connect({ token: "ann:3600" }, "token")
    await collectEvents(ann, "sse:4")
    expect(ann.transport).toBe("sse")
    const nobody = connect({ token: "nobody:0" }, "token")
    nobody.subscribe("sse:4", () => {})
    await until(() => nobody.state === "disconnected")
    expect(nobody.lastClose).toMatchObject({ code: 4401, final: true })
  })

  it("who is disconnected by the server stays so", async () => {
    const client = connect({ token: "bob:3600" }, "token")
    await collectEvents(client, "sse:5")
    await shared.post("/disconnect/bob")
    await until(() => client.state === "disconnected")
    expect(client.lastClose).toMatchObject({ code: 4403, final: true })
  })

  it("the end of a channel is told", async () => {
    const client = connect()
    const errors: BroadcastError[] = []
    client.onError((error) => errors.push(error))
    await collectEvents(client, "sse:6")
    await shared.post("/end/sse:6")
    await until(() => errors.length > 0)
    expect(errors[0]).toMatchObject({ code: "ended", channel: "sse:6" })
  })
})

describe("the way back", () => {
  it("is taken when the network changes and a WebSocket opens, without a loss", async () => {
    vi.stubGlobal("addEventListener", (_: string, changed: () => void) => listeners.add(changed))
    vi.stubGlobal("removeEventListener", (_: string, changed: () => void) => listeners.delete(changed))
    const listeners = new Set<() => void>()
    const client = connect()
    const resets = collectResets(client)
    const events = await collectEvents(client, "sse:7")
    await shared.publish("sse:7")
    isBlocked = false
    for (const changed of Array.from(listeners)) changed()
    await until(() => client.transport === "websocket")
    await client.ready("sse:7")
    await shared.publish("sse:7")
    await until(() => events.length === 2)
    expect([offsets(events), resets]).toEqual([[1, 2], []])
    client.disconnect()
    expect(listeners.size).toBe(0)
  })
})

it("with HTTP alone no WebSocket is tried", async () => {
  const client = connect({ transports: ["sse"] })
  await collectEvents(client, "sse:8")
  expect([client.transport, sockets]).toEqual(["sse", 0])
})

it("a server without the HTTP lane is tried again over WebSockets and HTTP", async () => {
  const client = connect({ transports: ["sse"] }, "nothing")
  await until(() => client.lastClose)
  expect(client.lastClose).toMatchObject({ code: 1006, reason: "the server has no HTTP lane", final: false })
})
