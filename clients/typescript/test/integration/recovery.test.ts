import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest"
import { client, following, resets } from "../support/clients.js"
import { Proxy } from "../support/proxy.js"
import { Server } from "../support/server.js"
import { until } from "../support/until.js"

const shared = Server.at(inject("port"))

beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(1) // the shortest delays
})

describe("a connection that breaks", () => {
  let proxy: Proxy

  beforeAll(async () => {
    proxy = await Proxy.to(shared.port)
  })
  afterAll(() => proxy.close())

  it("costs no event, gives none twice, and tells no reset", async () => {
    const one = client(proxy.url)
    const lost = resets(one)
    const heard = await following(one, "broken:1")
    let published = 0
    for (let cuts = 0; cuts < 4; cuts++) {
      for (let n = 0; n < 20; n++) published = await shared.publish("broken:1")
      await until(() => heard.length > 0)
      proxy.cut()
      for (let n = 0; n < 20; n++) published = await shared.publish("broken:1")
      await until(() => one.state === "connected")
    }
    await until(() => heard.length >= published)
    expect(heard.map(({ offset }) => offset)).toEqual(Array.from({ length: published }, (_, n) => n + 1))
    expect(lost).toEqual([])
  })

  it("is told where the history does not reach back, and what follows comes", async () => {
    const one = client(proxy.url)
    const lost = resets(one)
    const heard = await following(one, "short:1")
    proxy.cut()
    await until(() => one.state === "reconnecting")
    for (let n = 0; n < 5; n++) await shared.publish("short:1")
    await one.ready("short:1")
    const last = await shared.publish("short:1")
    await until(() => heard.length > 0)
    expect(heard.map(({ offset }) => offset)).toEqual([last])
    expect(lost).toEqual(["short:1"])
  })

  it("recovers a channel that the server puts everybody on", async () => {
    const one = client(proxy.url)
    const heard = await following(one, "everyone")
    const first = await shared.publish("everyone")
    await until(() => heard.length === 1)
    proxy.cut()
    await until(() => one.state === "reconnecting")
    await shared.publish("everyone")
    await one.ready("everyone")
    await shared.publish("everyone")
    await until(() => heard.length === 3)
    expect(heard.map(({ offset }) => offset)).toEqual([first, first + 1, first + 2])
  })
})

describe("a server", () => {
  it("that is killed and comes back has lost its history: that is told, and what follows comes", async () => {
    const server = await Server.start()
    try {
      const one = client(server.url)
      const lost = resets(one)
      const heard = await following(one, "orders")
      await server.publish("orders")
      await until(() => heard.length === 1)
      await server.end("SIGKILL")
      await until(() => one.state === "reconnecting")
      expect(one.lastClose).toMatchObject({ code: 1006, final: false })
      await server.start()
      await one.ready("orders")
      await until(() => lost.length === 1)
      await server.publish("orders", { event: "after" })
      await until(() => heard.length === 2)
      expect(heard.map(({ event, offset }) => [event, offset])).toEqual([["created", 1], ["after", 1]])
      expect(lost).toEqual(["orders"])
    } finally {
      await server.end()
    }
  })

  it("that shuts down names the delay, and that is kept", async () => {
    const server = await Server.start()
    try {
      const one = client(server.url)
      await until(() => one.state === "connected")
      let closed = 0
      let returned = 0
      one.onStateChange((state) => {
        if (state === "reconnecting") closed = performance.now()
      })
      const ended = server.end("SIGTERM")
      await until(() => one.state === "reconnecting")
      const { code, reason } = one.lastClose!
      expect([code, reason]).toEqual([1012, expect.stringMatching(/^retry-after=\d/)])
      await ended
      await server.start()
      await until(() => one.state === "connected")
      returned = performance.now()
      expect(returned - closed).toBeGreaterThan(Number(reason.split("=")[1]) * 1_000 - 20)
    } finally {
      await server.end()
    }
  })
})
