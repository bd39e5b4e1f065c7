import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest"
import { collectEvents, collectResets, connectClient } from "../support/clients.js"
import { Proxy } from "../support/proxy.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))

beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(1) // the shortest delays
})

describe("a lost connection", () => {
  let proxy: Proxy

  beforeAll(async () => {
    proxy = await Proxy.to(shared.port)
  })
  afterAll(() => proxy.close())

  it("loses and repeats no event, and reports no reset", async () => {
    const client = connectClient(proxy.url)
    const resets = collectResets(client)
    const events = await collectEvents(client, "broken:1")
    let published = 0
    for (let cuts = 0; cuts < 4; cuts++) {
      for (let n = 0; n < 20; n++) published = await shared.publish("broken:1")
      await until(() => events.length > 0)
      proxy.cut()
      for (let n = 0; n < 20; n++) published = await shared.publish("broken:1")
      await until(() => client.state === "connected")
    }
    await until(() => events.length >= published)
    expect(events.map(({ offset }) => offset)).toEqual(Array.from({ length: published }, (_, n) => n + 1))
    expect(resets).toEqual([])
  })

  it("is a reset if the history does not reach back, and later events are delivered", async () => {
    const client = connectClient(proxy.url)
    const resets = collectResets(client)
    const events = await collectEvents(client, "short:1")
    proxy.cut()
    await until(() => client.state === "reconnecting")
    for (let n = 0; n < 5; n++) await shared.publish("short:1")
    await client.ready("short:1")
    const last = await shared.publish("short:1")
    await until(() => events.length > 0)
    expect(events.map(({ offset }) => offset)).toEqual([last])
    expect(resets).toEqual(["short:1"])
  })

  it("is recovered on a channel that the server puts every connection on", async () => {
    const client = connectClient(proxy.url)
    const events = await collectEvents(client, "everyone")
    const first = await shared.publish("everyone")
    await until(() => events.length === 1)
    proxy.cut()
    await until(() => client.state === "reconnecting")
    await shared.publish("everyone")
    await client.ready("everyone")
    await shared.publish("everyone")
    await until(() => events.length === 3)
    expect(events.map(({ offset }) => offset)).toEqual([first, first + 1, first + 2])
  })
})

describe("a server", { timeout: 60_000 }, () => {
  it("that is killed and restarted has lost its history: a reset is reported, and later events are delivered", async () => {
    const server = await Server.start()
    try {
      const client = connectClient(server.url)
      const resets = collectResets(client)
      const events = await collectEvents(client, "orders")
      await server.publish("orders")
      await until(() => events.length === 1)
      await server.end("SIGKILL")
      await until(() => client.state === "reconnecting")
      expect(client.lastClose).toMatchObject({ code: 1006, final: false })
      await server.start()
      await client.ready("orders")
      await until(() => resets.length === 1)
      await server.publish("orders", { event: "after" })
      await until(() => events.length === 2)
      expect(events.map(({ event, offset }) => [event, offset])).toEqual([["created", 1], ["after", 1]])
      expect(resets).toEqual(["orders"])
    } finally {
      await server.end()
    }
  })

  it("that shuts down names a delay, and the client reconnects after the restart", async () => {
    const server = await Server.start()
    try {
      const client = connectClient(server.url)
      await until(() => client.state === "connected")
      const ended = server.end("SIGTERM")
      await until(() => client.state === "reconnecting")
      expect(client.lastClose).toEqual({ code: 1012, reason: expect.stringMatching(/^retry-after=\d/), final: false })
      await ended
      await server.start()
      await until(() => client.state === "connected")
    } finally {
      await server.end()
    }
  })
})
